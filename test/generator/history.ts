/** What happens to a seed's tables: transactions of two writers, interleaved step by step. */
import type pg from 'pg';
import type { Random } from '../support/random.js';
import { Difference } from './difference.js';
import { ident, literal } from './names.js';
import { insertRows, maintenance, statement, type Scene } from './statements.js';
import type { Table } from './table.js';

/** What a statement may run into, given that nobody looked at the rows before. */
const EXPECTED = new Set([
  '23505', // a key that is there already
  '23503', // a reference to nothing
  '23502', // NULL by ON DELETE SET NULL
  '21000', // MERGE or ON CONFLICT would touch a row twice
  '21P01',
  '22003', // id + 1 beyond the type
  '54000', // a row too long for its index
  '55P03', // locked by the other writer, by a prepared transaction, or by an import
  '40P01',
  '40001', // the other writer was there after a REPEATABLE READ began
  '23514', // a row that is not for that partition
  '55006', // TRUNCATE of a table whose deferred triggers wait
  '0A000', // TRUNCATE of what another table refers to, without CASCADE
]);
const LOCK_TIMEOUT_MS = 40;
const DEEP = 80;
const RACE = 10;

/** A connection of a seed, with the transaction that it has open. */
interface Writer {
  readonly client: pg.Client;
  /** Statements that are still to come in the open transaction; undefined: none is open. */
  left: number | undefined;
}

export class History {
  readonly #scene: Scene;
  readonly #random: Random;
  readonly #writers: readonly Writer[];
  readonly #prepared: string[] = [];
  #names = 0;
  /** Statements that went through. */
  statements = 0;

  constructor(scene: Scene, clients: readonly pg.Client[]) {
    this.#scene = scene;
    this.#random = scene.random;
    this.#writers = clients.map((client) => ({ client, left: undefined }));
  }

  async open(): Promise<void> {
    for (const { client } of this.#writers) await client.query(`SET lock_timeout = '${LOCK_TIMEOUT_MS}ms'`);
  }

  /** First rows. */
  async begin(table: Table): Promise<void> {
    const [{ client }] = this.#writers;
    for (let i = 0; i < 3; i++) await this.#attempt(client, insertRows(this.#scene, table));
  }

  /** One statement, or the beginning or end of a transaction. */
  async step(): Promise<void> {
    const random = this.#random;
    if (this.#prepared.length > 0 && random.below(6) === 0) return this.#decide();
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

  /** Both writers at once, each statement a transaction: they meet within an ON CONFLICT, too. The statements are the seed's, who comes first is not. */
  async race(): Promise<void> {
    const rounds = Array.from({ length: RACE }, () => this.#writers.map(() => statement(this.#scene)));
    await Promise.all(this.#writers.map(async ({ client }, i) => {
      for (const round of rounds) await this.#attempt(client, round[i]);
    }));
  }

  /** One more row in every table, each in a transaction of its own. */
  async epilogue(): Promise<void> {
    const [{ client }] = this.#writers;
    for (const table of this.#scene.tables) await this.#attempt(client, insertRows(this.#scene, table));
  }

  async #begin(writer: Writer): Promise<void> {
    if (this.#random.below(5) === 0) { // a transaction of one statement, which nobody opens
      await this.#attempt(writer.client, this.#random.below(5) === 0 ? maintenance(this.#scene) : statement(this.#scene));
      return;
    }
    await writer.client.query(this.#random.below(8) === 0 ? 'BEGIN ISOLATION LEVEL REPEATABLE READ' : 'BEGIN');
    writer.left = this.#random.below(7); // none: an empty transaction
  }

  async #statement(writer: Writer): Promise<void> {
    const random = this.#random;
    const sql = random.below(30) === 0 ? this.#deep() : statement(this.#scene);
    if (random.below(4) === 0) { // without a savepoint its failure ends the transaction
      if (!(await this.#attempt(writer.client, sql))) await this.#rollBack(writer);
      return;
    }
    const name = ident(`savepoint ${this.#names++}`);
    await writer.client.query(`SAVEPOINT ${name}`);
    const after = random.pick(['', '', '', `; RELEASE SAVEPOINT ${name}`, `; ROLLBACK TO SAVEPOINT ${name}`]);
    if (!(await this.#attempt(writer.client, sql + after))) await writer.client.query(`ROLLBACK TO SAVEPOINT ${name}`);
  }

  /** Savepoints within savepoints, some of them rolled back to; what fails takes all of it along. */
  #deep(): string {
    const random = this.#random;
    const prefix = this.#names++;
    const parts: string[] = [];
    const depth = random.below(3) === 0 ? DEEP : 5;
    for (let level = 0; level < depth; level++) {
      parts.push(`SAVEPOINT "deep ${prefix} ${level}"`);
      if (level % 5 === 0) parts.push(statement(this.#scene));
    }
    parts.push(`ROLLBACK TO SAVEPOINT "deep ${prefix} ${random.below(depth)}"`, statement(this.#scene));
    return parts.join('; ');
  }

  async #end(writer: Writer): Promise<void> {
    const random = this.#random;
    writer.left = undefined;
    const how = random.below(12);
    if (how < 2) {
      await writer.client.query('ROLLBACK');
    } else if (how < 4) {
      const name = `${this.#scene.seed} ${this.#names++}`;
      if (await this.#attempt(writer.client, `PREPARE TRANSACTION ${literal(name)}`)) this.#prepared.push(name);
      else await writer.client.query('ROLLBACK');
    } else if (!(await this.#attempt(writer.client, 'COMMIT'))) {
      await writer.client.query('ROLLBACK');
    }
  }

  /** The oldest prepared transaction is committed, or not. */
  async #decide(): Promise<void> {
    const free = this.#writers.find(({ left }) => left === undefined); // it cannot be done within a transaction
    const name = free === undefined ? undefined : this.#prepared.shift();
    if (name !== undefined) await free?.client.query(`${this.#random.below(3) === 0 ? 'ROLLBACK' : 'COMMIT'} PREPARED ${literal(name)}`);
  }

  async #rollBack(writer: Writer): Promise<void> {
    writer.left = undefined;
    await writer.client.query('ROLLBACK');
  }

  /** False where the statement failed as statements may. */
  async #attempt(client: pg.Client, sql: string): Promise<boolean> {
    try {
      await client.query(sql);
      this.statements += 1;
      return true;
    } catch (error) {
      if (EXPECTED.has((error as pg.DatabaseError).code ?? '')) return false;
      throw new Difference(this.#scene.tables[0].schema, `${(error as Error).message}: ${sql.slice(0, 2000)}`);
    }
  }
}
