import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { frame, STAMP_BYTES } from '../../src/daystream/frame.js';
import { openWriter } from '../support/log.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';

const CLOCK = 1_760_000_000;
/** What a line may be as long as: nothing, as usual, about what is staged at once, more than the writer's buffer. */
const LENGTHS = [0, 1, 30, 250, 4_000, 65_500, 65_536, 131_072, 1_048_576, 1_200_000];

/** What the log has of a transaction's lines, up to the trailer. */
function framed(lines: readonly string[], first: number): string {
  return lines.map((line, i) => `_c\t${CLOCK}\t_s\t${first + i}\t${line}`).join('\n');
}

test('lines of any length, in messages of any length, stand in the log byte for byte behind their positions', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder, { clock: () => CLOCK });
  let expected = '';
  for (let xid = 1, sequence = 1; xid <= 20; xid++) {
    const rows = Array.from({ length: random.below(xid % 5 === 0 ? 3_000 : 9) }, () => {
      const length = LENGTHS[random.below(xid % 5 === 0 ? 3 : LENGTHS.length)];
      return `${['_table\tt', '_schema\ts', '_xid\t1', '_'][random.below(4)]}${'x'.repeat(length + random.below(30))}`;
    });
    const lines = [`_action\tbegin\t_xid\t${xid}\t_lsn\t0/${xid}000\t_ts\t1`, ...rows, `_action\tcommit\t_xid\t${xid}\t_lsn\t0/${xid}010\t_rows\t${rows.length}`];
    for (let at = 0; at < lines.length;) {
      const count = 1 + random.below(random.below(2) === 0 ? 3 : 300);
      writer.append(Buffer.from(lines.slice(at, at + count).join('\n')));
      at += count;
      if (random.below(10) === 0) writer.write();
    }
    expected += `${framed(lines, sequence)}\n`;
    sequence += lines.length;
  }
  await writer.sync();
  assert.equal(writer.stats.position.sequence, expected.split('\n').length - 1);
  writer.close();
  const log = readFileSync(join(folder, '2025-10-09.daystream'), 'latin1');
  const written = log.slice(log.indexOf('\n') + 1).replaceAll(/\t_crc\t[0-9a-f]{8}\n/g, '\n');
  assert.ok(written === expected, `first difference at ${[...expected].findIndex((letter, i) => letter !== written[i])}`);
});

const HEAD = '_c\t1\t_s\t';

/** Lines framed from a sequence on, into a room of so many bytes. */
function framedAt(text: string, sequence: number, roomBytes: number): { lines: number; taken: number; bytes: string } {
  const stamp = roomBytes + text.length;
  const memory = Buffer.alloc(stamp + STAMP_BYTES);
  memory.write(text, roomBytes, 'latin1');
  const { lines, taken, put } = frame(memory, { start: roomBytes, end: stamp }, { start: 0, end: roomBytes }, stamp, HEAD, sequence);
  return { lines, taken, bytes: memory.toString('latin1', 0, put) };
}

test('sequences rise by one, whatever their size', () => {
  const line = '_table\tt\n';
  for (const first of [0, 1, 8, 9, 10, 98, 99, 100, 989, 1_000, 9_999, 2 ** 31 - 2, 2 ** 32 - 1, 9_999_999_999, Number.MAX_SAFE_INTEGER - 12]) {
    const numbers = Array.from({ length: 12 }, (_, i) => first + i);
    const { bytes, ...counts } = framedAt(line.repeat(12), first - 1, 1_000);
    assert.equal(bytes, numbers.map((number) => `${HEAD}${number}\t${line}`).join(''));
    assert.deepEqual(counts, { lines: 12, taken: 12 * line.length });
  }
});

test('framing stops before a line that does not stand within a unit, and before one that has no room', () => {
  const counts = (text: string, roomBytes: number) => {
    const { lines, taken, bytes } = framedAt(text, 0, roomBytes);
    return { lines, taken, put: bytes.length };
  };
  assert.deepEqual(counts('_table\ta\n_action\tcommit\n_table\tb\n', 1_000), { lines: 1, taken: 9, put: 19 });
  assert.deepEqual(counts('_table\ta\nnothing\n', 1_000), { lines: 1, taken: 9, put: 19 });
  assert.deepEqual(counts('_table\ta\n_table\tb\n', 38), { lines: 2, taken: 18, put: 38 });
  assert.deepEqual(counts('_table\ta\n_table\tb\n', 37), { lines: 1, taken: 9, put: 19 });
  assert.deepEqual(counts('_table\ta\n', 18), { lines: 0, taken: 0, put: 0 });
});
