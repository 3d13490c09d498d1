import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { frame } from '../../src/daystream/frame.js';
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

test('a sequence is written as it is, whatever its size', () => {
  const head = Buffer.from('_c\t1\t_s\t');
  for (const number of [0, 9, 10, 99, 999, 1_000, 2 ** 31 - 1, 2 ** 31, 9_999_999_999, Number.MAX_SAFE_INTEGER]) {
    const memory = Buffer.alloc(200);
    const line = '_table\tt\n';
    memory.write(line, 100, 'latin1');
    const { lines, taken, put } = frame(memory, { start: 100, end: 100 + line.length }, { start: 0, end: 100 }, head, number - 1);
    assert.deepEqual({ lines, taken }, { lines: 1, taken: line.length });
    assert.equal(memory.toString('latin1', 0, put), `_c\t1\t_s\t${number}\t${line}`);
  }
});

test('framing stops before a line that does not stand within a unit, and before one that has no room', () => {
  const head = Buffer.from('_c\t1\t_s\t');
  const taken = (text: string, room: number) => {
    const memory = Buffer.alloc(room + text.length);
    memory.write(text, room, 'latin1');
    return frame(memory, { start: room, end: memory.length }, { start: 0, end: room }, head, 0);
  };
  assert.deepEqual(taken('_table\ta\n_action\tcommit\n_table\tb\n', 1_000), { lines: 1, taken: 9, put: 19 });
  assert.deepEqual(taken('_table\ta\nnothing\n', 1_000), { lines: 1, taken: 9, put: 19 });
  assert.deepEqual(taken('_table\ta\n_table\tb\n', 60), { lines: 2, taken: 18, put: 38 });
  assert.deepEqual(taken('_table\ta\n_table\tb\n', 45), { lines: 1, taken: 9, put: 19 });
  assert.deepEqual(taken('_table\ta\n', 20), { lines: 0, taken: 0, put: 0 });
});
