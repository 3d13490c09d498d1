import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import { temporaryFolder } from '../support/folder.js';
import { readAll, transactionLines, xidsOf } from '../support/log.js';
import { insertedIds, range, Running } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

const lines = (xid: number, rows: readonly string[]) => `${transactionLines(xid, BigInt(xid) * 0x1000n, rows)}\n`;

async function piped(out: string, input: string): Promise<Running & { code: number | null }> {
  const running = new Running(['--stdin', '--slot', 'x', '--out', out]);
  running.child.stdin?.end(input);
  return Object.assign(running, { code: await running.exited });
}

test('what pg_recvlogical prints becomes the same log, and an import can join it', async (t) => {
  await server.query('create table t (id int primary key, note text)');
  await server.query("select pg_create_logical_replication_slot('piped', 'deltastream')");
  await server.query("insert into t select i, E'line\\nfeed' from generate_series(1, 5000) i");
  const out = temporaryFolder(t);
  const receive = spawn(join(server.binaries, 'pg_recvlogical'), ['-d', 'postgres', '--slot', 'piped', '--start', '-o', 'tables=t', '-F', '0', '-f', '-'], { env: server.environment(), stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => receive.kill('SIGKILL'));
  const running = new Running(['--stdin', '--slot', 'piped', '--out', out, '--pg', server.url()]);
  receive.stdout.pipe(running.child.stdin!);
  await server.query('insert into t values (5001, null)');
  await until('the last row is in the log', async () => (await insertedIds(out, 't')).includes(5001));
  assert.deepEqual(await insertedIds(out, 't'), range(5001));
  const units = await until('a horizon with a snapshot', async () => {
    const all = await readAll(out);
    return all.some((unit) => unit.kind === 'horizon' && unit.line.own.has('_snapshot')) && all;
  });
  const [{ system }] = await server.query<{ system: string }>('select system_identifier::text as system from pg_control_system()');
  assert.equal(units[0].kind === 'open' && units[0].line.own.get('_system'), system);
  receive.kill('SIGTERM');
  assert.equal(await running.exited, 0, running.stderr);
});

test('empty lines are no lines, and the same input twice is in the log once', async (t) => {
  const out = temporaryFolder(t);
  for (let time = 0; time < 2; time++) {
    const { code, stderr } = await piped(out, `\n${lines(1, ['1'])}\n\n${lines(2, ['2', '3'])}`);
    assert.equal(code, 0, stderr);
  }
  assert.deepEqual(xidsOf(await readAll(out)), [1, 2]);
});

test('half a transaction at the end of the input is cut, and so is half a line', async (t) => {
  const whole = lines(1, ['1', '2']);
  const torn = lines(2, ['3', '4']);
  for (const length of [20, torn.length - 30, torn.length - 1]) {
    const out = temporaryFolder(t);
    assert.equal((await piped(out, whole + torn.slice(0, length))).code, 0);
    assert.deepEqual(xidsOf(await readAll(out)), [1], `after ${length} of ${torn.length} bytes`);
    assert.match(logText(out), /\t_crc\t[0-9a-f]{8}\n$/);
  }
});

test('input that is not the plugin\'s ends it with one line, and leaves what was whole', async (t) => {
  const out = temporaryFolder(t);
  const { code, stderr } = await piped(out, `${lines(1, ['1'])}BEGIN 42\n`);
  assert.equal(code, 1);
  assert.match(stderr, /^deltastream: not what the plugin writes here: "BEGIN 42" — [^\n]+\n$/);
  assert.deepEqual(xidsOf(await readAll(out)), [1]);
});

test('a stop ends it in good order while the input is open', async (t) => {
  const out = temporaryFolder(t);
  const running = new Running(['--stdin', '--slot', 'x', '--out', out]);
  running.child.stdin?.write(lines(1, ['1']) + lines(2, ['2', '3']).slice(0, 150));
  await until('the first transaction is in the log', () => readdirSync(out).some(isSegmentName) && logText(out).includes('commit'));
  assert.equal(await running.kill('SIGTERM'), 0, running.stderr);
  assert.deepEqual(xidsOf(await readAll(out)), [1]);
});

function logText(out: string): string {
  return readdirSync(out).filter(isSegmentName).map((name) => readFileSync(join(out, name), 'utf8')).join('');
}
