/**
 * One server, one deltastream and its twin for any number of seeds: each seed has a schema of its
 * own, and the seeds of a batch live through their histories side by side.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { Server } from '../../dev/postgres.js';
import { reasonOf } from '../../src/errors.js';
import { formatPosition, readTransactions } from '../../src/index.js';
import { Path, until, type Daemon } from '../support/path.js';
import { Random } from '../support/random.js';
import { unsettled } from '../support/settled.js';
import { choose, type Choice } from './choice.js';
import { requireChosen } from './chosen.js';
import { Difference } from './difference.js';
import { PINNED, requireEqual, shapesOf, type Partitions } from './equality.js';
import { History } from './history.js';
import { Mirrors } from './mirrors.js';
import { ident } from './names.js';
import type { Scene } from './statements.js';
import { ADDED, makeSchema, type Schema } from './tables.js';
import { requireTwin, TWIN } from './twin.js';

const STEPS = 16;
const EXTENSIONS = ['citext', 'hstore', 'ltree', 'cube', 'seg', 'isn'];
const SETTINGS = { max_connections: '200', max_prepared_transactions: '200', max_locks_per_transaction: '1024', shared_buffers: '256MB', logical_decoding_work_mem: '64kB' };

/** What a database may say to every session, and what no value may depend on. */
const HOSTILE = {
  DateStyle: "'SQL, DMY'", IntervalStyle: "'iso_8601'", TimeZone: "'Asia/Kathmandu'", extra_float_digits: '-10', bytea_output: "'escape'", xmlbinary: "'hex'",
  quote_all_identifiers: 'on', search_path: 'scratch, public', standard_conforming_strings: 'off', default_transaction_isolation: "'serializable'", row_security: 'off',
};
/** What the generator's own statements, and files of COPY, need to be read as they are meant. */
const READABLE = 'SET DateStyle = ISO; SET TimeZone = \'UTC\'; SET extra_float_digits = 1; SET standard_conforming_strings = on; SET default_transaction_isolation = \'read committed\'';

/** What a batch came to. */
export interface Outcome {
  readonly statements: number;
  /** By test_decoding and by us. */
  readonly changes: number;
  /** Of Postgres; each was compared with three caches. */
  readonly rows: number;
  /** Of these, what a fourth cache holds by its host's choice. */
  readonly chosen: number;
  /** Tables of that cache that had to be imported again: the log did not have a value that was asked for. */
  readonly untold: number;
}

interface Life {
  readonly schema: Schema;
  readonly history: History;
}

interface Seed extends Schema {
  readonly random: Random;
}

export class World {
  readonly #path: Path;
  readonly #client: pg.Client;
  readonly #stream: Daemon;
  readonly #partitions: Partitions;
  #batches = 0;
  #from: string | undefined;

  private constructor(path: Path, client: pg.Client, stream: Daemon, partitions: Partitions) {
    this.#path = path;
    this.#client = client;
    this.#stream = stream;
    this.#partitions = partitions;
  }

  static async start(partitions: Partitions): Promise<World> {
    const server = await Server.start({ settings: SETTINGS });
    try {
      return await World.#on(server, partitions);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  static async #on(server: Server, partitions: Partitions): Promise<World> {
    for (const extension of EXTENSIONS) await server.query(`CREATE EXTENSION ${extension} SCHEMA public`);
    await server.query('CREATE SCHEMA scratch');
    const path = await Path.on(server, mkdtempSync(join(tmpdir(), 'deltamirror-world-')));
    for (const [name, value] of Object.entries(HOSTILE)) await server.query(`ALTER DATABASE postgres SET ${name} = ${value}`);
    const stream = path.deltastream('--partitions', partitions);
    await until('deltastream to follow', async () => (await server.query('SELECT FROM pg_replication_slots WHERE active')).length > 0);
    const client = await server.client();
    await client.query(`${READABLE}; ${PINNED}`);
    await client.query(`SELECT pg_create_logical_replication_slot('${TWIN}', 'test_decoding')`);
    return new World(path, client, stream, partitions);
  }

  async end(): Promise<void> {
    await this.#client.end();
    await this.#path.end();
    rmSync(this.#path.folder, { recursive: true, force: true });
  }

  /** Lets the seeds live, and proves that three mirrors and the twin saw the same as Postgres. Throws with the seed and what differs; the world is then good for nothing more. */
  async run(seeds: readonly number[]): Promise<Outcome> {
    const schemas = seeds.map(seedOf);
    const clients: pg.Client[] = [];
    try {
      const outcome = await this.#live(await Promise.all(schemas.map((schema) => this.#create(schema, clients))));
      await this.#forget(schemas);
      return outcome;
    } catch (error) {
      const culprit = schemas.find(({ name }) => error instanceof Difference && error.schema === name);
      const who = culprit === undefined ? `one of the seeds ${seeds[0]} to ${seeds.at(-1)}` : `SEED=${culprit.seed} npm test -- generator`;
      throw new Error(`${who}: ${reasonOf(error)}`, { cause: error });
    } finally {
      for (const client of clients) await client.end();
    }
  }

  async #live(lives: readonly Life[]): Promise<Outcome> {
    const schemas = lives.map(({ schema }) => schema.name);
    const shapes = await shapesOf(this.#client, schemas, this.#partitions);
    const choices = lives.map(({ schema }) => choose(schema, shapes));
    const mirrors = new Mirrors(this.#path, choices, this.#batches++);
    try {
      await mirrors.start('live');
      await mirrors.beside(this.#histories(lives, mirrors, choices));
      await mirrors.start('fresh');
      for (const { history } of lives) await history.epilogue();
      await mirrors.caughtUp();
      for (const cache of [...mirrors.caches, mirrors.chosen]) await until('the copies to be in', () => unsettled(cache).every(({ state }) => state !== 'waiting'));
      const untold = mirrors.untold();
      const back = this.#bringBack(untold, mirrors);
      const rows = await requireEqual(this.#client, schemas, this.#partitions, mirrors.caches).finally(() => back);
      const chosen = await requireChosen(this.#client, mirrors.chosen, choices);
      const changes = await requireTwin(this.#client, this.#path.log, this.#from, schemas, this.#partitions);
      return { rows, chosen, untold: untold.length, changes, statements: lives.reduce((sum, { history }) => sum + history.statements, 0) };
    } finally {
      await mirrors.stop();
    }
  }

  /** All histories side by side. While they go on, deltastream is killed, other mirrors join, and the first begins anew with some of its tables made anew. */
  async #histories(lives: readonly Life[], mirrors: Mirrors, choices: readonly Choice[]): Promise<void> {
    const beside: Promise<void>[] = [];
    const start = (what: Promise<void>) => {
      what.catch(() => {}); // whoever awaits it tells
      beside.push(what);
    };
    // What is chosen is imported as the changes begin, or in their middle: seeds that are near each other mostly agree.
    const inTheMiddle = Math.floor(lives[0].schema.seed / 20) % 2 === 1;
    if (!inTheMiddle) start(mirrors.startChosen());
    let steps = 0;
    const all = lives.map(async ({ history }) => {
      for (let i = 0; i < STEPS; i++) {
        await history.step();
        if (++steps === Math.floor(lives.length * STEPS / 4)) {
          start(this.#killStream());
          start(mirrors.restart(choices.flatMap(({ again }) => again)));
        }
        if (steps === Math.floor(lives.length * STEPS / 2)) {
          start(mirrors.start('late'));
          if (inTheMiddle) start(mirrors.startChosen());
        }
      }
      await history.finish();
      await history.race();
    });
    await Promise.all(all);
    await Promise.all(beside);
  }

  /** Imports tables again that the chosen cache has given up. */
  async #bringBack(tables: readonly string[], mirrors: Mirrors): Promise<void> {
    if (tables.length === 0) return;
    await this.#killStream(); // what begins anew writes a horizon at once, for the import to join
    await mirrors.bringBack(tables);
    await mirrors.caughtUp();
  }

  /** What was sent and not yet confirmed is sent again. */
  async #killStream(): Promise<void> {
    await this.#stream.stop('SIGKILL');
    this.#stream.start();
  }

  async #create({ random, ...schema }: Seed, all: pg.Client[]): Promise<Life> {
    const clients = [await this.#path.client(), await this.#path.client()];
    all.push(...clients);
    for (const each of clients) await each.query(READABLE);
    const [client] = clients;
    const scene: Scene = { random, seed: schema.seed, tables: schema.tables, view: schema.view?.name, folder: this.#path.server.directory };
    const history = new History(scene, clients);
    for (const sql of [...schema.ddl, ...schema.tables.flatMap(({ ddl }) => ddl)]) await execute(client, schema.name, sql);
    await history.open();
    for (const table of schema.tables) await history.begin({ ...table, columns: table.columns.filter(({ name }) => name !== ADDED) });
    for (const sql of [...schema.tables.flatMap(({ later }) => later), ...(schema.view === undefined ? [] : [schema.view.ddl])]) await execute(client, schema.name, sql);
    return { schema, history };
  }

  /** Leaves little behind for the next batch. */
  async #forget(schemas: readonly Schema[]): Promise<void> {
    await this.#client.query('DROP SCHEMA scratch CASCADE; CREATE SCHEMA scratch');
    for (const { name } of schemas) await this.#client.query(`DROP SCHEMA ${ident(name)} CASCADE`);
    for await (const { first } of readTransactions(this.#path.log, { from: this.#from })) this.#from = formatPosition(first);
  }
}

/** Its schema, and the source of what happens to it. */
function seedOf(seed: number): Seed {
  const random = new Random(seed);
  return { ...makeSchema(seed, random), random };
}

async function execute(client: pg.Client, schema: string, sql: string): Promise<void> {
  await client.query(sql).catch((error: unknown) => { throw new Difference(schema, `${reasonOf(error)}: ${sql}`); });
}
