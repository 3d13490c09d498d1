/** One server and one deltastream for any number of seeds, each with schemas of its own that change while rows do. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { Server } from '../../../dev/postgres.js';
import { reasonOf } from '../../../src/errors.js';
import { Killer } from '../../support/killer.js';
import { Path, until, type Daemon } from '../../support/path.js';
import { Random } from '../../support/random.js';
import { settled } from '../../support/settled.js';
import { Difference } from '../difference.js';
import { PINNED, requireEqual, type Partitions } from '../equality.js';
import { ident } from '../names.js';
import { matches, parsePatterns } from '../../../src/daystream/pattern.js';
import { namesOf, type Schemas } from './catalog.js';
import { Fleet, patternsOf } from './fleet.js';
import { Life } from './life.js';
import { requireSameShapes } from './shapes.js';

const STEPS = 16;
const STREAM_LIFE_MS = 2500;
const INTERVAL = '300ms';
const SETTINGS = { max_connections: '200', max_prepared_transactions: '200', max_locks_per_transaction: '1024', shared_buffers: '128MB' };

/** How deltastream hears of a change of the schema that leaves nothing in the WAL that it could read. */
export type Detection = 'triggers' | 'polling';

export interface Setting {
  readonly partitions: Partitions;
  readonly detection: Detection;
  /** Of the slot; by default ours. */
  readonly plugin?: 'deltastream' | 'pgoutput';
}

/** What a batch came to. */
export interface Outcome {
  readonly statements: number;
  /** Changes of the schema that went through, by kind. */
  readonly done: ReadonlyMap<string, number>;
  /** Each is of one table in one cache. */
  readonly tables: number;
  readonly rows: number;
  readonly kills: number;
}

export class World {
  readonly #path: Path;
  readonly #client: pg.Client;
  readonly #stream: Daemon;
  readonly #setting: Setting;
  #batches = 0;

  private constructor(path: Path, client: pg.Client, stream: Daemon, setting: Setting) {
    this.#path = path;
    this.#client = client;
    this.#stream = stream;
    this.#setting = setting;
  }

  /** `most`: seeds of a batch. */
  static async start(setting: Setting, most: number): Promise<World> {
    const server = await Server.start({ settings: SETTINGS });
    try {
      return await World.#on(server, setting, most);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  static async #on(server: Server, setting: Setting, most: number): Promise<World> {
    await server.query('CREATE EXTENSION citext SCHEMA public');
    const path = await Path.on(server, mkdtempSync(join(tmpdir(), 'deltamirror-world-')));
    if (setting.detection === 'triggers') path.run('deltastream', 'setup');
    const schemas = Array.from({ length: most }, (_, slot) => schemasOf(slot, setting));
    const stream = path.deltastream('--partitions', setting.partitions, '--schema-interval', INTERVAL, '--plugin', setting.plugin ?? 'deltastream', ...(followsAll(setting) ? [] : ['--tables', patternsOf(schemas, false)]));
    await until('deltastream to follow', async () => (await server.query('SELECT FROM pg_replication_slots WHERE active')).length > 0);
    const client = await server.client();
    await client.query(PINNED);
    return new World(path, client, stream, setting);
  }

  async end(): Promise<void> {
    await this.#client.end();
    await this.#path.end();
    rmSync(this.#path.folder, { recursive: true, force: true });
  }

  /** Lets the seeds live, and proves that all caches hold what Postgres holds. Throws with the seed and what differs; the world is then good for nothing more. */
  async run(seeds: readonly number[]): Promise<Outcome> {
    const clients: pg.Client[] = [];
    try {
      const lives = await Promise.all(seeds.map((seed, slot) => this.#create(seed, slot, clients)));
      const outcome = await this.#live(lives, new Random(seeds[0] ^ 0x1eaf));
      for (const { schemas } of lives) for (const schema of namesOf(schemas)) await this.#client.query(`DROP SCHEMA ${ident(schema)} CASCADE`);
      return outcome;
    } catch (error) {
      const slot = error instanceof Difference ? seeds.findIndex((_, i) => namesOf(schemasOf(i, this.#setting)).includes(error.schema)) : -1;
      const who = slot === -1 ? `one of the seeds ${seeds[0]} to ${seeds.at(-1)}` : `SEED=${seeds[slot]} (of ${seeds[0]} to ${seeds.at(-1)})`;
      throw new Error(`${who}, ${this.#setting.detection}, partitions by ${this.#setting.partitions}: ${reasonOf(error)}`, { cause: error });
    } finally {
      for (const client of clients) await client.end();
    }
  }

  async #create(seed: number, slot: number, all: pg.Client[]): Promise<{ schemas: Schemas; life: Life }> {
    const clients = [await this.#path.client(), await this.#path.client()];
    all.push(...clients);
    for (const client of clients) await client.query(PINNED);
    const schemas = schemasOf(slot, this.#setting);
    const life = new Life(seed, new Random(seed), schemas, clients, this.#path.server.directory);
    await life.open();
    return { schemas, life };
  }

  async #live(lives: readonly { schemas: Schemas; life: Life }[], random: Random): Promise<Outcome> {
    const schemas = lives.map((each) => each.schemas);
    const fleet = new Fleet(this.#path, this.#batches++, random, schemas, followsAll(this.#setting));
    const killer = new Killer(this.#stream, random, STREAM_LIFE_MS);
    try {
      await fleet.start('live');
      await fleet.beside(this.#lives(lives.map(({ life }) => life), schemas, fleet, random));
      await fleet.calm();
      await killer.end();
      if (this.#setting.plugin === 'pgoutput') await this.#makePublishable(schemas.flatMap(namesOf));
      await fleet.start('fresh');
      for (const { life } of lives) await life.epilogue();
      await fleet.beside(settled(this.#path, fleet.paths));
      return { ...(await this.#compare(schemas, fleet)), statements: lives.reduce((sum, { life }) => sum + life.statements, 0), done: sumOf(lives.map(({ life }) => life.done)), kills: killer.kills };
    } finally {
      await killer.end().catch(() => {});
      await fleet.stop();
    }
  }

  /** All lives side by side. While they go on, mirrors join. */
  async #lives(lives: readonly Life[], schemas: readonly Schemas[], fleet: Fleet, random: Random): Promise<void> {
    const joining: Promise<void>[] = [];
    const start = (what: Promise<void>) => {
      what.catch(() => {}); // whoever awaits it tells
      joining.push(what);
    };
    start(fleet.startKilled());
    const isEarly = random.below(2) === 0;
    if (isEarly) start(fleet.startChosen(this.#client, schemas));
    let steps = 0;
    await Promise.all(lives.map(async (life) => {
      for (let i = 0; i < STEPS; i++) {
        await life.step();
        if (++steps !== Math.floor(lives.length * STEPS / 2)) continue;
        start(fleet.start('late'));
        if (!isEarly) start(fleet.startChosen(this.#client, schemas));
      }
      await life.finish();
      await life.race();
    }));
    await Promise.all(joining);
    for (const life of lives) await life.epilogue();
  }

  /** What pgoutput cannot send, generated columns and tables without an identity, is not followed, and said so: in the end there is none of it. */
  async #makePublishable(names: readonly string[]): Promise<void> {
    for (const [query, ...more] of [[GENERATED], [WITHOUT_IDENTITY, this.#setting.partitions === 'root']] as const) {
      const { rows } = await this.#client.query<{ sql: string }>(query, [names, ...more]);
      for (const { sql } of rows) await this.#client.query(sql);
    }
  }

  async #compare(schemas: readonly Schemas[], fleet: Fleet): Promise<Pick<Outcome, 'tables' | 'rows'>> {
    const { partitions } = this.#setting;
    const names = schemas.flatMap((each) => (followsAll(this.#setting) ? namesOf(each) : each.followed));
    const tables = await requireSameShapes(this.#client, names, partitions, [...fleet.whole, ...fleet.chosen]);
    let rows = await requireEqual(this.#client, names, partitions, fleet.whole.map(({ path }) => path));
    for (const { path, patterns } of fleet.chosen) {
      const parsed = parsePatterns(patterns);
      rows += await requireEqual(this.#client, names, partitions, [path], ({ schema, name }) => parsed.some((pattern) => matches(pattern, schema, name)));
    }
    return { tables, rows };
  }
}

const GENERATED = `
  SELECT format('ALTER TABLE %s DROP COLUMN %I CASCADE', c.oid::regclass, attname) AS sql
    FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
   WHERE nspname = ANY ($1) AND attgenerated = 's' AND attinhcount = 0 AND NOT attisdropped AND c.relkind IN ('r', 'p')`;

const WITHOUT_IDENTITY = `
  SELECT format('ALTER TABLE %s REPLICA IDENTITY FULL', leaf.oid::regclass) AS sql
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (SELECT relid::oid AS oid FROM pg_partition_tree(c.oid) UNION SELECT c.oid) AS leaf JOIN pg_class AS l ON l.oid = leaf.oid
   WHERE nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT ($2 AND c.relispartition) AND c.relpersistence = 'p' AND l.relkind = 'r'
     AND NOT EXISTS (SELECT FROM pg_publication_rel WHERE prrelid = c.oid)`;

/** Where partitions go by their own names everything is followed: so both are seen. */
function followsAll({ partitions }: Setting): boolean {
  return partitions === 'leaf';
}

function schemasOf(slot: number, { detection }: Setting): Schemas {
  return { followed: [`a${slot}`, `B "${slot}`], beside: `out${slot}`, isPolled: detection === 'polling' };
}

export function sumOf(counts: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const sum = new Map<string, number>();
  for (const count of counts) for (const [key, n] of count) sum.set(key, (sum.get(key) ?? 0) + n);
  return sum;
}
