import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import { lock } from '../../src/lock.js';
import { temporaryFolder } from '../support/folder.js';
import { follow, insertedIds, range, runToEnd, type Running } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
let slots = 0;
before(async () => {
  server = await Server.start();
  await server.query('create table a (id int primary key); create table b (id int primary key); create schema ops; create table ops.log (id int primary key)');
});
after(() => server.stop());

/** A log that follows `a`, and how to start it again. */
async function started(t: TestContext): Promise<{ out: string; running: Running; again: (tables: string) => Promise<Running> }> {
  await server.query('truncate a, b');
  const out = join(temporaryFolder(t), 'log');
  const slot = `s${++slots}`;
  const start = (tables: string, ...more: string[]) => follow(t, server, slot, out, '--tables', tables, '--messages', 'deltastream', '--schema-interval', '100ms', ...more);
  const running = await start('a', '--create-slot');
  await until('the log says what it follows', () => stated(out) === 'a' && existsSync(join(out, '.catalog.json')));
  return { out, running, again: start };
}

function textOf(out: string): string {
  return readdirSync(out).filter(isSegmentName).map((name) => readFileSync(join(out, name), 'utf8')).join('');
}

/** The patterns of the newest horizon. */
function stated(out: string): string | undefined {
  return [...textOf(out).matchAll(/\t_action\thorizon\t.*?\t_tables\t([^\t\n]*)/g)].at(-1)?.[1];
}

async function oid(table: string): Promise<string> {
  const [row] = await server.query<{ oid: string }>(`select '${table}'::regclass::oid::text as oid`);
  return row.oid;
}

async function tables(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return runToEnd('tables', ...args);
}

test('a table that is added under writes is followed from then on and offered, and nothing of the others is lost', async (t) => {
  const { out, running } = await started(t);
  const writer = await server.client();
  let id = 0;
  let done = false;
  const writing = (async () => {
    while (!done) await writer.query('with n as (insert into a values ($1)) insert into b values ($1)', [++id]);
    await writer.end();
  })();
  await until('rows came', async () => (await insertedIds(out, 'a')).length > 50);
  const added = await tables('add', 'b,"ops".*', '--out', out);
  assert.deepEqual([added.code, added.stdout], [0, 'b: is followed from now on\n"ops".*: is followed from now on\n']);
  const offer = `\t_content\toffer ${[await oid('b'), await oid('ops.log')].sort((x, y) => Number(x) - Number(y)).join(' ')}\n`;
  await until('they are offered', () => textOf(out).includes(offer));
  assert.equal(stated(out), 'a,b,"ops".*');
  const before = id;
  await until('rows came after', () => id > before + 50);
  done = true;
  await writing;
  await until('all is there', async () => (await insertedIds(out, 'a')).length === id);
  assert.deepEqual(await insertedIds(out, 'a'), range(id));
  const b = await insertedIds(out, 'b');
  assert.ok(b[0] > 1 && b[0] <= before);
  assert.deepEqual(b, range(id).slice(b[0] - 1), 'from the first one on, every one');
  assert.equal(await running.kill('SIGTERM'), 0);
});

test('a table that is removed is no longer in the log, whose readers are told before', async (t) => {
  const { out, again, running } = await started(t);
  await running.kill('SIGTERM');
  const second = await again('a,b');
  await until('both are followed', () => stated(out) === 'a,b');
  assert.deepEqual((await tables('remove', 'b', '--out', out)).stdout, 'b: is followed no longer\n');
  await until('one is', () => stated(out) === 'a');
  await server.query('insert into b values (1); insert into a values (1)');
  await until('a row came', async () => (await insertedIds(out, 'a')).length === 1);
  assert.deepEqual(await insertedIds(out, 'b'), []);
  await tables('add', 'b', '--out', out);
  await until('both are again, as the command line says', () => stated(out) === 'a,b');
  assert.equal(existsSync(join(out, 'tables.json')), false);
  assert.equal(await second.kill('SIGTERM'), 0);
});

test('what is not in the list cannot be removed, nor all of it; what is in it is not added twice', async (t) => {
  const { out } = await started(t);
  const absent = await tables('remove', 'b', '--out', out);
  assert.deepEqual([absent.code, absent.stderr], [2, 'deltastream: b: is not in the list a — name one of the list as it stands there\n']);
  assert.match((await tables('remove', 'a', '--out', out)).stderr, /a: nothing would be left to follow/);
  assert.equal((await tables('add', 'public.a', '--out', out)).stdout, 'public.a: is followed already\n');
  assert.equal((await tables('add', 'a b', '--out', out)).code, 2);
  assert.match((await tables('list', '--out', `${out}/none`)).stderr, /none: does not exist/);
  assert.equal(existsSync(join(out, 'tables.json')), false);
});

test('the list is printed as it is, with the tables that it is now, and as one JSON object', async (t) => {
  const { out } = await started(t);
  const added = await tables('add', 'ops.*,nothing', '--out', out, '--pg', server.url());
  assert.match(added.stdout, /^nothing: there is no such table; it is followed from when there is one$/m);
  assert.equal((await tables('list', '--out', out)).stdout, 'a\nops.*\nnothing\n');
  assert.equal((await tables('list', '--out', out, '--pg', server.url())).stdout, 'a: a\nops.*: ops.log\nnothing: no table\n');
  assert.deepEqual(JSON.parse((await tables('list', '--out', out, '--pg', server.url(), '--json')).stdout), { patterns: [{ pattern: 'a', tables: ['a'] }, { pattern: 'ops.*', tables: ['ops.log'] }, { pattern: 'nothing', tables: [] }] });
});

test('a listing writes nothing and waits for nobody, so that whoever may read the folder has it', async (t) => {
  const { out } = await started(t);
  assert.equal((await tables('list', '--out', out)).stdout, 'a\n');
  assert.equal(existsSync(join(out, '.tables.lock')), false);
  const held = lock(join(out, '.tables.lock'), 'somebody');
  t.after(() => held.release());
  assert.equal((await tables('list', '--out', out)).stdout, 'a\n');
});

test('deltastream says of an added pattern what it says at its start', async (t) => {
  const { out, running } = await started(t);
  await tables('add', 'nothing', '--out', out);
  await running.says(/table nothing: does not exist; it is followed from when it does/);
});

test('what is added while nothing runs holds at the next start, until the command line changes', async (t) => {
  const { out, again, running } = await started(t);
  await running.kill('SIGTERM');
  await tables('add', 'b', '--out', out);
  const second = await again('a');
  await until('both are followed', () => stated(out) === 'a,b');
  const offer = `\t_content\toffer ${await oid('b')}\n`;
  await until('it is offered', () => textOf(out).includes(offer));
  await second.kill('SIGTERM');
  const third = await again('a,ops.*');
  assert.match(third.stderr, /--tables was changed: it holds, and no longer what deltastream tables made of a \(a,b\)/);
  await until('the command line holds', () => stated(out) === 'a,ops.*');
  assert.equal((await tables('list', '--out', out)).stdout, 'a\nops.*\n');
});

test('calls at one time each do their part', async (t) => {
  const { out } = await started(t);
  const names = range(6).map((n) => `t${n}`);
  const all = await Promise.all(names.map((name) => tables('add', name, '--out', out)));
  assert.deepEqual(all.map(({ code }) => code), names.map(() => 0));
  const listed = (await tables('list', '--out', out)).stdout.trim().split('\n');
  assert.deepEqual(listed.sort(), ['a', ...names]);
  await until('all of them are followed', () => stated(out)?.split(',').length === 7);
});

test('a log of every table has no list to change', async (t) => {
  const out = join(temporaryFolder(t), 'log');
  await follow(t, server, `s${++slots}`, out, '--create-slot');
  await until('a horizon came', () => readdirSync(out).some(isSegmentName) && textOf(out).includes('\t_action\thorizon\t'));
  assert.match((await tables('add', 'b', '--out', out)).stderr, /every table is followed already — to choose, start deltastream with --tables/);
  assert.equal((await tables('list', '--out', out)).stdout, '*.*\n');
});

test('a list that is not ours is refused at the start with what to type, and stops nothing that runs', async (t) => {
  const { out, running } = await started(t);
  writeFileSync(join(out, 'tables.json'), '{"base":');
  await running.says(/tables\.json: is not what deltastream tables writes/);
  await server.query('insert into a values (1)');
  await until('it goes on', async () => (await insertedIds(out, 'a')).length === 1);
  await running.kill('SIGTERM');
  const { code, stderr } = await runToEnd('--pg', server.url(), '--slot', `s${slots}`, '--out', out, '--tables', 'a');
  assert.equal(code, 1);
  assert.match(stderr, /tables\.json: is not what deltastream tables writes — rm [^\n]*, and --tables holds as it is\n$/);
});
