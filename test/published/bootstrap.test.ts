import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import Database from 'better-sqlite3';
import { Folder } from '../../src/daystream/folder.js';
import { writeSeekable } from '../../src/daystream/seekable-gzip.js';
import { SeekableReader } from '../../src/daystream/seekable-reader.js';
import { publishSnapshot } from '../../src/published/publish.js';
import { keyedTable, query, runMirror } from '../support/cache.js';
import { bench, ids, spaced, T0, writeLog, type Bench } from '../support/mirror.js';
import { openWriter } from '../support/log.js';
import { bootstrap, plainOf, refusedBootstrap, snapshotsIn, stateOf } from '../support/published.js';
import { runCommand } from '../support/path.js';
import { Random } from '../support/random.js';
import { ENTRY as MAIN } from '../support/import.js';
import type { CacheTable } from '../../src/sqlite/tables.js';

const KILLS = 10;
const TABLE = keyedTable('t', ['note']);

/** A log with two snapshots beside it, of one row and of two, and another row behind both. */
async function twice(t: TestContext, table: CacheTable = TABLE): Promise<Bench & { older: unknown; newer: unknown }> {
  const paths = bench(t, [table]);
  const states = [];
  for (const id of [1, 2]) {
    await writeLog(paths.log, spaced(id, [`t insert id ${id} note n`]));
    await runMirror(paths.cache, paths.log);
    await publishSnapshot(paths.cache, paths.log, 2);
    states.push(stateOf(paths.cache));
  }
  await writeLog(paths.log, spaced(3, ['t insert id 3 note n']));
  return { ...paths, older: states[0], newer: states[1] };
}

test('a new host has the snapshot, follows the log from there, and names the log as it reads it', async (t) => {
  const { folder, log, newer } = await twice(t);
  const copy = join(folder, 'copy.db');
  const result = await bootstrap(log, copy);
  assert.deepEqual(stateOf(copy), newer);
  assert.equal(result.snapshot, snapshotsIn(log)[0]);
  assert.equal(query(copy, 'SELECT source FROM _daystream_position')[0].source, log);
  await runMirror(copy, log);
  assert.deepEqual(ids(copy), [1, 2, 3]);
  assert.deepEqual(readdirSync(folder).filter((name) => name.startsWith('.')), []);
});

test('an existing cache is replaced when the new one is whole, and a reader sees the one or the other', async (t) => {
  const { folder, log, newer } = await twice(t);
  const copy = join(folder, 'copy.db');
  await bootstrap(log, copy, 't');
  const reader = new Database(copy, { readonly: true });
  const inside = new Database(copy, { readonly: true });
  inside.exec('BEGIN');
  assert.equal(inside.prepare('SELECT count(*) AS n FROM t').pluck().get(), 2);
  await runMirror(copy, log);
  await bootstrap(log, copy);
  assert.equal(inside.prepare('SELECT count(*) AS n FROM t').pluck().get(), 2);
  assert.equal(reader.prepare('SELECT count(*) AS n FROM t').pluck().get(), 2);
  for (const each of [reader, inside]) each.close();
  assert.deepEqual(stateOf(copy), newer);
});

test('the newest one is damaged, at whichever byte: it is passed over with a word and the one before it taken, or it is as it was', async (t) => {
  const { folder, log, older, newer } = await twice(t);
  const path = join(log, snapshotsIn(log)[0]);
  const whole = readFileSync(path);
  const copy = join(folder, 'copy.db');
  let passedOver = 0;
  const step = Math.ceil(whole.length / 120);
  for (let at = 0; at < whole.length; at += step) {
    const damaged = at % 2 === 0 ? Buffer.from(whole) : whole.subarray(0, at);
    if (damaged.length === whole.length) damaged[at] ^= 1 << (at % 8);
    writeFileSync(path, damaged);
    const { said, snapshot } = await bootstrap(log, copy);
    assert.deepEqual(stateOf(copy), said.length === 0 ? newer : older, `at byte ${at}`);
    assert.equal(snapshot, snapshotsIn(log)[said.length]);
    for (const line of said) assert.match(line, /snapshot\.gz: .*; trying the one before it$/);
    passedOver += said.length;
  }
  assert.ok(passedOver >= 60, `${passedOver} were found`);
});

test('what is not of this log is passed over: of another system, slot or epoch, of another line, of a place that the log does not have', async (t) => {
  const { folder, log, cache, older } = await twice(t);
  const newest = snapshotsIn(log)[0];
  const copy = join(folder, 'copy.db');
  for (const [change, reason] of [
    ["system = '99'", /is of slot test of system 99, epoch 1; this log has another there/],
    ["slot = 'other'", /slot other/],
    ['epoch = 7', /epoch 7/],
    ['crc = crc + 1', /no line of its checksum/],
    ['sequence = sequence - 1', /no line of its checksum/],
  ] as const) {
    const other = join(folder, 'other.db');
    rmSync(other, { force: true });
    const from = new Database(cache);
    from.prepare('VACUUM INTO ?').run(other);
    from.close();
    const changed = new Database(other);
    changed.exec(`UPDATE _daystream_position SET ${change}`);
    changed.close();
    // Into the log it is refused, so it comes from elsewhere.
    await assert.rejects(publishSnapshot(other, log, 9), reason);
    const aside = mkdtempSync(join(folder, 'aside-'));
    await publishSnapshot(other, aside, 9);
    for (const name of snapshotsIn(aside)) copyFileSync(join(aside, name), join(log, name));
    const foreign = snapshotsIn(log)[change.startsWith('sequence') ? 1 : 0];
    const said: string[] = [];
    if (change.startsWith('sequence')) rmSync(join(log, newest));
    const result = await bootstrap(log, copy);
    said.push(...result.said);
    assert.match(said.join(), reason);
    assert.deepEqual(stateOf(copy), older);
    assert.notEqual(result.snapshot, foreign);
  }
  rmSync(join(log, snapshotsIn(log).at(-1)!));
  const error = await refusedBootstrap(log, join(folder, 'none.db'));
  assert.equal(error.code, 'log-missing');
  assert.match(error.message, /no published snapshot there can be used; the newest: .*no line of its checksum/);
  assert.equal(existsSync(join(folder, 'none.db')), false);
});

test('a snapshot whose head says another place than its rows is passed over', async (t) => {
  const { folder, log, older } = await twice(t);
  const [newest, oldest] = snapshotsIn(log);
  const plain = plainOf(log, oldest);
  const files = new Folder(log);
  const { head } = await SeekableReader.open(files.file(newest));
  await files.close();
  const forged = { ...JSON.parse(head!.toString()), bytes: plain.length, sha256: createHash('sha256').update(plain).digest('hex') };
  const blocks: Buffer[] = [];
  await writeSeekable([plain], (block) => { blocks.push(block); }, { head: Buffer.from(JSON.stringify(forged)) });
  writeFileSync(join(log, newest), Buffer.concat(blocks));
  const { said, snapshot } = await bootstrap(log, join(folder, 'copy.db'));
  assert.match(said.join(), /its rows are as of another position than it says/);
  assert.equal(snapshot, oldest);
  assert.deepEqual(stateOf(join(folder, 'copy.db')), older);
});

test('where there is none, and where the log no longer reaches back to one, that is said with what to type', async (t) => {
  const { folder, log, cache } = await twice(t);
  const none = join(folder, 'none.db');
  await writeLater(log, 4, 1);
  await writeLater(log, 5, 2);
  for (const name of readdirSync(log).filter((each) => each.endsWith('.daystream')).sort().slice(0, 2)) rmSync(join(log, name));
  assert.match((await refusedBootstrap(log, none)).message, /the newest: .*the log no longer reaches back to there/);
  for (const name of snapshotsIn(log)) rmSync(join(log, name));
  const error = await refusedBootstrap(log, none);
  assert.match(error.message, /holds no published snapshot/);
  assert.match(error.hint ?? '', /deltamirror publish cache\.db --to/);
  assert.equal(existsSync(none), false);
  assert.ok(existsSync(cache));
});

test('killed at any moment, or on a full disk, it leaves the cache that was there, or the whole new one', async (t) => {
  const paths = bench(t, [TABLE]);
  await writeLog(paths.log, ...Array.from({ length: 20 }, (_, i) => spaced(i + 1, Array.from({ length: 1000 }, (__, j) => `t insert id ${i * 1000 + j} note n${'x'.repeat(j % 50)}`))));
  await runMirror(paths.cache, paths.log);
  await publishSnapshot(paths.cache, paths.log, 1);
  const copy = join(paths.folder, 'copy.db');
  await bootstrap(paths.log, copy);
  const old = new Database(copy);
  old.exec("UPDATE t SET note = 'old'");
  old.close();
  const [before, after] = [stateOf(copy), stateOf(paths.cache)];
  const args = [MAIN, '--bootstrap', '--source', paths.log, copy];
  const full = spawnSync('bash', ['-c', 'ulimit -f 300; exec "$@"', 'bash', process.execPath, ...args], { encoding: 'utf8' });
  assert.equal(full.status, 1);
  assert.match(full.stderr, /^deltaimport: .*: cannot be written: .* — make room on that disk .*\n$/);
  assert.deepEqual(stateOf(copy), before);
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  for (let i = 0; i < KILLS; i++) {
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    const exited = once(child, 'exit');
    await delay(random.below(900));
    child.kill('SIGKILL');
    await exited;
    const state = stateOf(copy);
    assert.ok([before, after].some((each) => isDeepStrictEqual(state, each)), 'neither the one nor the other');
  }
  await bootstrap(paths.log, copy);
  assert.deepEqual(stateOf(copy), after);
  assert.deepEqual(readdirSync(paths.folder).filter((name) => name.startsWith('.')), []);
});

test('what makes no sense beside --bootstrap is refused', (t) => {
  const { folder, cache } = bench(t, [TABLE]);
  const run = (...args: string[]) => runCommand('deltaimport', ['--bootstrap', ...args]);
  for (const [args, message] of [
    [['--source', folder, '--pg', 'postgres://h/d', cache], /--pg means nothing there/],
    [['--source', folder, '--into', cache], /--into means nothing there/],
    [['--source', folder], /name the cache to make/],
    [[cache], /'--source <.*>' not specified/],
    [['--source', join(folder, 'none'), cache], /none: there is no such folder/],
    [['--source', folder, cache], /holds no published snapshot/],
  ] as const) {
    const { status, stderr } = run(...args);
    assert.notEqual(status, 0);
    assert.match(stderr, message);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
  }
});

async function writeLater(log: string, xid: number, days: number): Promise<void> {
  const writer = await openWriter(log, { clock: () => T0 + days * 86_400 });
  writer.append(spaced(xid, [`t insert id ${xid} note n`]));
  await writer.sync();
  writer.close();
}
