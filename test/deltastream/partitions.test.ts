import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { Folder } from '../../src/daystream/folder.js';
import { horizonsBackward, type Horizon } from '../../src/daystream/horizons.js';
import type { Unit } from '../../src/daystream/unit.js';
import { temporaryFolder } from '../support/folder.js';
import { readAll } from '../support/log.js';
import { confirmed, follow, insertedIds, Running } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => {
  server = await Server.start();
  await server.query('create table r (id int primary key, v text) partition by range (id); create table low partition of r for values from (0) to (100); create table high partition of r for values from (100) to (200)');
});
after(() => server.stop());

async function horizonsOf(out: string): Promise<Horizon[]> {
  const folder = new Folder(out);
  const horizons: Horizon[] = [];
  for await (const horizon of horizonsBackward(folder)) horizons.push(horizon);
  await folder.close();
  return horizons.reverse();
}

/** Every transaction by the name of its first row's table, and before it how the newest horizon calls partitions. */
function namesOf(units: readonly Unit[]): string[] {
  let partitions = 'root';
  return units.flatMap((unit) => {
    if (unit.kind === 'horizon') partitions = unit.line.own.get('_partitions') ?? 'root';
    return unit.kind === 'transaction' ? [`${partitions}: ${/\t_table\t(\w+)/.exec(unit.body?.toString() ?? '')?.[1]}`] : [];
  });
}

test('started again with other --partitions, a horizon says so before the first transaction that is written the new way', async (t) => {
  const out = temporaryFolder(t);
  let running = await follow(t, server, 'names', out, '--create-slot', '--tables', 'r,low,high');
  let id = 0;
  const expected: string[] = [];
  for (const partitions of ['root', 'leaf', 'leaf', 'root']) {
    await running.kill('SIGKILL');
    const [{ lsn }] = await server.query<{ lsn: string }>("select (pg_current_wal_flush_lsn() - '0/0')::text as lsn");
    await server.query(`insert into r values (${++id}); insert into r values (${100 + id})`);
    running = await follow(t, server, 'names', out, '--tables', 'r,low,high', '--partitions', partitions);
    expected.push(...(partitions === 'leaf' ? ['leaf: low'] : ['root: r']));
    // Confirmed too: what comes again is compared by the names that it had, and what comes meanwhile has them as well.
    await until('the rows are in the log', async () => namesOf(await readAll(out)).length === expected.length && await confirmed(server, 'names') > BigInt(lsn));
  }
  assert.deepEqual(namesOf(await readAll(out)), expected);
  assert.deepEqual(await insertedIds(out, 'r'), [1, 101, 4, 104]);
  assert.deepEqual([await insertedIds(out, 'low'), await insertedIds(out, 'high')], [[2, 3], [102, 103]]);
  const stated = (await horizonsOf(out)).map(({ tables, partitions }) => `${tables} ${partitions}`);
  assert.deepEqual(stated.filter((text, i) => text !== stated[i - 1]), ['r,low,high root', 'r,low,high leaf', 'r,low,high root']);
});

test('a log from pg_recvlogical says which tables it carries, and by which names', async (t) => {
  await server.query("select pg_create_logical_replication_slot('named', 'deltastream')");
  const out = temporaryFolder(t);
  const receive = spawn(join(server.binaries, 'pg_recvlogical'), ['-d', 'postgres', '--slot', 'named', '--start', '-o', 'tables=low', '-o', 'partitions=leaf', '-F', '0', '-f', '-'], { env: server.environment(), stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => receive.kill('SIGKILL'));
  const running = new Running(['--stdin', '--slot', 'named', '--out', out, '--tables', 'low', '--partitions', 'leaf']);
  receive.stdout.pipe(running.child.stdin!);
  await server.query('insert into r values (50), (150)');
  await until('the row is in the log', async () => (await insertedIds(out, 'low')).length === 1);
  const [{ tables, partitions }] = await horizonsOf(out);
  assert.deepEqual({ tables, partitions }, { tables: 'low', partitions: 'leaf' });
  assert.deepEqual(namesOf(await readAll(out)), ['leaf: low']);
  receive.kill('SIGTERM');
  assert.equal(await running.exited, 0, running.stderr);
});

test('doctor asks by the names that rows will have', async () => {
  const doctor = async (...args: string[]) => {
    const running = new Running(['doctor', '--pg', server.url(), '--create-slot', '--slot', 'asked', ...args]);
    assert.equal(await running.exited, 0, running.stderr);
    return running.stdout;
  };
  assert.match(await doctor('--tables', 'low'), /^warning: table low: is never in the log: it is a partition: its rows go by the name of public\.r — name public\.r, or --partitions leaf\n/);
  assert.match(await doctor('--tables', 'low', '--partitions', 'leaf'), /^info: plugin [^\n]*\ninfo: schema changes: [^\n]*\nok: this Postgres can be followed\n$/);
});
