/** The whole path for tests in which schemas change: with triggers or without, and everything compared, shapes and rows. */
import type { TestContext } from 'node:test';
import pg from 'pg';
import type { ServerOptions } from '../../dev/postgres.js';
import { PINNED, requireEqual, type Partitions } from '../generator/equality.js';
import { requireSameShapes } from '../generator/migrations/shapes.js';
import { runImport } from './import.js';
import { Path, until, type Daemon } from './path.js';
import { settled } from './settled.js';

/** How deltastream hears of what leaves nothing in the WAL. */
export const DETECTIONS = ['triggers', 'polling'] as const;
export type Detection = (typeof DETECTIONS)[number];

/** Short for tests that wait for a look; the default is 10 s. */
export const INTERVAL = '200ms';

/** How deltastream follows. */
export interface Following {
  readonly partitions?: Partitions;
  /** More of its arguments. */
  readonly stream?: readonly string[];
}

export class Changing {
  readonly #fresh: string[] = [];

  private constructor(
    readonly path: Path,
    readonly stream: Daemon,
    readonly mirror: Daemon,
    readonly partitions: Partitions,
  ) {}

  /** Begins with `sql`; everything is mirrored, now and later. */
  static async start(t: TestContext, detection: Detection, sql: string, { partitions = 'root', stream: more = [], ...server }: ServerOptions & Following = {}): Promise<Changing> {
    const path = await Path.start(t, server);
    await path.server.query(sql);
    if (detection === 'triggers') path.run('deltastream', 'setup');
    const stream = path.deltastream('--partitions', partitions, '--schema-interval', INTERVAL, ...more);
    await until('the log to begin', () => path.hasBegun);
    await path.import('*.*');
    const changing = new Changing(path, stream, path.mirror(), partitions);
    await settled(path, [path.cache()]);
    return changing;
  }

  /** A connection of a user. */
  async client(t: TestContext): Promise<pg.Client> {
    const client = await this.path.client();
    t.after(() => client.end());
    return client;
  }

  query(sql: string): Promise<Record<string, unknown>[]> {
    return this.path.server.query(sql);
  }

  /** Waits until nothing is on its way; then the mirrored cache and a fresh import have what Postgres has in the schemas. Gives the rows compared. */
  async requireSame(...schemas: string[]): Promise<number> {
    await settled(this.path, [this.path.cache()], schemas);
    const patterns = ['marker', ...schemas.map((schema) => `${schema}.*`)].join(',');
    const fresh = this.path.cache(`fresh-${this.#fresh.length}.db`);
    this.#fresh.push(fresh);
    await runImport(this.path.server, patterns, this.path.log, fresh);
    const client = await this.path.client();
    try {
      await client.query(PINNED);
      const caches = [this.path.cache(), fresh];
      await requireSameShapes(client, schemas, this.partitions, caches.map((path) => ({ path, patterns })));
      return await requireEqual(client, schemas, this.partitions, caches);
    } finally {
      await client.end();
    }
  }

  /** Waits until the connection waits for a lock. */
  async blocked(client: pg.Client): Promise<void> {
    const pid = (client as pg.Client & { processID: number }).processID;
    await until(`process ${pid} to wait for a lock`, async () => (await this.query(`SELECT FROM pg_stat_activity WHERE pid = ${pid} AND wait_event_type = 'Lock'`)).length > 0);
  }
}
