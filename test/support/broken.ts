/** A path whose history breaks: tables of many kinds, two hosts, a cache that knows what the log says, and the ways in which a server loses what it had. */
import assert from 'node:assert/strict';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Server } from '../../dev/postgres.js';
import { openReader } from '../../src/sqlite/open.js';
import { compareAll } from './compare.js';
import { Daemon, Path, runCommand, until, type Ended } from './path.js';

export const TABLES = ['wide', 'pairs', 'pages', 'parts', 'sales.orders'];

/** `shifted`: the same tables with other oids and other attribute numbers. */
export function schemaSql(shifted = false): string {
  const before = shifted ? 'CREATE TABLE before_all (n int); CREATE TABLE before_too (n int); DROP TABLE before_all;' : '';
  const gap = shifted ? 'gone int, ' : '';
  const drop = shifted ? 'ALTER TABLE wide DROP COLUMN gone; ALTER TABLE pages DROP COLUMN gone;' : '';
  return `${before}
    CREATE TABLE wide (${gap}id bigint PRIMARY KEY, t text, n numeric, f double precision, b bytea, z timestamptz, j jsonb, a int[], flag boolean);
    CREATE TABLE pairs (a text, b integer, v text, PRIMARY KEY (b, a));
    CREATE TABLE pages (${gap}url text, hits integer);
    ALTER TABLE pages REPLICA IDENTITY FULL;
    CREATE TABLE parts (id integer PRIMARY KEY, v text) PARTITION BY RANGE (id);
    CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (1000);
    CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (1000) TO (100000);
    CREATE SCHEMA sales; CREATE TABLE sales.orders (id integer PRIMARY KEY, "_note" text, "Tab\tCol" text);
    ${drop}`;
}

export const FILL = `
  INSERT INTO wide SELECT i, 'row ' || i, i / 7.0, i / 3.0::float8, decode(lpad(to_hex(i), 8, '0'), 'hex'), timestamptz '2026-01-01 00:00:00+00' + i * interval '1 minute', jsonb_build_object('i', i), ARRAY[i, i + 1], i % 2 = 0 FROM generate_series(1, 2000) i;
  INSERT INTO pairs SELECT 'k' || i % 7, i, repeat('v', i % 50) FROM generate_series(1, 500) i;
  INSERT INTO pages SELECT 'page' || i % 20, i % 3 FROM generate_series(1, 300) i;
  INSERT INTO parts SELECT i, 'p' || i FROM generate_series(1, 1500) i;
  INSERT INTO sales.orders SELECT i, NULLIF('n' || i, 'n3'), E'tab\\tand \\\\ and \\n' FROM generate_series(1, 100) i;`;

/** What only one of the histories has: of each kind of change one in each table. */
export function changes(seed: number): string {
  return `
    UPDATE wide SET t = 'changed ${seed}', n = 'NaN', f = '-Infinity', b = NULL, z = 'infinity', j = '[]', a = '{}', flag = NULL WHERE id BETWEEN ${seed} AND ${seed + 20};
    UPDATE wide SET t = NULL, f = 'NaN', n = 1.10 WHERE id = ${seed + 30};
    DELETE FROM wide WHERE id BETWEEN ${seed + 40} AND ${seed + 45};
    INSERT INTO wide (id, t) VALUES (${5000 + seed}, E'new\\t\\\\N'), (${-seed}, '');
    UPDATE pairs SET a = a || '${seed}' WHERE b % 50 = 3; UPDATE pairs SET v = '' WHERE b % 60 = 4; DELETE FROM pairs WHERE b = ${seed};
    DELETE FROM pages WHERE ctid IN (SELECT ctid FROM pages WHERE url = 'page3' LIMIT 4); UPDATE pages SET hits = NULL WHERE url = 'page5';
    INSERT INTO pages VALUES ('page7', 1), ('page7', 1), (NULL, NULL), (NULL, NULL);
    UPDATE parts SET id = id + 20000 WHERE id BETWEEN ${seed} AND ${seed + 3}; DELETE FROM parts WHERE id = ${seed + 9};
    UPDATE sales.orders SET "_note" = 'seen ${seed}' WHERE id % 10 = 0; INSERT INTO sales.orders VALUES (${1000 + seed}, NULL, NULL);`;
}

export class Broken {
  private constructor(readonly path: Path, readonly live: string, readonly late: string, readonly standing: string) {}
  deltastream!: Daemon;
  mirror!: Daemon;

  /** A log, a live mirror, a host that will start late, and the cache that is kept for reconcile. */
  static async start(t: TestContext, ...args: string[]): Promise<Broken> {
    const path = await Path.start(t);
    await path.server.query(`${schemaSql()} ${FILL} CREATE TABLE going (id integer PRIMARY KEY); INSERT INTO going VALUES (1);`);
    const broken = new Broken(path, path.cache('live.db'), path.cache('late.db'), path.cache('standing.db'));
    broken.deltastream = path.deltastream(...args);
    for (const cache of [broken.live, broken.late, broken.standing]) await path.import([...TABLES, 'going'].join(), cache);
    broken.mirror = path.mirror(broken.live);
    await path.caughtUp(broken.live);
    return broken;
  }

  get server(): Server { return this.path.server; }

  /** Runs on both histories, and is in the log. */
  async inLog(sql: string): Promise<void> {
    await this.server.query(sql);
    await this.path.caughtUp(this.live);
  }

  /** Ends deltastream as a host that goes down; the mirror goes on waiting. */
  async stopStream(): Promise<void> {
    await this.deltastream.stop();
  }

  reconcile(...args: string[]): Ended {
    return runCommand('deltastream', ['reconcile', '--slot', 'test', '--out', this.path.log, '--json', ...args], this.path.environment);
  }

  /** Reconciles with the cache; gives what it says. */
  reconciled(env: NodeJS.ProcessEnv = this.path.environment, ...args: string[]): { rows: number; epoch: number; tables: { table: string; what: string; insert: number; update: number; delete: number; why?: string }[] } {
    const { status, stdout, stderr } = runCommand('deltastream', ['reconcile', '--slot', 'test', '--out', this.path.log, '--cache', this.standing, '--json', ...args], env);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  }

  /** A host that is made now, behind the break, and stands there. */
  async fresh(server = this.server, name = 'fresh.db'): Promise<string> {
    const cache = this.path.cache(name);
    const { status, stderr } = runCommand('deltaimport', ['--tables', `${TABLES.join()},marker`, '--source', this.path.log, cache], server.environment());
    assert.equal(status, 0, stderr);
    return cache;
  }

  /** Follows again, on the server that is now; all hosts come to its state, which is compared value by value. */
  async ends(server = this.server, tables: readonly string[] = TABLES): Promise<void> {
    const fresh = await this.fresh(server);
    const stream = new Daemon('deltastream', ['--slot', 'test', '--out', this.path.log], server.environment()).start();
    const late = new Daemon('deltamirror', [this.late], process.env).start();
    const joined = new Daemon('deltamirror', [fresh], process.env).start();
    try {
      const n = 1_000_000 + Math.floor(Math.random() * 1_000_000);
      await server.query(`${changes(300)} INSERT INTO marker VALUES (${n})`);
      for (const cache of [this.live, this.late, fresh]) {
        await until(`${cache} to catch up:\n${stream.stderr}\n${late.stderr}\n${this.mirror.stderr}`, () => {
          stream.assertRunning();
          late.assertRunning();
          this.mirror.assertRunning();
          const reader = openReader(cache);
          try {
            return reader.prepare('SELECT 1 FROM marker WHERE n = ?').get(n) !== undefined;
          } finally {
            reader.close();
          }
        });
        const client = await server.client();
        try {
          await until(`no table of ${cache} to wait`, () => statesOf(cache, 'waiting').length === 0);
          await compareAll(client, cache, [...tables, 'marker']);
        } finally {
          await client.end();
        }
        assert.deepEqual(statesOf(cache, 'quarantined'), []);
      }
    } finally {
      await stream.stop();
      await late.stop();
      await joined.stop();
    }
  }

  /** How many copies of tables went through the log. */
  get copies(): number {
    return this.path.run('daystream', 'cat', this.path.log).stdout.split('\n').filter((line) => line.includes('\t_action\tcopy\t') && line.includes('\t_part\t0\t')).length;
  }

  /** Puts the server's files aside, as a backup that was taken then. */
  async backUp(): Promise<() => Promise<void>> {
    const aside = join(this.server.directory, 'backup');
    await this.server.halt('fast');
    cpSync(this.server.data, aside, { recursive: true, preserveTimestamps: true });
    await this.server.launch();
    return async () => {
      await this.server.halt('immediate');
      rmSync(this.server.data, { recursive: true });
      cpSync(aside, this.server.data, { recursive: true });
      execFileSync('chown', ['-R', '--reference', join(this.server.directory, 'lib', '..'), this.server.data]);
      execFileSync('chmod', ['700', this.server.data]);
      await this.server.launch();
    };
  }

  /** The server becomes a standby that is promoted, with what the backup has: what came behind was never sent to it. */
  async promote(restore: () => Promise<void>): Promise<void> {
    await restore();
    await this.server.halt('fast');
    writeFileSync(join(this.server.data, 'standby.signal'), '');
    execFileSync('chown', ['--reference', this.server.data, join(this.server.data, 'standby.signal')]);
    await this.server.launch();
    await this.server.query('SELECT pg_promote()');
    await until('the promotion', async () => (await this.server.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby'))[0].standby === false);
  }
}

/** Names of the tables of a cache that are in this state. */
export function statesOf(cache: string, state: string): string[] {
  const reader = openReader(cache);
  try {
    return reader.prepare<[string], string>('SELECT name FROM _daystream_tables WHERE state = ? ORDER BY name').pluck().all(state);
  } finally {
    reader.close();
  }
}
