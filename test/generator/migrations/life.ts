/** What happens to a seed's schemas: rows and shapes change, by two writers, step by step. */
import type pg from 'pg';
import { reasonOf } from '../../../src/errors.js';
import type { Random } from '../../support/random.js';
import { Difference } from '../difference.js';
import { ident, literal, Names } from '../names.js';
import { insertRows, statement } from '../statements.js';
import { readLive, fillable, namesOf, ANCHOR, type Live, type Schemas } from './catalog.js';
import { among, type Changes } from './change.js';
import { COLUMNS } from './columns.js';
import { createIndex, KEYS } from './keys.js';
import { firstTypes, OWN_TYPES } from './own-types.js';
import { PARTITIONS } from './parts.js';
import { create, RELATIONS } from './relations.js';

export const CHANGES: Changes = { ...COLUMNS, ...KEYS, ...RELATIONS, ...PARTITIONS, ...OWN_TYPES };
const KINDS = Object.keys(CHANGES);
/** What one writer may do while another changes rows, and the key of none is lost between the other's look and its statement. */
const RACING = Object.keys({ ...COLUMNS, ...OWN_TYPES }).filter((kind) => !/drop (?:and add )?(?:key )?column|more|several/.test(kind));

/** Errors that a statement may run into, given that nobody looked at the rows, or that the other writer was there. */
const EXPECTED = /^(?:2[1234].*|2BP01|2F...|0A000|0B000|3D000|3F000|40...|42...|54...|55...|57014|P0001)$/;
/** Of statements that meet DDL of others in the same moment. */
const EXPECTED_INTERNAL = /^(?:tuple concurrently (?:updated|deleted)|could not open relation with OID|cache lookup failed|relation \d+ deleted while still in use|cannot start a subtransaction when there are unprocessed inval messages)/;
const LOCK_TIMEOUT_MS = 20;
const TABLES = 4;
const RACE = 8;

interface Writer {
  readonly client: pg.Client;
  /** Statements that are still to come in the open transaction; undefined: none is open. */
  left: number | undefined;
}

export class Life {
  readonly #random: Random;
  readonly #names: Names;
  readonly #schemas: Schemas;
  readonly #writers: readonly Writer[];
  readonly #prepared: string[] = [];
  readonly #scene: { readonly folder: string; readonly seed: number; readonly view: undefined };
  #count = 0;
  /** Statements that went through. */
  statements = 0;
  /** Changes of the schema that went through, by kind. */
  readonly done = new Map<string, number>();

  constructor(seed: number, random: Random, schemas: Schemas, clients: readonly pg.Client[], folder: string) {
    this.#random = random;
    this.#names = new Names(random);
    this.#schemas = schemas;
    this.#writers = clients.map((client) => ({ client, left: undefined }));
    this.#scene = { folder, seed, view: undefined };
  }

  /** By which a difference tells whose it is. */
  get name(): string {
    return this.#schemas.followed[0];
  }

  async open(): Promise<void> {
    const [{ client }] = this.#writers;
    for (const schema of namesOf(this.#schemas)) await client.query(`CREATE SCHEMA ${ident(schema)}; CREATE TABLE ${ident(schema)}.${ANCHOR} (id integer PRIMARY KEY, v text); INSERT INTO ${ident(schema)}.${ANCHOR} VALUES (1, 'x')`);
    for (const sql of firstTypes(this.name)) await client.query(sql);
    for (const writer of this.#writers) await writer.client.query(`SET lock_timeout = '${LOCK_TIMEOUT_MS}ms'`);
    for (let i = 0; i < TABLES; i++) await this.#attempt(client, create(await this.#live(client), `${ident(this.#schemas.followed[0])}.${ident(this.#names.next('t'))}`));
    await this.epilogue();
  }

  /** One statement, or the beginning or end of a transaction. */
  async step(): Promise<void> {
    const random = this.#random;
    if (this.#prepared.length > 0 && random.below(3) === 0) return this.#decide();
    const writer = random.pick(this.#writers);
    if (writer.left === undefined) {
      await this.#begin(writer);
    } else if (writer.left === 0) {
      await this.#end(writer);
    } else {
      writer.left -= 1;
      await this.#statement(writer);
    }
  }

  /** Ends what is open. */
  async finish(): Promise<void> {
    for (const writer of this.#writers) if (writer.left !== undefined) await this.#end(writer);
    while (this.#prepared.length > 0) await this.#decide();
  }

  /** Both at once: one changes rows, one changes shapes, each statement a transaction. */
  async race(): Promise<void> {
    const [rows, shapes] = this.#writers;
    const some = Array.from({ length: RACE }, () => this.#random.pick(RACING));
    await Promise.all([
      (async () => { for (let i = 0; i < RACE; i++) await this.#attempt(rows.client, this.#rows(await this.#live(rows.client))); })(),
      (async () => { for (const kind of some) await this.#change(shapes.client, kind); })(),
    ]);
  }

  /** What is left unlogged is not followed: it is made whole; then one more row for every table. */
  async epilogue(): Promise<void> {
    const [{ client }] = this.#writers;
    const live = await this.#live(client);
    await client.query('SET lock_timeout = 0');
    for (const table of live.tables) if (table.persistence === 'u') await client.query(`ALTER TABLE ${table.sql} SET LOGGED`);
    for (const table of fillable(live)) await this.#attempt(client, insertRows({ ...this.#scene, random: this.#random, tables: [] }, table));
    await client.query(`SET lock_timeout = '${LOCK_TIMEOUT_MS}ms'`);
  }

  async #begin(writer: Writer): Promise<void> {
    if (this.#random.below(4) > 0) {
      await writer.client.query('BEGIN');
      writer.left = this.#random.below(7);
    } else if (this.#random.below(5) === 0) {
      await this.#attempt(writer.client, this.#maintenance(await this.#live(writer.client)));
    } else {
      await this.#any(writer.client);
    }
  }

  async #statement(writer: Writer): Promise<void> {
    const random = this.#random;
    if (random.below(4) === 0) { // without a savepoint its failure ends the transaction
      if (!(await this.#any(writer.client))) await this.#rollBack(writer);
      return;
    }
    const name = `savepoint_${this.#count++}`;
    await writer.client.query(`SAVEPOINT ${name}`);
    const went = await this.#any(writer.client);
    if (!went || random.below(5) === 0) await writer.client.query(`ROLLBACK TO SAVEPOINT ${name}`);
    else if (random.below(3) === 0) await writer.client.query(`RELEASE SAVEPOINT ${name}`);
  }

  async #end(writer: Writer): Promise<void> {
    const how = this.#random.below(12);
    writer.left = undefined;
    if (how < 3) {
      await writer.client.query('ROLLBACK');
    } else if (how < 4) {
      const name = `${this.name} ${this.#count++}`;
      if (await this.#attempt(writer.client, `PREPARE TRANSACTION ${literal(name)}`)) this.#prepared.push(name);
      else await writer.client.query('ROLLBACK');
    } else if (!(await this.#attempt(writer.client, 'COMMIT'))) {
      await writer.client.query('ROLLBACK');
    }
  }

  async #decide(): Promise<void> {
    const free = this.#writers.find(({ left }) => left === undefined); // it cannot be done within a transaction
    const name = free === undefined ? undefined : this.#prepared.shift();
    if (name !== undefined) await free?.client.query(`${this.#random.below(3) === 0 ? 'ROLLBACK' : 'COMMIT'} PREPARED ${literal(name)}`);
  }

  async #rollBack(writer: Writer): Promise<void> {
    writer.left = undefined;
    await writer.client.query('ROLLBACK');
  }

  /** A change of rows or of the schema. */
  async #any(client: pg.Client): Promise<boolean> {
    if (this.#random.below(2) === 0) return this.#attempt(client, this.#rows(await this.#live(client)));
    return this.#change(client, this.#random.pick(KINDS));
  }

  async #change(client: pg.Client, kind: string): Promise<boolean> {
    const sql = CHANGES[kind](await this.#live(client));
    if (sql === undefined) return true;
    const went = await this.#attempt(client, sql);
    if (went) this.done.set(kind, (this.done.get(kind) ?? 0) + 1);
    return went;
  }

  #rows(live: Live): string | undefined {
    const tables = fillable(live);
    return tables.length === 0 ? undefined : statement({ ...this.#scene, random: this.#random, tables });
  }

  /** What changes no row and no shape; or an index that comes while others write. */
  #maintenance(live: Live): string | undefined {
    const table = among(this.#random, live.tables.filter(({ kind }) => kind === 'r'));
    return table && this.#random.pick([`VACUUM (FULL) ${table.sql}`, `VACUUM (TRUNCATE off) ${table.sql}`, `ANALYZE ${table.sql}`, `REINDEX TABLE ${table.sql}`, `GRANT SELECT ON ${table.sql} TO pg_monitor`, `ALTER TABLE ${table.sql} SET (fillfactor = 70)`, createIndex(live, table, 'CONCURRENTLY')]);
  }

  async #live(client: pg.Client): Promise<Live> {
    return readLive(client, this.#schemas, this.#random, this.#names);
  }

  /** False where the statement failed as statements may. */
  async #attempt(client: pg.Client, sql: string | undefined): Promise<boolean> {
    if (sql === undefined) return true;
    try {
      await client.query(sql);
      this.statements += 1;
      return true;
    } catch (error) {
      if (EXPECTED.test((error as pg.DatabaseError).code ?? '') || EXPECTED_INTERNAL.test(reasonOf(error))) return false;
      throw new Difference(this.name, `${reasonOf(error)}: ${sql.slice(0, 2000)}`);
    }
  }
}
