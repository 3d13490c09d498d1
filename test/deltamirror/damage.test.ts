/** What the mirror does where the log is damaged, or a segment of it is gone. */
import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parsePosition } from '../../src/daystream/position.js';
import { keyedTable, makeCache, runMirror } from '../support/cache.js';
import { appendTransactions, openWriter, readAll } from '../support/log.js';
import { bench, DAY, ids, T0, transaction, writeLog } from '../support/mirror.js';

test('P6: whatever byte of the log is changed, nothing is applied but whole transactions before it', async (t) => {
  const { folder, log, cache } = bench(t);
  await writeLog(log, ...[1, 2].map((xid) => transaction(xid, [`t insert id ${xid}`])));
  const segment = join(log, readdirSync(log)[0]);
  const whole = readFileSync(segment);
  const ends = (await readAll(log)).map((unit) => unit.end);
  const empty = join(folder, 'empty.db');
  makeCache(empty, log, [keyedTable('t')]);
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole);
    bytes[at] ^= 1;
    writeFileSync(segment, bytes);
    const path = join(folder, `${at}.db`);
    copyFileSync(empty, path);
    const failure = await runMirror(path, log).then(() => undefined, (error: unknown) => error);
    const intact = ends.filter((end) => end <= at).length;
    assert.deepEqual(ids(path), [1, 2].slice(0, Math.max(0, intact - 1)), `byte ${at}`);
    // A byte of the last trailer makes a torn tail of it, which is no error.
    if (at < ends.at(-1)! - 15) assert.ok(failure !== undefined && 'code' in (failure as Error), `byte ${at} was not noticed: ${failure}`);
    rmSync(path);
  }
  writeFileSync(segment, whole);
  await runMirror(cache, log);
  assert.deepEqual(ids(cache), [1, 2]);
});

test('P6: a byte that changed anywhere in a transaction larger than a block is found before any of it is applied', async (t) => {
  const { folder, log } = bench(t);
  const rows = Array.from({ length: 30_000 }, (_, i) => `t insert id ${i + 10} a ${'x'.repeat(60)}`);
  await writeLog(log, transaction(1, ['t insert id 1 a x']), transaction(2, rows), transaction(3, ['t insert id 3 a x']));
  const segment = join(log, readdirSync(log)[0]);
  const whole = readFileSync(segment);
  const { start, end } = (await readAll(log))[2];
  assert.ok(end - start > 2 << 20);
  // A value in its first block, amid it and in its last: every line is well formed as before.
  for (const near of [start + 200, (start + end) >> 1, end - 300]) {
    const at = whole.indexOf('xxx', near);
    const bytes = Buffer.from(whole);
    bytes[at] = 'y'.charCodeAt(0);
    writeFileSync(segment, bytes);
    const path = join(folder, `${at}.db`);
    makeCache(path, log, [keyedTable('t', ['a'])]);
    await assert.rejects(runMirror(path, log), { code: 'log-damaged', message: /does not match its _crc/ }, `byte ${at} of ${end}`);
    assert.deepEqual(ids(path), [1], `byte ${at} of ${end}`);
  }
});

test('P6: a unit that is lost, doubled or swapped is found', async (t) => {
  const { folder, log } = bench(t);
  await writeLog(log, ...[1, 2, 3, 4].map((xid) => transaction(xid, [`t insert id ${xid}`])));
  const segment = join(log, readdirSync(log)[0]);
  const whole = readFileSync(segment);
  const [open, a, b, c, d] = (await readAll(log)).map((unit) => whole.subarray(unit.start, unit.end));
  for (const [name, units] of Object.entries({ lost: [open, a, c, d], doubled: [open, a, b, b, c, d], swapped: [open, a, c, b, d], headless: [a, b, c, d] })) {
    writeFileSync(segment, Buffer.concat(units));
    const path = join(folder, `${name}.db`);
    makeCache(path, log, [keyedTable('t')]);
    await assert.rejects(runMirror(path, log), { code: 'log-damaged' }, name);
  }
});

async function threeDays(log: string): Promise<string[]> {
  let clock = T0;
  const writer = await openWriter(log, { clock: () => clock });
  for (let xid = 1; xid <= 6; xid++) {
    appendTransactions(writer, xid, 1);
    if (xid % 2 === 0) clock += DAY;
  }
  await writer.sync();
  writer.close();
  return readdirSync(log).sort();
}

test('P6: a missing segment stops the mirror before anything behind it is applied', async (t) => {
  const { log, cache, folder } = bench(t);
  const [, second] = await threeDays(log);
  renameSync(join(log, second), join(folder, second));
  await assert.rejects(runMirror(cache, log), { code: 'log-missing' });
  assert.deepEqual(ids(cache), [1, 2]);
  renameSync(join(folder, second), join(log, second));
  await runMirror(cache, log);
  assert.deepEqual(ids(cache), [1, 2, 3, 4, 5, 6]);
});

test('a cache that stands at the end of a removed segment goes on, one that stands before it is told', async (t) => {
  const { log, cache, folder } = bench(t);
  const [first, second] = await threeDays(log);
  const behind = join(folder, 'behind.db');
  makeCache(behind, log, [keyedTable('t')]);
  renameSync(join(log, second), join(folder, second));
  await assert.rejects(runMirror(cache, log));
  await assert.rejects(runMirror(behind, log));
  renameSync(join(folder, second), join(log, second));
  await runMirror(cache, log);
  renameSync(join(log, first), join(folder, first));
  await assert.rejects(runMirror(behind, log, { from: parsePosition(`${T0}:0`) }), { code: 'log-missing', message: /begins at/ });
  await runMirror(behind, log); // it stood exactly at the first segment's end
  assert.deepEqual(ids(behind), [1, 2, 3, 4, 5, 6]);
});

test('what comes before a damaged place is in the cache', async (t) => {
  const { log, cache } = bench(t);
  await writeLog(log, ...Array.from({ length: 200 }, (_, i) => transaction(i + 1, [`t insert id ${i + 1}`])));
  const segment = join(log, readdirSync(log)[0]);
  const bytes = readFileSync(segment);
  bytes[bytes.indexOf('id\t150') + 3] = 0x32;
  writeFileSync(segment, bytes);
  await assert.rejects(runMirror(cache, log), { code: 'log-damaged' });
  assert.equal(ids(cache).length, 149);
});
