/** A log some of whose segments are compressed reads as the log it was. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { compressedName } from '../../src/daystream/file-names.js';
import { Folder } from '../../src/daystream/folder.js';
import { horizonsBackward } from '../../src/daystream/horizons.js';
import { LogReader } from '../../src/daystream/reader.js';
import { resume } from '../../src/daystream/resume.js';
import { findLogEnd } from '../../src/daystream/recovery.js';
import { Repeats } from '../../src/daystream/repeats.js';
import { seekStart } from '../../src/daystream/seek.js';
import { verifyLog } from '../../src/daystream/verify.js';
import { compressInto } from '../support/compressed.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, IDENTITY, openWriter, readAll, transactionLines, xidsOf } from '../support/log.js';
import { Random } from '../support/random.js';

const T0 = 1_760_000_000;
const DAY = 86_400;

/** Four segments, the first of some megabytes. */
async function fourDays(t: TestContext): Promise<{ folder: string; segments: string[] }> {
  const folder = temporaryFolder(t);
  let clock = T0;
  const writer = await openWriter(folder, { clock: () => clock });
  for (let day = 0; day < 4; day++) {
    for (let i = 0; i < 40; i++) {
      const xid = day * 100 + i + 1;
      writer.append(transactionLines(xid, BigInt(xid) * 0x1000n, ['x'.repeat(day === 0 ? 70_000 : 50)]));
    }
    writer.horizon(0n, 1n, `${day * 100 + 50}:${day * 100 + 50}:`);
    clock += DAY;
  }
  await writer.sync();
  writer.close();
  return { folder, segments: readdirSync(folder).filter((name) => name.endsWith('.daystream')).sort() };
}

function openLog(t: TestContext, folder: string): Folder {
  const log = new Folder(folder);
  t.after(() => log.close());
  return log;
}

for (const which of ['the older ones', 'all but the last, the plain ones beside them', 'every other one']) {
  test(`compressed: ${which}; units, positions, horizons, the end and what comes again are those of the plain log`, async (t) => {
    const { folder, segments } = await fourDays(t);
    const before = openLog(t, folder);
    const units = await readAll(folder);
    const end = await findLogEnd(before);
    const horizons = await collect(horizonsBackward(before));
    const verified = await verifyLog(before);
    for (const [i, segment] of segments.slice(0, -1).entries()) {
      if (which !== 'every other one' || i % 2 === 0) await compressInto(folder, segment, !which.startsWith('all'));
    }
    const log = openLog(t, folder);
    assert.deepEqual(await log.list(), segments);
    assert.deepEqual(await readAll(folder), units);
    assert.deepEqual(await verifyLog(log), verified);
    assert.deepEqual(await findLogEnd(log), end);
    assert.deepEqual(await collect(horizonsBackward(log)), horizons);
    await Repeats.read(log, 20n * 0x1000n, end!.lsn, 'test');
    const random = new Random();
    t.diagnostic(`SEED=${random.seed}`);
    for (let i = 0; i < 20; i++) {
      const at = random.below(units.length - 1);
      const { rewritten, ...place } = await resume(log, { ...IDENTITY, epoch: 1, position: units[at].last, crc: units[at].crc, lsn: 0x1000n });
      assert.equal(rewritten, false);
      assert.deepEqual((await new LogReader(log, place).next())[0].first, units[at + 1].first);
    }
  });
}

test('a reader inside a segment that is compressed, and whose plain file goes away, goes on at the same offset', async (t) => {
  const { folder, segments } = await fourDays(t);
  const all = xidsOf(await readAll(folder));
  for (const blockBytes of [8192, 1 << 20]) {
    for (const when of [1, 3, 10]) {
      const copy = temporaryFolder(t);
      for (const name of segments) writeFileSync(join(copy, name), readFileSync(join(folder, name)));
      const log = openLog(t, copy);
      const reader = new LogReader(log, await seekStart(log), blockBytes);
      const xids: number[] = [];
      let reads = 0;
      for (let units = await reader.next(); units.length > 0; units = await reader.next()) {
        xids.push(...xidsOf(units));
        if (++reads === when) for (const segment of segments.slice(0, -1)) await compressInto(copy, segment, true);
        await reader.wait(0);
      }
      assert.deepEqual(xids, all);
    }
  }
});

test('a segment that is unpacked again while it is read, or whose compressed file is replaced, is read on', async (t) => {
  const { folder, segments } = await fourDays(t);
  const plain = readFileSync(join(folder, segments[0]));
  await compressInto(folder, segments[0], true);
  const log = openLog(t, folder);
  const into = Buffer.alloc(1000);
  assert.equal(await log.read(segments[0], 1000, into), 1000);
  writeFileSync(join(folder, segments[0]), plain);
  rmSync(join(folder, compressedName(segments[0])));
  await log.list();
  assert.equal(await log.size(segments[0]), plain.length);
  assert.equal(await log.read(segments[0], plain.length - 10, into), 10);
  await compressInto(folder, segments[0], true);
  assert.equal(await log.size(segments[0]), plain.length);
  assert.equal(await log.read(segments[0], plain.length - 10, into), 10);
  assert.ok(into.subarray(0, 10).equals(plain.subarray(-10)));
});

test('a compressed file that is cut in half is not taken for the segment; with the plain one beside it nobody asks it', async (t) => {
  const { folder, segments } = await fourDays(t);
  const units = await readAll(folder);
  await compressInto(folder, segments[1], false);
  const path = join(folder, compressedName(segments[1]));
  truncateSync(path, readFileSync(path).length >> 1);
  assert.deepEqual(await readAll(folder), units);
  rmSync(join(folder, segments[1]));
  await assert.rejects(readAll(folder), { code: 'log-damaged', message: /\.daystream\.gz: is cut off, or was not made by daystream compress$/ });
});

test('a segment that is there in neither form is missing, by its plain name', async (t) => {
  const { folder, segments } = await fourDays(t);
  const log = openLog(t, folder);
  await log.list();
  rmSync(join(folder, segments[1]));
  await assert.rejects(log.read(segments[1], 0, Buffer.alloc(1)), { code: 'log-missing', message: new RegExp(`${segments[1]}: ENOENT`) });
});

test('a writer goes on behind compressed segments, and refuses a log whose newest one is compressed', async (t) => {
  const { folder, segments } = await fourDays(t);
  for (const segment of segments.slice(0, -1)) await compressInto(folder, segment, true);
  const count = (await readAll(folder)).length;
  const writer = await openWriter(folder, { clock: () => T0 + 4 * DAY });
  appendTransactions(writer, 1000, 1);
  await writer.sync();
  writer.close();
  const units = await readAll(folder);
  assert.ok(units.length > count);
  assert.deepEqual(xidsOf(units).slice(-1), [1000]);
  const newest = readdirSync(folder).filter((name) => name.endsWith('.daystream')).sort();
  for (const name of newest) rmSync(join(folder, name));
  await assert.rejects(openWriter(folder), { code: 'log-damaged', message: /\.daystream\.gz: is compressed, so there was a newer segment, which is gone/ });
  assert.deepEqual(readdirSync(folder).filter((name) => name.endsWith('.daystream')), []);
});

async function collect<T>(from: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of from) all.push(each);
  return all;
}
