import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { horizonsBackward, type Horizon } from '../../src/daystream/horizons.js';
import { isVisible, parseSnapshot } from '../../src/daystream/snapshot.js';
import { Folder } from '../../src/daystream/folder.js';
import { decodeHeader } from '../../src/daystream/segment.js';
import { Writer } from '../../src/daystream/writer.js';
import { DeltaError } from '../../src/errors.js';
import { lockCache } from '../../src/sqlite/lock.js';
import { openReader } from '../../src/sqlite/open.js';
import { readPosition } from '../../src/sqlite/position.js';
import { readTables } from '../../src/sqlite/tables.js';
import { compareAll } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { appendHorizon, runImport, writeLog } from '../support/import.js';
import { readAll } from '../support/log.js';

let server: Server;
before(async () => {
  server = await Server.start({ plugin: false });
  await server.query(`CREATE TABLE flights (id text PRIMARY KEY, alt int, note text); INSERT INTO flights SELECT 'UAL' || i, i, repeat('n', i % 50) FROM generate_series(1, 5000) AS i;
    CREATE INDEX flights_alt ON flights (alt); CREATE TABLE empty (id int PRIMARY KEY); CREATE TABLE keyless (a int, b text); INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (NULL, NULL);
    CREATE SCHEMA ops; CREATE TABLE ops.log (id bigint PRIMARY KEY, at timestamptz) PARTITION BY RANGE (id);
    CREATE TABLE ops.log1 PARTITION OF ops.log FOR VALUES FROM (0) TO (100); CREATE TABLE ops.log2 PARTITION OF ops.log FOR VALUES FROM (100) TO (10000);
    INSERT INTO ops.log SELECT i, '2026-01-01'::timestamptz + i * interval '1 s' FROM generate_series(1, 3000) AS i;
    CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2)`);
});
after(() => server.stop());

interface Places { readonly folder: string; readonly log: string; readonly cache: string }

async function places(t: TestContext): Promise<Places> {
  const folder = temporaryFolder(t);
  await writeLog(server, join(folder, 'log'));
  return { folder, log: join(folder, 'log'), cache: join(folder, 'cache.db') };
}

async function equal(cache: string, tables: readonly string[]): Promise<number> {
  const client = await server.client();
  try {
    return await compareAll(client, cache, tables);
  } finally {
    await client.end();
  }
}

/** The newest first. */
async function horizonsOf(log: string): Promise<Horizon[]> {
  const folder = new Folder(log);
  const horizons: Horizon[] = [];
  for await (const horizon of horizonsBackward(folder)) horizons.push(horizon);
  await folder.close();
  return horizons;
}

async function refusal(work: Promise<unknown>): Promise<DeltaError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof DeltaError, error instanceof Error ? error.stack : String(error));
    assert.ok(error.hint);
    return error;
  }
  throw new assert.AssertionError({ message: 'was not refused' });
}

test('every chosen table is equal to Postgres: keyed, empty, without a key, partitioned, a parent', async (t) => {
  const { log, cache } = await places(t);
  const result = await runImport(server, '*, ops.*', log, cache);
  assert.equal(await equal(cache, ['flights', 'empty', 'keyless', 'ops.log', 'parent', 'child']), 5000 + 3 + 3000 + 2);
  assert.equal(result.tables.length, 6);
  assert.equal(result.tables.reduce((sum, { rows }) => sum + rows, 0), 8005);
});

test('the cache stands at the newest horizon that its snapshot contains', async (t) => {
  const { log, cache } = await places(t);
  await appendHorizon(server, log);
  await appendHorizon(server, log, '900000000:900000005:900000001'); // sees what no snapshot of this server can see yet
  const result = await runImport(server, 'flights', log, cache);
  const horizons = await horizonsOf(log);
  assert.deepEqual(result.position, horizons[1].position);
  const reader = openReader(cache);
  const at = readPosition(reader);
  const [table] = readTables(reader);
  const index = reader.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND name = 'flights_alt'").get();
  reader.close();
  assert.deepEqual([at?.position, at?.crc, at?.lsn, at?.slot, at?.source, at?.snapshot], [horizons[1].position, horizons[1].crc, horizons[1].lsn, 'test', log, result.snapshot]);
  assert.deepEqual([table.schema, table.name, table.table, table.pattern, table.quarantine], ['public', 'flights', 'flights', 'flights', undefined]);
  assert.deepEqual(index, { name: 'flights_alt' });
});

test('a transaction that runs during the copy is not in it, and the snapshot says so', async (t) => {
  const { log, cache } = await places(t);
  const client = await server.client();
  await client.query("BEGIN; INSERT INTO flights VALUES ('OPEN', 1, '')");
  const { rows } = await client.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid');
  await appendHorizon(server, log);
  const { snapshot } = await runImport(server, 'flights', log, cache);
  await client.query('ROLLBACK');
  await client.end();
  assert.ok(!isVisible(parseSnapshot(snapshot), BigInt(rows[0].xid)), `${snapshot} does not see ${rows[0].xid}`);
  await equal(cache, ['flights']);
});

test('an import replaces a cache at once: a reader in a transaction keeps the old rows, the next one sees the new', async (t) => {
  const { folder, log, cache } = await places(t);
  await runImport(server, 'keyless', log, cache);
  const reader = openReader(cache);
  reader.exec('BEGIN');
  const count = (table: string) => reader.prepare<[], { n: number }>(`SELECT count(*) AS n FROM ${table}`).get()?.n;
  assert.equal(count('keyless'), 3);
  await runImport(server, 'flights', log, cache);
  assert.equal(count('keyless'), 3);
  reader.exec('COMMIT');
  assert.equal(count('flights'), 5000);
  assert.throws(() => count('keyless'), /no such table/);
  assert.equal(reader.pragma('integrity_check', { simple: true }), 'ok');
  reader.close();
  await equal(cache, ['flights']);
  assert.deepEqual(readdirSync(folder).filter((name) => name.includes('import')), []);
});

test('side files of a removed cache do not become those of the new one', async (t) => {
  const { log, cache } = await places(t);
  writeFileSync(`${cache}-wal`, 'stale');
  writeFileSync(`${cache}-shm`, 'stale');
  await runImport(server, 'flights', log, cache);
  assert.ok(!existsSync(`${cache}-wal`));
  await equal(cache, ['flights']);
});

test('a cache behind a symbolic link is replaced where it is', async (t) => {
  const { folder, log, cache } = await places(t);
  await runImport(server, 'keyless', log, cache);
  symlinkSync(cache, join(folder, 'link.db'));
  await runImport(server, 'flights', log, join(folder, 'link.db'));
  await equal(cache, ['flights']);
});

test('drafts of dead imports are removed, and nothing else', async (t) => {
  const { folder, log, cache } = await places(t);
  writeFileSync(join(folder, '.cache.db.import-1'), 'half made');
  writeFileSync(join(folder, '.cache.db.import-1-journal'), '');
  writeFileSync(join(folder, '.other.db.import-1'), 'of another cache');
  await runImport(server, 'empty', log, cache);
  assert.deepEqual(readdirSync(folder).sort(), ['.other.db.import-1', 'cache.db', 'cache.db.lock', 'log']);
});

test('a file that is not a cache is never overwritten', async (t) => {
  const { log, cache } = await places(t);
  writeFileSync(cache, 'somebody\'s notes');
  const error = await refusal(runImport(server, 'flights', log, cache));
  assert.equal(error.code, 'cache');
  assert.equal(readFileSync(cache, 'utf8'), 'somebody\'s notes');
});

test('a cache that a mirror holds is refused, and the mirror is named', async (t) => {
  const { log, cache } = await places(t);
  const held = lockCache(cache, 'deltamirror cache.db');
  const error = await refusal(runImport(server, 'flights', log, cache));
  held.release();
  assert.equal(error.code, 'busy');
  assert.match(error.message, /deltamirror cache\.db \(pid/);
});

test('tables that SQLite cannot hold side by side are refused before anything is copied', async (t) => {
  const { folder, log, cache } = await places(t);
  await server.query('CREATE SCHEMA twins; CREATE TABLE twins."Foo" (a int); CREATE TABLE twins.foo (a int)');
  const error = await refusal(runImport(server, 'twins.*', log, cache));
  await server.query('DROP SCHEMA twins CASCADE');
  assert.equal(error.code, 'config');
  assert.match(error.message, /twins\.Foo and twins\.foo/);
  assert.deepEqual(readdirSync(folder).filter((name) => name.includes('import') || name === 'cache.db'), []);
});

test('the log of another Postgres is refused', async (t) => {
  const { log, cache } = await places(t);
  const other = await Server.start({ plugin: false });
  t.after(() => other.stop());
  await other.query('CREATE TABLE flights (id int PRIMARY KEY)');
  const error = await refusal(runImport(other, 'flights', log, cache));
  assert.equal(error.code, 'log-foreign');
});

test('a table that the log does not carry is refused by name, also where an older horizon carried it', async (t) => {
  const { log, cache } = await places(t);
  const [opened] = await readAll(log);
  assert.ok(opened.kind === 'open');
  const [newest] = await horizonsOf(log);
  const writer = await Writer.open(log, decodeHeader(opened.line), newest.lsn, { tables: 'other,ops.*' });
  writer.horizon(newest.lsn, newest.timestampUs, newest.snapshot);
  await writer.sync();
  writer.close();
  assert.equal((await horizonsOf(log))[0].tables, 'other,ops.*');
  const error = await refusal(runImport(server, 'flights,empty,ops.*', log, cache));
  assert.equal(error.code, 'config');
  assert.match(error.message, /: does not carry public\.empty, public\.flights: deltastream runs with --tables other,ops\.\*$/);
  assert.ok(!existsSync(cache));
  assert.equal((await runImport(server, 'ops.*', log, cache)).tables.length, 1);
});

test('a log that no snapshot of this Postgres contains is refused', async (t) => {
  const { folder, cache } = await places(t);
  const log = join(folder, 'ahead');
  await appendHorizon(server, log, '900000000:900000005:');
  assert.equal((await refusal(runImport(server, 'flights', log, cache))).code, 'busy');
  assert.ok(!existsSync(cache));
});

test('a table that another session locks is named, with that session', async (t) => {
  const { log, cache } = await places(t);
  const client = await server.client();
  await client.query('BEGIN; LOCK TABLE flights IN ACCESS EXCLUSIVE MODE');
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const error = await refusal(runImport(server, 'flights', log, cache));
  await client.end();
  assert.equal(error.code, 'busy');
  assert.match(error.message, new RegExp(`table public\\.flights is locked by process ${rows[0].pid} of postgres`));
});

test('a role needs no more than SELECT, and is told when it lacks it', async (t) => {
  const { log, cache } = await places(t);
  await server.query('CREATE ROLE reader LOGIN; REVOKE ALL ON ALL TABLES IN SCHEMA ops FROM PUBLIC');
  const asReader = Object.assign(Object.create(server) as Server, { url: (database = 'postgres') => Server.prototype.url.call(server, database, 'reader') });
  const error = await refusal(runImport(asReader, 'ops.log', log, cache));
  assert.equal(error.code, 'config');
  assert.match(error.hint ?? '', /GRANT SELECT ON "ops"\."log" TO reader/);
  await server.query('GRANT USAGE ON SCHEMA ops TO reader; GRANT SELECT ON ops.log TO reader');
  await runImport(asReader, 'ops.log', log, cache);
  await equal(cache, ['ops.log']);
});

test('rows that a policy hides are refused, not left out', async (t) => {
  const { log, cache } = await places(t);
  await server.query(`CREATE ROLE hidden LOGIN; CREATE TABLE secret (id int PRIMARY KEY); INSERT INTO secret VALUES (1), (2); ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
    CREATE POLICY first_only ON secret USING (id = 1); GRANT SELECT ON secret TO hidden`);
  const asHidden = Object.assign(Object.create(server) as Server, { url: (database = 'postgres') => Server.prototype.url.call(server, database, 'hidden') });
  const error = await refusal(runImport(asHidden, 'secret', log, cache));
  await server.query('DROP TABLE secret');
  assert.match(error.message, /public\.secret.*row-level security/);
});

test('text that is no text is refused with the table\'s name, not changed', async (t) => {
  const folder = temporaryFolder(t);
  const ascii = await Server.start({ plugin: false, initdb: ['--encoding=SQL_ASCII', '--locale=C'] });
  t.after(() => ascii.stop());
  await ascii.query("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, E'caf\\xe9')");
  await writeLog(ascii, join(folder, 'log'));
  const error = await refusal(runImport(ascii, 't', join(folder, 'log'), join(folder, 'cache.db')));
  assert.match(error.message, /table public\.t: invalid byte sequence/);
  assert.ok(!existsSync(join(folder, 'cache.db')));
});
