import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { test } from 'node:test';
import { RowLines } from '../../src/deltastream/reload-lines.js';
import type { CopyTable } from '../../src/postgres/copy-source.js';

function linesOf(schema: string, ...columns: string[]): RowLines {
  const relation = { schema, table: 't', oid: 7, kind: 'ordinary', identity: 'default', key: [], columns: columns.map((name, i) => ({ name, attnum: i + 1, type: 'text', notNull: false })) } as const;
  const table: CopyTable = { oid: 7, schema, table: 't', kind: 'ordinary', relation, estimatedRows: 0, estimatedBytes: 0, indexes: [], comments: {}, leftOut: [] };
  return new RowLines(table);
}

test("COPY's escapes become the log's, and all other bytes stay", () => {
  const { lines, rows } = linesOf('ünder', '_a', 'é\t').encode(Buffer.from('\\\\b\\b\\f\\v\\t\\n\\r\\\\\t\\N\n😀\t\n'));
  assert.equal(rows, 2);
  assert.equal(lines.toString(), '_schema\tünder\t_table\tt\t_action\tinsert\t\\_a\t\\\\b\b\f\v\\t\\n\\r\\\\\té\\t\t\\N\n_schema\tünder\t_table\tt\t_action\tinsert\t\\_a\t😀\té\\t\t\n');
});

test('a value of millions of escapes takes no more than its own size, some times over', () => {
  const escapes = 20_000_000;
  const before = process.memoryUsage().heapUsed;
  const { lines } = linesOf('public', 'a').encode(Buffer.concat([Buffer.from('\\b'), Buffer.alloc(2 * escapes, '\\n'), Buffer.from('\n')]));
  assert.ok(process.memoryUsage().heapUsed - before < 10 * escapes);
  assert.deepEqual([lines.length, lines.subarray(-5).toString(), lines.includes('\ta\t\b\\n')], ['_table\tt\t_action\tinsert\ta\t\b\n'.length + 2 * escapes, '\\n\\n\n', true]);
});

test('a row without columns is a line', () => {
  assert.deepEqual(linesOf('public').encode(Buffer.from('\n\n')), { lines: Buffer.from('_table\tt\t_action\tinsert\n'.repeat(2)), rows: 2 });
});

test('bytes that are not UTF-8 are refused, not replaced', () => {
  assert.throws(() => linesOf('public', 'a').encode(Buffer.from([0x63, 0xe9, 0x0a])), { code: 'postgres', message: 'it holds text that is not UTF-8' });
});

test('a row that fits into a string, and whose line does not, is refused in words', () => {
  const row = Buffer.alloc(constants.MAX_STRING_LENGTH - 10);
  assert.throws(() => linesOf('public', 'a').encode(row), { code: 'postgres', message: `it has a row of ${row.length} bytes, more than a mirror takes` });
});
