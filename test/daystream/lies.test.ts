/**
 * P6 through a network: whatever a server or a proxy does to the bytes, what comes out is the log.
 * All bytes, and more of the larger log: LIES_SHARE=1 LIES_MB=50 LIES_PLACES=10000 node --test dist/test/daystream/lies.test.js
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Folder } from '../../src/daystream/folder.js';
import { bytesOf } from '../../src/daystream/lines.js';
import { LogReader } from '../../src/daystream/reader.js';
import { seekStart } from '../../src/daystream/seek.js';
import type { Unit } from '../../src/daystream/unit.js';
import { temporaryFolder } from '../support/folder.js';
import { LIES, LyingServer, type LieKind } from '../support/lying.js';
import { openWriter, transactionLines } from '../support/log.js';
import { Random } from '../support/random.js';
import { filesOf, overHttp, readThroughLies, transactionsOf, writeSegment } from '../support/remote.js';

const SMALL_BYTES = 64 << 10;
/** Small, so that some transactions are larger. */
const SMALL_BLOCK_BYTES = 5000;
/** The longest answer: so that a reading meets many lies. */
const ANSWER_BYTES = 2048;
/** Of all bytes of the small log. */
const SHARE = Number(process.env.LIES_SHARE ?? 1 / 1000);
const LARGE_BYTES = Number(process.env.LIES_MB ?? 5) * 1e6;
const LARGE_BLOCK_BYTES = 128 << 10;
const LARGE_ANSWER_BYTES = 128 << 10;
const PLACES = Number(process.env.LIES_PLACES ?? 100);

const random = new Random();

interface Sample {
  readonly files: Map<string, Buffer>;
  /** Bytes of another log. */
  readonly foreign: Buffer;
  readonly expected: readonly string[];
  readonly bytes: number;
}

async function sample(t: TestContext, bytes: number, largeBytes: number, every: number, blockBytes: number): Promise<Sample> {
  const [folder, other] = [temporaryFolder(t), temporaryFolder(t)];
  for (const each of [folder, other]) await writeSegment(each, bytes, random, largeBytes, every);
  const segmentOf = (files: Map<string, Buffer>) => [...files].find(([name]) => name.endsWith('.daystream'))![1];
  const files = filesOf(folder);
  const log = new Folder(folder);
  const end = segmentOf(files).length;
  const expected = await transactionsOf(log, blockBytes, end);
  await log.close();
  return { files, foreign: segmentOf(filesOf(other)), expected, bytes: end };
}

/** Who reads a log for the first time, from its start, cannot know that it is another one. */
const canBeFound = (kind: LieKind, at: number, answerBytes: number) => kind !== 'foreign' || at >= answerBytes;

test(`at any byte of a log of 64 KB the same transactions come through every lie (seed ${random.seed})`, async (t) => {
  const { files, foreign, expected, bytes } = await sample(t, SMALL_BYTES, 8_000, 60, SMALL_BLOCK_BYTES);
  for (const kind of LIES) {
    await t.test(kind, async (t) => {
      const server = await new LyingServer(files, foreign, ANSWER_BYTES).start(t);
      const places = Array.from({ length: bytes }, (_, at) => at).filter((at) => random.next() < (kind === 'stall' ? SHARE / 4 : SHARE) && canBeFound(kind, at, ANSWER_BYTES));
      const readings = await readThroughLies(server, () => kind, places, expected, SMALL_BLOCK_BYTES, bytes);
      assert.equal(server.told, places.length);
      t.diagnostic(`${server.told} lies in ${readings} readings`);
    });
  }
});

test(`at random places of a large log the same transactions come through all of them (seed ${random.seed})`, async (t) => {
  const { files, foreign, expected, bytes } = await sample(t, LARGE_BYTES, 256 << 10, 10_000, LARGE_BLOCK_BYTES);
  const server = await new LyingServer(files, foreign, LARGE_ANSWER_BYTES).start(t);
  const places = Array.from({ length: PLACES }, () => LARGE_ANSWER_BYTES + random.below(bytes - LARGE_ANSWER_BYTES));
  const kindOf = (at: number) => LIES[at % LIES.length];
  const readings = await readThroughLies(server, kindOf, places, expected, LARGE_BLOCK_BYTES, bytes);
  assert.equal(server.told, places.length);
  t.diagnostic(`${server.told} lies in ${bytes} bytes, ${readings} readings`);
});

/** More than a source keeps of what was read. */
const HUGE_ROWS = 120_000;

test('of a transaction that is fetched a second time no byte is given out but the log\'s, whatever lie is told then', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  writer.append(transactionLines(1, 0x2000n, Array.from({ length: HUGE_ROWS }, (_, row) => `row-${row}`)));
  await writer.sync();
  writer.close();
  const files = filesOf(folder);
  const segment = [...files].find(([name]) => name.endsWith('.daystream'))![1];
  const server = await new LyingServer(files, Buffer.alloc(segment.length, 'another log\n'), LARGE_ANSWER_BYTES).start(t);
  for (const kind of LIES) {
    const log = overHttp(server.url);
    const unit = await hugeUnit(new LogReader(log, await seekStart(log)));
    server.lie = { kind, at: unit.start + 100_000 };
    let offset = unit.start;
    for await (const bytes of bytesOf(log, unit)) {
      assert.ok(bytes.equals(segment.subarray(offset, offset + bytes.length)), `${kind}: behind ${offset}`);
      offset += bytes.length;
    }
    assert.equal(offset, unit.end);
    assert.equal(server.lie, undefined, `${kind} was told`);
    await log.close();
  }
});

async function hugeUnit(reader: LogReader): Promise<Unit> {
  for (;;) {
    const unit = (await reader.next()).find((each) => each.kind === 'transaction');
    if (unit !== undefined) return unit;
    if (reader.caughtUp) await reader.wait(1);
  }
}
