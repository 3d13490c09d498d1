import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import { temporaryFolder } from '../support/folder.js';
import { follow, insertedIds, range, Running, runToEnd } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

/** One line on stderr, that names the program, the place and the cure. */
function assertOneLine(run: Running & { code: number | null }, code: number, text: RegExp): void {
  assert.match(run.stderr, text);
  assert.match(run.stderr, /^deltastream: [^\n]+ — [^\n]+\n$/);
  assert.equal(run.code, code);
}

const WRONG_WORDS: readonly [string, readonly string[], RegExp][] = [
  ['no slot', ['--out', '/tmp'], /--slot: is missing/],
  ['no folder', ['--slot', 'x'], /--out: is missing/],
  ['a slot name that Postgres refuses', ['--slot', 'X-1', '--out', 'OUT'], /'X-1' is not a slot name/],
  ['an unknown option', ['--slots', 'x'], /unknown option '--slots'/],
  ['an interval without a unit', ['--slot', 'x', '--out', 'OUT', '--fsync-interval', '5'], /Write it like 10s/],
  ['a URL of another database', ['--slot', 'x', '--out', 'OUT', '--pg', 'mysql://me@db/app'], /not a Postgres URL/],
  ['an sslmode that is none', ['--slot', 'x', '--out', 'OUT', '--pg', 'postgres://me@db/app?sslmode=maybe'], /sslmode: 'maybe'/],
  ['partitions by another name than root and leaf', ['--slot', 'x', '--out', 'OUT', '--partitions', 'both'], /'both' is invalid.*root, leaf/],
  ['a malformed pattern', ['--slot', 'x', '--out', 'OUT', '--pg', 'URL', '--create-slot', '--tables', 'a..b'], /pattern a\.\.b: /],
];

for (const [what, args, text] of WRONG_WORDS) {
  test(`${what} is a usage error of one line`, async (t) => {
    assertOneLine(await runToEnd(...await filledIn(args, temporaryFolder(t))), 2, text);
  });
}

const WRONG_PLACES: readonly [string, readonly string[], RegExp][] = [
  ['a host that does not exist', ['--pg', 'postgres://me@nosuch.invalid/app'], /nosuch\.invalid:5432\/app: .*check the host name/],
  ['a port where nobody listens', ['--pg', 'postgres://me@127.0.0.1:1/app'], /127\.0\.0\.1:1\/app: .*is Postgres running there/],
  ['a database that does not exist', ['--pg', 'URL/nosuch'], /database "nosuch" does not exist — .*psql -l/],
  ['a role that does not exist', ['--pg', 'ROLE'], /role "nosuch" does not exist/],
  ['a slot that does not exist', ['--pg', 'URL'], /slot "x": does not exist — deltastream --slot x --create-slot/],
];

for (const [what, args, text] of WRONG_PLACES) {
  test(`${what} is refused at once, in one line`, async (t) => {
    assertOneLine(await runToEnd('--slot', 'x', '--out', temporaryFolder(t), ...await filledIn(args, '')), 1, text);
  });
}

async function filledIn(args: readonly string[], out: string): Promise<string[]> {
  const known: Record<string, string> = { OUT: out, URL: server.url(), 'URL/nosuch': server.url('nosuch'), ROLE: server.url('postgres', 'nosuch') };
  return args.map((arg) => known[arg] ?? arg);
}

test('a folder that cannot be made or written is refused before anything is asked of Postgres', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'file'), '');
  for (const out of [join(folder, 'no', 'such'), join(folder, 'file')]) {
    assertOneLine(await runToEnd('--slot', 'x', '--out', out, '--pg', 'postgres://me@127.0.0.1:1/app'), 1, /give a folder that this user may write to/);
  }
});

test('no error repeats a password, however the URL is mistyped', async (t) => {
  const out = temporaryFolder(t);
  const mistyped = ['postgres://u:geheim@127.0.0.1:1/d', 'postgres://u:gehe/im@h/d', 'postgres://u:1#geheim@h/d', 'postgres://u:1/geheim@h/d',
    'postgres://u:gehe?im@h/d', 'postgres://u:geheim@nosuch.invalid/d', 'postgres:/u:geheim@h/d', 'postgres://u:gehe%im@h/d', 'u:geheim@h/d', 'postgres://u:geheim@h:port/d'];
  for (const url of mistyped) {
    const { stderr, stdout } = await runToEnd('--slot', 'x', '--out', out, '--pg', url);
    assert.doesNotMatch(stderr + stdout, /geheim|gehe|im@/, url);
    assert.match(stderr, /^deltastream: [^\n]+ — [^\n]+\n$/);
  }
  const misplaced = await runToEnd('postgres://u:geheim@h/d', '--slot', 'x');
  assert.doesNotMatch(misplaced.stderr, /geheim/);
});

test('a second writer of a folder, and of a slot, is told who holds it', async (t) => {
  const out = temporaryFolder(t);
  const first = await follow(t, server, 'held', out, '--create-slot');
  const sameFolder = await runToEnd('--slot', 'other', '--out', out, '--pg', server.url());
  assertOneLine(sameFolder, 1, new RegExp(`${out}/\\.lock: held by deltastream --slot held \\(pid ${first.child.pid} on `));
  const sameSlot = await runToEnd('--slot', 'held', '--out', temporaryFolder(t), '--pg', server.url());
  assert.equal(sameSlot.code, 1);
  assert.match(sameSlot.stderr, /\ndeltastream: slot "held": is being read by pid \d+ \(deltastream from 127\.0\.0\.1\) — stop that process[^\n]+\n$/);
});

test('a slot that was moved past the log is refused: the changes between are in neither', async (t) => {
  const out = temporaryFolder(t);
  const running = await follow(t, server, 'moved', out, '--create-slot');
  await until('the log has begun', () => readdirSync(out).some(isSegmentName));
  await running.kill('SIGTERM');
  await server.query('create table moved (id int)');
  await server.query("select pg_replication_slot_advance('moved', pg_current_wal_lsn())");
  assertOneLine(await runToEnd('--slot', 'moved', '--out', out, '--pg', server.url()), 1, /begins at [0-9A-F/]+, the log in .* ends at .*deltastream reconcile --slot moved --out .* --cache FILE/);
});

test('a slot that is gone is not made anew for a log that it would not meet', async (t) => {
  const out = temporaryFolder(t);
  const running = await follow(t, server, 'gone', out, '--create-slot');
  await server.query('create table gone (id int)');
  await server.query('insert into gone values (1)');
  await until('a row is in the log', async () => (await insertedIds(out, 'gone')).length === 1);
  await running.kill('SIGTERM');
  await server.query("select pg_drop_replication_slot('gone')");
  assertOneLine(await runToEnd('--slot', 'gone', '--out', out, '--pg', server.url(), '--create-slot'), 1, /slot "gone": does not exist, and .* holds its log/);
  assert.deepEqual(await server.query("select 1 from pg_replication_slots where slot_name = 'gone'"), []);
});

test('a server that was restored from before the end of the log is refused', async (t) => {
  const own = await Server.start();
  t.after(() => own.stop());
  const out = temporaryFolder(t);
  await own.query('create table t (id int primary key)');
  const running = await follow(t, own, 'fleet', out, '--create-slot');
  await running.kill('SIGTERM');
  await own.halt('fast');
  const copy = join(own.directory, 'copy');
  execFileSync('cp', ['-a', own.data, copy]);
  await own.launch();
  await own.query('insert into t select generate_series(1, 20000)');
  const again = await follow(t, own, 'fleet', out);
  await until('the rows are in the log', async () => (await insertedIds(out, 't')).length === 20_000);
  await again.kill('SIGTERM');
  await own.halt('fast');
  rmSync(own.data, { recursive: true });
  renameSync(copy, own.data);
  await own.launch();
  assertOneLine(await runToEnd('--slot', 'fleet', '--out', out, '--pg', own.url()), 1, /before the log in .* the server was restored/);
  assert.deepEqual(await insertedIds(out, 't'), range(20_000));
});

test('a log of another system or slot is left as it is', async (t) => {
  const out = temporaryFolder(t);
  const running = await follow(t, server, 'mine', out, '--create-slot');
  await server.query('create table mine (id int)');
  await server.query('insert into mine values (1)');
  await until('a row is in the log', async () => (await insertedIds(out, 'mine')).length === 1);
  await running.kill('SIGTERM');
  await server.query("select pg_create_logical_replication_slot('yours', 'deltastream')");
  assertOneLine(await runToEnd('--slot', 'yours', '--out', out, '--pg', server.url()), 1, /holds the log of slot mine/);
});

test('stopped while it waits to make a slot, it leaves none behind', async (t) => {
  const open = await server.client();
  t.after(() => open.end());
  await open.query('begin; select pg_current_xact_id()');
  const running = new Running(['--slot', 'late', '--out', temporaryFolder(t), '--create-slot', '--pg', server.url()]);
  t.after(() => running.kill('SIGKILL'));
  await running.says(/slot "late": is being made, and waits for pid \d+ \(.*, idle in transaction, a transaction of \d+ s\) to end/);
  assert.equal(await running.kill('SIGTERM'), 0);
  await until('the server has given the slot up', async () => (await server.query("select 1 from pg_replication_slots where slot_name = 'late'")).length === 0);
  await open.query('commit');
  assert.deepEqual(await server.query("select 1 from pg_replication_slots where slot_name = 'late'"), []);
});

test('what the plugin refuses ends the run with its words', async (t) => {
  const out = temporaryFolder(t);
  mkdirSync(join(out, 'x'));
  const run = await runToEnd('--slot', 'refused', '--out', join(out, 'x'), '--create-slot', '--messages', `a'b",,`, '--pg', server.url());
  assert.equal(run.code, 1);
  assert.match(run.stderr, /option "messages"/);
});

test('a command line that is wrong leaves no folder behind', async (t) => {
  const out = join(temporaryFolder(t), 'log');
  for (const wrong of [['--pg', 'mysql://me@db/app'], ['--pg', 'postgres://me@db/app?sslmode=maybe'], ['--tables', 'a..b'], ['--slot', 'X-1'], ['--stdin', '--pg', 'nonsense'], ['--partitions', 'both']]) {
    assert.equal((await runToEnd('--slot', 'x', '--out', out, ...wrong)).code, 2, wrong.join(' '));
    assert.equal(existsSync(out), false, wrong.join(' '));
  }
});
