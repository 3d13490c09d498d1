import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { parseLsn } from '../../src/daystream/lsn.js';
import { readSlotMemory } from '../../src/deltastream/slot-memory.js';
import { temporaryFolder } from '../support/folder.js';
import { segmentBytes } from '../support/segments.js';
import { SMALL_WAL, writeWal } from '../support/small-wal.js';
import { confirmed, follow, insertedIds, range, Running, runToEnd } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => { server = await Server.start(SMALL_WAL); });
after(() => server.stop());

/** A slot and a log that follow one table of that name, with its first row. */
async function followed(t: TestContext, name: string): Promise<{ out: string; running: Running }> {
  const out = temporaryFolder(t);
  await server.query(`create table ${name} (id int primary key)`);
  const running = await follow(t, server, name, out, '--create-slot', '--tables', name);
  await server.query(`insert into ${name} values (1)`);
  await until('the row is in the log', async () => (await insertedIds(out, name)).length === 1);
  return { out, running };
}

async function resumed(t: TestContext, name: string, out: string): Promise<Running> {
  return follow(t, server, name, out, '--tables', name);
}

/** It ended by itself: one line says where, what, and to reconcile; the log is as it was. */
async function assertRefused(running: Running, name: string, out: string, text: RegExp, bytes: Buffer): Promise<void> {
  assert.equal(await running.exited, 1, running.stderr);
  const last = running.stderr.trimEnd().split('\n').at(-1) ?? '';
  assert.match(last, text);
  assert.ok(last.endsWith(` — deltastream reconcile --slot ${name} --out ${out} --cache FILE`), last);
  assert.deepEqual(segmentBytes(out), bytes);
}

function started(name: string, out: string, url = server.url()): Running {
  return new Running(['--pg', url, '--slot', name, '--out', out, '--tables', name]);
}

/** Ends the connection of a program that stands still meanwhile, and does something before it can come back. */
async function behindItsBack(running: Running, name: string, act: () => Promise<unknown>): Promise<void> {
  running.child.kill('SIGSTOP');
  await server.query(`select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '${name}' and active`);
  await until('nobody reads the slot', async () => (await server.query(`select from pg_replication_slots where slot_name = '${name}' and not active`)).length === 1);
  await act();
  running.child.kill('SIGCONT');
}

test('a slot is warned of before it is lost, and once it is lost deltastream ends before another line is written', async (t) => {
  const { out, running } = await followed(t, 'losing');
  const open = await server.client();
  t.after(() => open.end());
  await open.query('begin; insert into losing values (2)');
  await writeWal(server, 7);
  await running.says(/warning: slot "losing": uses \d+% of max_slot_wal_keep_size, and is lost beyond it — let its reader catch up/);
  await writeWal(server, 6);
  await server.query('checkpoint');
  await until('the slot is lost', async () => (await server.query("select from pg_replication_slots where slot_name = 'losing' and wal_status = 'lost'")).length === 1);
  assert.equal(await running.exited, 1);
  const before = segmentBytes(out);
  assert.match(running.stderr, /\ndeltastream: slot "losing": is lost \(.*\), changes are missing for good — deltastream reconcile --slot losing --out \S+ --cache FILE\n$/);
  const again = await runToEnd('--slot', 'losing', '--out', out, '--tables', 'losing', '--pg', server.url());
  assert.match(again.stderr, /slot "losing": is lost .* — deltastream reconcile --slot losing/);
  assert.deepEqual(segmentBytes(out), before);
  const status = await runToEnd('status', '--slot', 'losing', '--out', out, '--pg', server.url(), '--json');
  assert.equal(status.code, 1);
  assert.match(JSON.parse(status.stdout).complaints[0].what, /is lost/);
});

const MADE_ANEW: readonly [string, (name: string) => Promise<unknown>, RegExp][] = [
  ['dropped', (name) => server.query(`select pg_drop_replication_slot('${name}')`), /slot "\w+": does not exist, and .* holds its log/],
  ['made anew', (name) => remade(name), /slot "\w+": begins at \S+, the log in .* ends at \S+: it was moved or made anew/],
  ['advanced', (name) => advanced(name), /slot "\w+": begins at \S+, .*: it was moved or made anew/],
];

async function remade(name: string): Promise<void> {
  await server.query(`select pg_drop_replication_slot('${name}')`);
  await server.query(`insert into ${name} values (2)`);
  await server.query(`select pg_create_logical_replication_slot('${name}', 'deltastream')`);
}

async function advanced(name: string): Promise<void> {
  await server.query(`insert into ${name} values (2)`);
  await server.query(`select pg_replication_slot_advance('${name}', pg_current_wal_lsn())`);
}

for (const [what, act, text] of MADE_ANEW) {
  const word = what.replaceAll(' ', '_');
  test(`a slot that was ${what} while deltastream stood is refused`, async (t) => {
    const name = `stood_${word}`;
    const { out, running } = await followed(t, name);
    await running.kill('SIGTERM');
    await act(name);
    const bytes = segmentBytes(out);
    await assertRefused(started(name, out), name, out, text, bytes);
  });

  test(`a slot that was ${what} while deltastream ran is refused when it comes back`, async (t) => {
    const name = `ran_${word}`;
    const { out, running } = await followed(t, name);
    let bytes: Buffer = Buffer.alloc(0);
    await behindItsBack(running, name, async () => {
      await act(name);
      bytes = segmentBytes(out);
    });
    await assertRefused(running, name, out, text, bytes);
    assert.deepEqual(await insertedIds(out, name), [1]);
  });
}

test('a copy of another slot under its name is refused, though it begins before the end of the log', async (t) => {
  const { out, running } = await followed(t, 'original');
  await running.kill('SIGTERM');
  await server.query("select pg_copy_logical_replication_slot('original', 'copy')");
  const again = await resumed(t, 'original', out);
  const copied = await confirmed(server, 'copy');
  await server.query('insert into original values (2)');
  await until('more is confirmed', async () => (await confirmed(server, 'original')) > copied);
  await again.kill('SIGTERM');
  const third = await resumed(t, 'original', out);
  await until('that is remembered', () => parseLsn(readSlotMemory(out)?.confirmed ?? '0/0') > copied);
  await third.kill('SIGTERM');
  await server.query("select pg_drop_replication_slot('original')");
  await server.query("select pg_copy_logical_replication_slot('copy', 'original')");
  await assertRefused(started('original', out), 'original', out, /slot "original": .* had come to \S+: it is another slot of that name, or the server was restored/, segmentBytes(out));
});

test('what was confirmed when deltastream was stopped is remembered, so that no slot that begins before it passes for the same', async (t) => {
  const { out, running } = await followed(t, 'remembered');
  const before = await confirmed(server, 'remembered');
  await server.query('insert into remembered values (2)');
  await until('it is confirmed', async () => (await confirmed(server, 'remembered')) > before);
  await running.kill('SIGTERM');
  assert.equal(parseLsn(readSlotMemory(out)?.confirmed ?? '0/0'), await confirmed(server, 'remembered'));
});

test('a slot that a crash of the server set back is followed on, and that is said', async (t) => {
  const { out, running } = await followed(t, 'crashed');
  await running.kill('SIGTERM');
  // The server may happen to write the slot down before the crash, which then sets nothing back: until it did not.
  let ids = 1;
  for (let setBack = false; !setBack;) {
    const again = await resumed(t, 'crashed', out);
    const before = await confirmed(server, 'crashed');
    await server.query(`insert into crashed values (${++ids})`);
    await until('it is confirmed', async () => (await confirmed(server, 'crashed')) > before);
    await again.kill('SIGTERM');
    const remembered = parseLsn(readSlotMemory(out)?.confirmed ?? '0/0');
    assert.ok(remembered > before);
    await server.halt('immediate');
    await server.launch();
    setBack = (await confirmed(server, 'crashed')) < remembered;
  }
  const last = await resumed(t, 'crashed', out);
  await last.says(/slot "crashed": begins at \S+ again, and had come to \S+: the server was started anew and forgot it/);
  await server.query(`insert into crashed values (${++ids})`);
  await until('the next row is in the log', async () => (await insertedIds(out, 'crashed')).length === ids);
  assert.deepEqual(await insertedIds(out, 'crashed'), range(ids));
});

test('another system behind the same address is refused', async (t) => {
  const { out, running } = await followed(t, 'elsewhere');
  await running.kill('SIGTERM');
  const other = await Server.start();
  t.after(() => other.stop());
  await other.query('create table elsewhere (id int primary key)');
  await other.query("select pg_create_logical_replication_slot('elsewhere', 'deltastream')");
  const bytes = readFileSync(join(out, '.slot.json'));
  await assertRefused(started('elsewhere', out, other.url()), 'elsewhere', out, /holds the log of system \d+, not of system \d+: the server was upgraded or restored as another one/, segmentBytes(out));
  assert.deepEqual(readFileSync(join(out, '.slot.json')), bytes);
});
