/** The whole path as a host's operator sees it: metrics, status, reading one's own writes, protection, on a real Postgres. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { Path, until, type Daemon } from '../support/path.js';
import { query } from '../support/cache.js';
import { freePort } from '../support/ports.js';

const SECRET = 'hunter2secret';

/** A cache `cache.db` of flights that is followed, and the programs' metrics. */
async function followed(t: TestContext) {
  const path = await Path.start(t);
  await path.server.query(`CREATE TABLE flights (id int PRIMARY KEY, ident text); INSERT INTO flights SELECT i, 'f' || i FROM generate_series(1, 100) i; CREATE ROLE reader LOGIN REPLICATION SUPERUSER PASSWORD '${SECRET}'`);
  const url = path.server.url().replace('postgres@', `reader:${SECRET}@`);
  const stream = path.deltastream('--pg', url, '--metrics', `127.0.0.1:${await freePort()}`);
  const cache = path.cache();
  await path.import('flights');
  const mirror = path.mirror(cache, '--protect', '--metrics', `127.0.0.1:${await freePort()}`);
  return { path, cache, stream, mirror };
}

/** The values of a program's page, by name and labels. */
async function metricsOf({ args }: Daemon): Promise<{ text: string; values: Map<string, number> }> {
  const at = args[args.indexOf('--metrics') + 1];
  const text = await (await fetch(`http://${at}/metrics`)).text();
  return { text, values: new Map(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))])) };
}

test('an operator sees slot, log and cache as they are, and no secret', async (t) => {
  const { path, cache, stream, mirror } = await followed(t);
  await path.server.query("UPDATE flights SET ident = 'x'");
  await until('the cache has it', () => query(cache, "SELECT count(*) AS n FROM flights WHERE ident = 'x'")[0].n === 100);
  const said = await metricsOf(stream);
  const of = (name: string) => said.values.get(`deltastream_${name}`);
  assert.equal(of('following'), 1);
  assert.equal(of('slot_active'), 1);
  assert.equal(of('slot_wal_status{status="reserved"}'), 1);
  assert.equal(of('slot_wal_status{status="lost"}'), 0);
  assert.ok(of('rows_total')! >= 100 && of('transactions_total')! >= 1 && of('log_bytes_total')! > 1000 && of('fsync_seconds_count')! > 0);
  assert.ok(of('slot_retained_bytes')! >= 0 && of('lag_bytes')! >= 0 && of('log_lsn_bytes')! > 0);
  assert.equal(of('slot_safe_bytes'), undefined, 'nothing limits it');
  const mirrored = await metricsOf(mirror);
  const its = (name: string) => mirrored.values.get(`deltamirror_${name}`);
  assert.equal(its('state{state="caught-up"}')! + its('state{state="idle"}')!, 1);
  assert.equal(its('lag_seconds'), 0);
  assert.equal(its('tables{state="following"}'), 2);
  assert.equal(its('tables{state="quarantined"}'), 0);
  assert.ok(its('rows_total')! >= 100 && its('lsn_bytes')! > 0 && its('position_clock_seconds')! > 1.7e9);
  for (const { text } of [said, mirrored]) {
    assert.ok(!text.includes(SECRET) && !text.includes('postgres://'));
    for (const [, name] of text.matchAll(/^# TYPE (\S+)/gm)) assert.match(name, /_(?:seconds|bytes|total|transactions|active|following|state|status|sequence|timeline|tables)$/, name);
  }
  assert.ok(!stream.stderr.includes(SECRET));
  const status = path.run('deltamirror', 'status', '--max-lag', '30s', cache);
  assert.match(status.stdout, /: caught up.*\n.*\n2 tables; protected; deltamirror \S+cache\.db \(pid \d+ on \S+\)\n$/);
  await stream.stop('SIGKILL');
  await mirror.stop('SIGKILL');
  assert.match(path.run('deltamirror', 'status', cache).stdout, /: stopped: nobody follows the log/, 'a killed mirror is none');
});

test('who wrote to Postgres and waits for the LSN reads its own write from the cache, each time', async (t) => {
  const { path, cache } = await followed(t);
  const client = await path.server.client();
  t.after(() => client.end());
  for (let i = 0; i < 10; i++) {
    await client.query(`UPDATE flights SET ident = 'own ${i}' WHERE id = 7`);
    const { rows: [{ lsn }] } = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
    path.run('deltamirror', 'wait', cache, '--lsn', lsn, '--timeout', '60s');
    assert.deepEqual(query(cache, 'SELECT ident FROM flights WHERE id = 7'), [{ ident: `own ${i}` }]);
  }
});

test('a protected cache follows changes of rows and shapes, reloads and imports, and nobody else writes to it', async (t) => {
  const { path, cache, mirror } = await followed(t);
  const refused = () => {
    const app = new Database(cache);
    try {
      const tables = app.prepare<[], string>("SELECT \"table\" FROM _daystream_tables WHERE state IN ('following', 'joining')").pluck().all();
      assert.ok(tables.length > 0);
      for (const table of tables) assert.throws(() => app.exec(`DELETE FROM "${table}"`), /mirrors a table of Postgres/, table);
      app.exec("CREATE TABLE IF NOT EXISTS own (t text); INSERT INTO own VALUES ('mine')");
    } finally {
      app.close();
    }
  };
  const follows = async (table: string) => {
    await path.caughtUp(cache);
    await path.compare(cache, [table, 'marker']);
    refused();
  };
  await until('it follows', () => mirror.stderr.includes('following'));
  await path.server.query("INSERT INTO flights VALUES (101, 'new'); DELETE FROM flights WHERE id < 10; UPDATE flights SET id = id + 1000 WHERE id > 90");
  await follows('flights');
  await path.server.query("ALTER TABLE flights ADD COLUMN dest text DEFAULT 'KIAH'; ALTER TABLE flights RENAME TO legs; CREATE INDEX ON legs (dest); INSERT INTO legs VALUES (5, 'five', 'KHOU')");
  await follows('legs');
  await path.server.query("TRUNCATE legs; INSERT INTO legs VALUES (1, 'one', 'KIAH')");
  await follows('legs');
  path.run('deltastream', 'reload', 'legs');
  await follows('legs');
  await mirror.stop();
  path.run('deltaimport', '--table', 'legs', '--into', cache);
  refused();
  path.run('deltaimport', '--tables', 'legs,marker', '--source', path.log, cache);
  refused();
  path.run('deltamirror', '--once', cache);
  await path.compare(cache, ['legs', 'marker']);
  path.run('deltamirror', '--once', '--no-protect', cache);
  const app = new Database(cache);
  app.exec('DELETE FROM legs');
  app.close();
});
