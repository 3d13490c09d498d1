/**
 * P6 through a network: whatever a server or a proxy does to the bytes, what comes out is the log.
 * All bytes, and more of the larger log: npm run soak -- --lies
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Folder } from '../../src/daystream/folder.js';
import { bytesOf } from '../../src/daystream/lines.js';
import { LogReader } from '../../src/daystream/reader.js';
import { seekStart } from '../../src/daystream/seek.js';
import type { Unit } from '../../src/daystream/unit.js';
import { temporaryFolder } from '../support/folder.js';
import { OF_ANSWERS, readThroughLies } from '../support/lies.js';
import { LIES, LyingServer, type LieKind } from '../support/lying.js';
import { openWriter, transactionLines } from '../support/log.js';
import { Random } from '../support/random.js';
import { filesOf, overHttp, transactionsOf, writeSegment } from '../support/remote.js';
import { until } from '../support/wait.js';

const SMALL_BYTES = 64 << 10;
/** Small, so that some transactions are larger. */
const SMALL_BLOCK_BYTES = 5000;
/** The longest answer: so that a reading meets many lies, and a block needs more than one. */
const ANSWER_BYTES = 4096;
/** So near each other are the answers that all of are a lie: each byte is in many of them. */
const ANSWERS_EVERY = 16;
const STALLS_ABREAST = 64;
const LIES_PER_READING = 10;
/** Of all bytes of the small log. */
const SHARE = Number(process.env.LIES_SHARE ?? 1 / 2500);
const LARGE_BYTES = Number(process.env.LIES_MB ?? 3) * 1e6;
const LARGE_BLOCK_BYTES = 128 << 10;
const LARGE_ANSWER_BYTES = 128 << 10;
const PLACES = Number(process.env.LIES_PLACES ?? 60);
/** Which part of all places, and how many there are: for several processes side by side. */
const [PART, PARTS] = (process.env.LIES_PART ?? '0/1').split('/').map(Number);

const random = new Random();

interface Sample {
  readonly files: Map<string, Buffer>;
  /** Bytes of another log. */
  readonly foreign: Buffer;
  readonly expected: readonly string[];
  /** The segment's size. */
  readonly end: number;
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
  return { files, foreign: segmentOf(filesOf(other)), expected, end };
}

/** Who reads a log for the first time, from its start, cannot know that it is another one. */
const canBeFound = (kind: LieKind, at: number, answerBytes: number) => kind !== 'foreign' || at >= answerBytes;

test(`at any byte of a log of 64 KB the same transactions come through every lie (seed ${random.seed})`, async (t) => {
  const { files, foreign, expected, end } = await sample(t, SMALL_BYTES, 8_000, 60, SMALL_BLOCK_BYTES);
  for (const kind of LIES) {
    await t.test(kind, async (t) => {
      const every = OF_ANSWERS.has(kind) ? ANSWERS_EVERY : 1;
      const chosen = Array.from({ length: Math.ceil(end / every) }, (_, i) => i * every).filter(() => random.next() < SHARE * every);
      const places = chosen.filter((at) => (at / every) % PARTS === PART && canBeFound(kind, at, ANSWER_BYTES));
      // A stall is waited out; so that not all are one after another, many are side by side.
      const abreast = kind === 'stall' ? Math.ceil(Math.min(STALLS_ABREAST, places.length / LIES_PER_READING)) : 1;
      const readings = await Promise.all(Array.from({ length: abreast }, async (_, i) => {
        const server = await new LyingServer(files, foreign, ANSWER_BYTES).start(t);
        const some = places.filter((_, index) => index % abreast === i);
        const readings = await readThroughLies(server, { places: some, kindOf: () => kind, expected, end, blockBytes: SMALL_BLOCK_BYTES });
        assert.equal(server.told, some.length);
        return readings;
      }));
      t.diagnostic(`${places.length} lies in ${readings.reduce((sum, each) => sum + each, 0)} readings`);
    });
  }
});

test(`at random places of a large log the same transactions come through all of them (seed ${random.seed})`, async (t) => {
  const { files, foreign, expected, end } = await sample(t, LARGE_BYTES, 256 << 10, 10_000, LARGE_BLOCK_BYTES);
  const server = await new LyingServer(files, foreign, LARGE_ANSWER_BYTES).start(t);
  const places = [...new Set(Array.from({ length: PLACES / PARTS }, () => LARGE_ANSWER_BYTES + random.below(end - LARGE_ANSWER_BYTES)))];
  const readings = await readThroughLies(server, { places, kindOf: (at) => LIES[at % LIES.length], expected, end, blockBytes: LARGE_BLOCK_BYTES });
  assert.equal(server.told, places.length);
  t.diagnostic(`${server.told} lies in ${end} bytes, ${readings} readings`);
});

/** More than a source keeps of what was read. */
const HUGE_ROWS = 70_000;

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
    await until('the server answers', () => log.list().catch(() => false));
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
