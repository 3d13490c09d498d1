import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeltaError } from '../../src/errors.js';
import { readRows } from '../../src/load/rows.js';
import type { Bindable } from '../../src/sqlite/values.js';

function read(text: string | Buffer, width: number): { rows: number; values: (Bindable | null)[] } {
  const values: (Bindable | null)[] = [];
  const rows = readRows(Buffer.from(text), Array<(field: string) => string>(width).fill((field) => field), (value) => values.push(value));
  return { rows, values };
}

test('fields, NULL and the empty string are told apart', () => {
  assert.deepEqual(read('a\tb\n\t\\N\n\\N\t\n', 2), { rows: 3, values: ['a', 'b', '', null, null, ''] });
  assert.deepEqual(read('\n\\N\n', 1), { rows: 2, values: ['', null] });
  assert.deepEqual(read('', 3), { rows: 0, values: [] });
});

test('every escape of COPY is undone, and a field that looks like NULL is not', () => {
  assert.deepEqual(read('\\b\\f\\n\\r\\t\\v\\\\\t\\\\N\n\\\\\\\\n\tplain\n', 2).values, ['\b\f\n\r\t\v\\', '\\N', '\\\\n', 'plain']);
  assert.deepEqual(read('x\ty\\\\\tz\n1\t2\t\\N\n', 3).values, ['x', 'y\\', 'z', '1', '2', null]);
});

test('a long field is unescaped as a short one is', () => {
  const plain = '\b\f\n\r\t\v\\é漢😀x\\N'.repeat(1000);
  const escaped = plain.replace(/[\\\b\f\n\r\t\v]/g, (char) => ({ '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v' })[char] ?? '\\\\');
  assert.deepEqual(read(`${escaped}\t${'x'.repeat(5000)}\\\\\n`, 2).values, [plain, `${'x'.repeat(5000)}\\`]);
});

test('bytes that are not UTF-8 are refused, not replaced', () => {
  assert.throws(() => read(Buffer.from('63616ee90a', 'hex'), 1), (error) => error instanceof DeltaError && /not UTF-8/.test(error.message));
  assert.deepEqual(read('漢😀\n', 1).values, ['漢😀']);
});
