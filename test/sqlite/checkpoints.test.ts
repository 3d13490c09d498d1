/** The WAL of a cache that is followed: what a reader in a transaction makes of it, and that it is gone behind that one. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { Checkpoints, type Wal } from '../../src/sqlite/checkpoints.js';
import { readHeldSince } from '../../src/sqlite/held.js';
import { openCache, type Cache } from '../../src/sqlite/open.js';
import { BATCH_BYTES, FRAMES, WAL_KEPT_BYTES } from '../../src/sqlite/pace.js';
import { checkpoint, walBytes } from '../../src/sqlite/wal.js';
import { statusOf } from '../../src/deltamirror/status.js';
import { lockCache } from '../../src/sqlite/lock.js';
import { keyedTable, makeCache } from '../support/cache.js';
import { temporaryFolder } from '../support/folder.js';
import { endReader, startReader } from '../support/reader.js';
import { until } from '../support/wait.js';

const EVERY_MS = 20;
const HOUR_MS = 3_600_000;
const ROW_BYTES = 2000;

interface Followed { readonly path: string; readonly cache: Cache; readonly checkpoints: Checkpoints; readonly clock: { ahead: number }; readonly looks: Wal[] }

/** A cache with a table of `rows` rows, and its checkpoints, whose clock the test can put forward. */
function follow(t: TestContext, rows: number): Followed {
  const path = join(temporaryFolder(t), 'cache.db');
  makeCache(path, '/log', [keyedTable('t', ['a'])]);
  const cache = openCache(path);
  const clock = { ahead: 0 };
  const looks: Wal[] = [];
  const checkpoints = new Checkpoints(cache, { everyMs: EVERY_MS, now: () => Date.now() + clock.ahead, looked: (wal) => looks.push(wal) });
  t.after(async () => {
    await checkpoints.close();
    cache.close();
  });
  const insert = cache.prepare('INSERT INTO t VALUES (?, ?)');
  cache.transaction(() => { for (let i = 0; i < rows; i++) insert.run(i, 'x'.repeat(ROW_BYTES)); })();
  return { path, cache, checkpoints, clock, looks };
}

/** Changes all rows: each of these commits writes about as many bytes as the table has. */
async function change({ cache, checkpoints }: Followed, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    cache.prepare('UPDATE t SET a = ? || substr(a, 2)').run(i % 10);
    await checkpoints.committed(true, 0);
  }
}

test('a reader in a transaction lets the WAL grow by what is changed meanwhile, is told of, and both are gone behind it, also where nothing is committed any more', async (t) => {
  const followed = follow(t, 5000);
  const { path, cache, checkpoints, clock } = followed;
  const held = lockCache(path, 'deltamirror cache.db');
  const child = await startReader(t, path);
  const before = walBytes(path);
  await change(followed, 10);
  const changed = 10 * 5000 * ROW_BYTES;
  await until('it is known that a reader keeps it', () => checkpoints.wal.heldMs !== undefined);
  assert.ok(walBytes(path) - before < 1.5 * changed, `${walBytes(path)} bytes for ${changed}`);
  assert.ok(walBytes(path) > WAL_KEPT_BYTES);
  assert.deepEqual(checkpoints.wal.readers(), [child.pid]);
  assert.equal((await statusOf(path)).wal.heldSeconds, null);
  clock.ahead = HOUR_MS;
  await until('it is written down', () => readHeldSince(cache) !== undefined);
  const { wal } = await statusOf(path, (Date.now() + HOUR_MS) * 1000);
  assert.ok(wal.heldSeconds! >= 3600 && wal.pendingBytes > WAL_KEPT_BYTES && wal.bytes === walBytes(path), JSON.stringify(wal));
  assert.deepEqual(wal.readers, [child.pid]);
  await endReader(child);
  await until('the file is small again', () => walBytes(path) <= WAL_KEPT_BYTES);
  await until('nobody keeps it', () => readHeldSince(cache) === undefined);
  assert.equal(checkpoints.wal.heldMs, undefined);
  held.release();
});

test('where commits go on behind the reader, the next one uses the file from its start, and it is cut', async (t) => {
  const followed = follow(t, 5000);
  const child = await startReader(t, followed.path);
  await change(followed, 10);
  await until('it is known that a reader keeps it', () => followed.checkpoints.wal.heldMs !== undefined);
  await endReader(child);
  await until('the file is cut', async () => {
    followed.cache.prepare("UPDATE t SET a = 'y' WHERE id = 1").run();
    await followed.checkpoints.committed(true, 0);
    return walBytes(followed.path) <= WAL_KEPT_BYTES;
  });
});

test('while commits follow each other without a break the WAL is still used again', async (t) => {
  const followed = follow(t, 100);
  const { path, cache, checkpoints } = followed;
  const update = cache.prepare("UPDATE t SET a = ? || substr(a, 2) WHERE id >= ? AND id < ?");
  let written = 0;
  for (let i = 0; written < 3 * WAL_KEPT_BYTES; i++) {
    update.run(i % 10, i % 90, i % 90 + 10);
    written += 10 * ROW_BYTES;
    await checkpoints.committed(true, 0);
    if (i % 50 === 0) await new Promise(setImmediate);
  }
  assert.ok(walBytes(path) <= 1.5 * WAL_KEPT_BYTES, String(walBytes(path)));
});

test('readers that follow each other without a gap neither see SQLITE_BUSY nor let the WAL grow for ever', async (t) => {
  const followed = follow(t, 1000);
  const { path, checkpoints } = followed;
  const readers = Array.from({ length: 2 }, () => new Database(path, { readonly: true, timeout: 0 }));
  t.after(() => { for (const each of readers) each.close(); });
  let turn = 0;
  // Each ends only when the next one has begun.
  const step = (): void => {
    const [next, last] = [readers[turn % 2], readers[(turn + 1) % 2]];
    next.exec('BEGIN');
    next.prepare('SELECT count(*) FROM t').get();
    if (last.inTransaction) last.exec('COMMIT');
    turn++;
  };
  await until('so much was written that it has to have been used again', async () => {
    step();
    await change(followed, 1);
    return turn >= 60;
  });
  for (const each of readers) if (each.inTransaction) each.exec('COMMIT');
  await until('nobody keeps it', async () => {
    await change(followed, 1);
    return checkpoints.wal.heldMs === undefined && walBytes(path) <= WAL_KEPT_BYTES;
  });
});

test('a replay that is faster than its checkpoints waits for them, so its WAL has a bound', async (t) => {
  const followed = follow(t, 5000);
  const { path, cache, checkpoints } = followed;
  const frames: number[] = [];
  for (let i = 0; i < 40; i++) {
    cache.prepare('UPDATE t SET a = ? || substr(a, 2)').run(i % 10);
    await checkpoints.committed(false, 1);
    frames.push(checkpoint(cache, 'NOOP').log);
  }
  assert.ok(Math.max(...frames) <= 3 * FRAMES.behind, String(Math.max(...frames)));
  await checkpoints.committed(true, 0);
  await until('caught up, its file is cut', () => walBytes(path) <= WAL_KEPT_BYTES);
});

test('a mirror that ends leaves an empty WAL; with a reader still there, all that that one allows', async (t) => {
  const path = join(temporaryFolder(t), 'cache.db');
  makeCache(path, '/log', [keyedTable('t', ['a'])]);
  const other = openCache(path);
  t.after(() => { other.close(); });
  for (const holds of [false, true]) {
    const cache = openCache(path);
    const checkpoints = new Checkpoints(cache, { everyMs: EVERY_MS });
    cache.exec("INSERT INTO t VALUES (NULL, 'x')");
    if (holds) other.exec('BEGIN; SELECT * FROM t');
    await checkpoints.close();
    const { log, checkpointed } = checkpoint(cache, 'NOOP');
    assert.deepEqual([log === 0, checkpointed], [!holds, log]);
    cache.close();
  }
});

test('behind, commits are larger where they write more than the log has, and small again once they have caught up', async (t) => {
  const { cache, checkpoints } = follow(t, 10_000);
  let turn = 0;
  const rewrite = () => cache.prepare('UPDATE t SET a = ? || substr(a, 2)').run(turn++ % 10);
  const commit = async (logBytes: number, caughtUp = false) => {
    rewrite();
    await checkpoints.committed(caughtUp, logBytes);
    return checkpoints.batchBytes;
  };
  rewrite();
  const { first, behind, dense } = BATCH_BYTES;
  const said = [checkpoints.batchBytes, await commit(1), await commit(1 << 30), await commit(1 << 30), await commit(1 << 30)];
  assert.deepEqual(said, [first, behind, behind, behind, behind], 'what is written is more than a small batch of the log has');
  cache.prepare("UPDATE t SET a = 'y' WHERE rowid = 1").run();
  await checkpoints.committed(false, 1 << 20);
  assert.equal(checkpoints.batchBytes, dense);
  assert.equal(await commit(1, true), first);
});

test('a mirror whose cache was removed goes on until it is stopped: what is missing is no bug', async (t) => {
  const followed = follow(t, 10);
  for (const suffix of ['', '-wal', '-shm']) rmSync(followed.path + suffix);
  await change(followed, 1);
  assert.match(followed.checkpoints.wal.problem ?? '', /^(?:another file has its name|$)/);
});
