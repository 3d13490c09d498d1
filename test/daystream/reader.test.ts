/** A reader beside a writer that takes back what the reader has read half of. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Folder } from '../../src/daystream/folder.js';
import { LogReader } from '../../src/daystream/reader.js';
import { seekStart } from '../../src/daystream/seek.js';
import type { Transport } from '../../src/daystream/transport.js';
import type { Writer } from '../../src/daystream/writer.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter, transactionLines, xidsOf } from '../support/log.js';

const T0 = 1_760_000_000;
const DAY = 86_400;

/** A transaction of one row of so many bytes. */
const sized = (xid: number, bytes: number, letter: string) => transactionLines(xid, BigInt(xid) * 0x1000n, [letter.repeat(bytes)]);

/** Begins a transaction that never ends, as far as readers can see it. */
function writeHalf(writer: Writer, xid: number, bytes: number): void {
  const message = sized(xid, bytes, 'x');
  writer.append(message.subarray(0, message.lastIndexOf(10)));
  writer.write();
}

/** The xids of all that there is to read. */
async function drain(reader: LogReader): Promise<number[]> {
  const xids: number[] = [];
  for (let units = await reader.next(); units.length > 0; units = await reader.next()) xids.push(...xidsOf(units));
  return xids;
}

interface Bench { folder: string; writer: Writer; log: Folder; clock: { now: number } }

async function bench(t: TestContext): Promise<Bench> {
  const folder = temporaryFolder(t);
  const clock = { now: T0 };
  const writer = await openWriter(folder, { clock: () => clock.now });
  appendTransactions(writer, 1, 1);
  writer.write();
  const log = new Folder(folder);
  t.after(async () => {
    writer.close();
    await log.close();
  });
  return { folder, writer, log, clock };
}

const SIZES = [100, 60_000, 3 << 20];

for (const blockBytes of [8192, 65_536, 1 << 20]) {
  for (const half of SIZES) {
    for (const instead of SIZES) {
      test(`blocks of ${blockBytes}: of ${half} bytes that were read and taken back nothing is given out, and the ${instead} in their place are`, async (t) => {
        const { folder, writer, log } = await bench(t);
        const reader = new LogReader(log, await seekStart(log), blockBytes);
        assert.deepEqual(await drain(reader), [1]);
        for (const xid of [2, 4]) { // twice: after a unit that fits, the reader may go back again
          writeHalf(writer, xid, half);
          assert.deepEqual(await drain(reader), []);
          writer.abandon();
          writer.append(sized(xid, instead, 'y'));
          appendTransactions(writer, xid + 1, 1);
          writer.write();
          assert.deepEqual(await drain(reader), [xid, xid + 1]);
        }
        assert.equal(reader.place.offset, statSync(join(folder, readdirSync(folder)[0])).size);
      });
    }
  }
}

for (const half of SIZES) {
  test(`a segment whose last ${half} bytes were read and taken back is followed by the next day's`, async (t) => {
    const { writer, log, clock } = await bench(t);
    const reader = new LogReader(log, await seekStart(log), 65_536);
    assert.deepEqual(await drain(reader), [1]);
    writeHalf(writer, 2, half);
    assert.deepEqual(await drain(reader), []);
    writer.abandon();
    clock.now += DAY;
    appendTransactions(writer, 2, 2);
    writer.write();
    await reader.wait(0); // looks at the folder anew
    assert.deepEqual(await drain(reader), [2, 3]);
  });
}

/** The log, whose byte `at` reads wrong the first `times` times. */
function misread(log: Transport, at: number, times: number): Transport {
  return {
    place: log.place,
    patience: log.patience,
    reset: () => log.reset(),
    list: () => log.list(),
    size: (segment) => log.size(segment),
    changed: (segment, timeoutMs, signal) => log.changed(segment, timeoutMs, signal),
    close: () => log.close(),
    async read(segment, offset, into) {
      const length = await log.read(segment, offset, into);
      if (offset <= at && at < offset + length && times-- > 0) into[at - offset] ^= 1;
      return length;
    },
  };
}

for (const bytes of SIZES) {
  test(`a unit of ${bytes} bytes that does not fit is read again once, and then the log is damaged`, async (t) => {
    const { folder, writer, log } = await bench(t);
    writer.append(sized(2, bytes, 'x'));
    appendTransactions(writer, 3, 1);
    writer.write();
    const path = join(folder, readdirSync(folder)[0]);
    const at = readFileSync(path).lastIndexOf('xxx');
    const start = await seekStart(log);
    assert.deepEqual(await drain(new LogReader(misread(log, at, 1), start, 1 << 20)), [1, 2, 3]);
    const changed = readFileSync(path);
    changed[at] ^= 1;
    writeFileSync(path, changed);
    const reader = new LogReader(log, start, 1 << 20);
    assert.deepEqual(xidsOf(await reader.next()), [1]);
    await assert.rejects(reader.next(), { code: 'log-damaged', message: /does not match its _crc/ });
  });
}
