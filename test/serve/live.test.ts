/** Live streams: every reader has the segment's bytes, whatever happens to the file, to the day and to the other readers. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter, readAll, transactionLines } from '../support/log.js';
import { Random } from '../support/random.js';
import { ask, exchange, LiveReader, serving, statusOf } from '../support/serving.js';
import { until } from '../support/wait.js';

const DAY = '2026-11-20.daystream';
const NEXT = '2026-11-21.daystream';

test('readers who begin anywhere, at any time, pause and come again have the bytes of the segment, and an end when the next one exists', async (t) => {
  const random = new Random();
  t.diagnostic(`seed ${random.seed}`);
  const folder = temporaryFolder(t);
  const path = join(folder, DAY);
  writeFileSync(path, randomBytes(300_000));
  const { port } = await serving(t, folder);
  let size = 300_000;
  const readers: { from: number; reader: LiveReader }[] = [];
  for (let step = 0; step < 300; step++) {
    const more = randomBytes(random.pick([1, 10, 200, 5000, 65_536, 400_000]));
    appendFileSync(path, more);
    size += more.length;
    if (step % 5 === 0) {
      const from = random.pick([0, size, random.below(size), size - more.length]);
      readers.push({ from, reader: await LiveReader.open(port, DAY, from) });
    }
    const { reader } = random.pick(readers);
    random.pick([() => reader.pause(), () => reader.resume(), () => reader.resume()])();
  }
  writeFileSync(join(folder, NEXT), '');
  const whole = readFileSync(path);
  for (const { from, reader } of readers) {
    reader.resume();
    assert.equal(await reader.over, true);
    assert.equal(reader.headers['daystream-offset'], String(from));
    assert.ok(reader.bytes.equals(whole.subarray(from)), `from ${from}: ${reader.length} of ${whole.length - from} bytes`);
  }
});

test('what the writer writes is with every reader, over the change of the day', async (t) => {
  const folder = temporaryFolder(t);
  let clock = 1760000000;
  const writer = await openWriter(folder, { clock: () => clock });
  t.after(() => writer.close());
  appendTransactions(writer, 1, 1);
  await writer.sync();
  const { port } = await serving(t, folder);
  const [first, second] = ['2025-10-09.daystream', '2025-10-10.daystream'];
  const readers = await Promise.all(Array.from({ length: 50 }, () => LiveReader.open(port, first)));
  for (let xid = 2; xid < 500; xid++) {
    if (xid === 250) clock += 86_400;
    appendTransactions(writer, xid, 1);
    if (xid % 7 === 0) await writer.sync();
  }
  await writer.sync();
  for (const reader of readers) {
    assert.equal(await reader.over, true);
    assert.ok(reader.bytes.equals(readFileSync(join(folder, first))));
  }
  const behind = await LiveReader.open(port, second);
  await until('all is there', () => behind.length === readFileSync(join(folder, second)).length);
  behind.leave();
});

test('an older segment is sent and ends; a byte behind the end is waited for, one more is 416', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, DAY), 'older');
  writeFileSync(join(folder, NEXT), 'newer');
  const { port } = await serving(t, folder);
  for (const [from, rest] of [[0, 'older'], [3, 'er'], [5, '']] as const) {
    const reader = await LiveReader.open(port, DAY, from);
    assert.equal(await reader.over, true);
    assert.equal(reader.bytes.toString(), rest);
  }
  const waiting = await LiveReader.open(port, NEXT, 5);
  appendFileSync(join(folder, NEXT), '!');
  await until('it comes', () => waiting.bytes.toString() === '!');
  waiting.leave();
  const beyond = await exchange(port, ask(`/${NEXT}?live`, 'Range: bytes=7-'));
  assert.equal(statusOf(beyond), 416);
  assert.match(beyond, /^Content-Range: bytes \*\/6\r$/m);
  assert.equal(statusOf(await exchange(port, ask(`/${NEXT}?live`, 'Range: bytes=1-2'))), 400);
  assert.equal(statusOf(await exchange(port, ask(`/${NEXT}?live`).replace('HTTP/1.1', 'HTTP/1.0'))), 400);
  assert.equal(statusOf(await exchange(port, ask('/2026-11-19.daystream?live'))), 404);
});

test('a tail that is cut breaks the stream off, and who comes again has what was written in its place', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, DAY);
  writeFileSync(path, 'whole, torn');
  const { port } = await serving(t, folder);
  const readers = await Promise.all(Array.from({ length: 5 }, () => LiveReader.open(port, DAY)));
  await until('they have it', () => readers.every(({ length }) => length === 11));
  truncateSync(path, 6);
  for (const reader of readers) assert.equal(await reader.over, false);
  assert.equal(statusOf(await exchange(port, ask(`/${DAY}?live`, 'Range: bytes=11-'))), 416);
  const again = await LiveReader.open(port, DAY, 6);
  appendFileSync(path, ' anew');
  await until('it comes', () => again.bytes.toString() === ' anew');
  again.leave();
});

test('a transaction that the writer gives up half written is not given to who comes again, however fast it is written anew', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  t.after(() => writer.close());
  appendTransactions(writer, 1, 1);
  await writer.sync();
  const { port } = await serving(t, folder);
  const segment = (await readAll(folder))[0].segment;
  const path = join(folder, segment);
  for (let xid = 2; xid < 200; xid += 10) {
    const from = readFileSync(path).length;
    const before = await LiveReader.open(port, segment, from);
    writer.append(Buffer.from(transactionLines(xid, BigInt(xid) * 0x1000n, ['half of it']).toString().split('\n').slice(0, 2).join('\n')));
    writer.write();
    await until('the half is there', () => before.length > 0);
    writer.abandon();
    appendTransactions(writer, xid, 5);
    await writer.sync();
    const again = await LiveReader.open(port, segment, from);
    const now = readFileSync(path).subarray(from);
    await until('the whole is there', () => again.length === now.length);
    assert.ok(again.bytes.equals(now));
    before.leave();
    again.leave();
  }
});

test('a segment that is compressed or removed while it is followed is sent to its end', async (t) => {
  for (const compressed of [true, false]) {
    const folder = temporaryFolder(t);
    const path = join(folder, DAY);
    const bytes = randomBytes(20 << 20);
    writeFileSync(path, bytes);
    const { port } = await serving(t, folder);
    const reader = await LiveReader.open(port, DAY);
    reader.pause();
    writeFileSync(join(folder, NEXT), '');
    if (compressed) writeFileSync(`${path}.gz`, gzipSync(bytes));
    rmSync(path);
    reader.resume();
    assert.equal(await reader.over, true);
    assert.ok(reader.bytes.equals(bytes));
  }
});

test('where another file is put in the place of a segment, or the newest is removed, readers have to come again', async (t) => {
  for (const replaced of [true, false]) {
    const folder = temporaryFolder(t);
    const path = join(folder, DAY);
    writeFileSync(path, 'as it was');
    const { port } = await serving(t, folder);
    const reader = await LiveReader.open(port, DAY);
    await until('it is read', () => reader.length === 9);
    if (replaced) {
      writeFileSync(join(folder, 'copy'), 'as it was, and more');
      renameSync(join(folder, 'copy'), path);
    } else {
      rmSync(path);
    }
    assert.equal(await reader.over, false);
    if (!replaced) continue;
    const again = await LiveReader.open(port, DAY, 9);
    await until('it has the rest', () => again.bytes.toString() === ', and more');
    again.leave();
  }
});
