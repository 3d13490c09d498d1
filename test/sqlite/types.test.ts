/** docs/types.md: each line of its tables, through the conversion, a real SQLite, and back. */
import assert from 'node:assert/strict';
import Database from 'better-sqlite3';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { affinityOf, canonical, valueOf, type Stored } from '../../src/sqlite/values.js';
import { SAMPLES } from '../support/samples.js';

interface Line {
  readonly types: readonly string[];
  readonly column: string;
  readonly printed: string;
  readonly held: string;
  readonly expression: string;
  readonly result: string;
  /** Undefined: exact. */
  readonly back: string | undefined;
  readonly asReal: boolean;
}

const lines = readLines(readFileSync(join(import.meta.dirname, '../../../docs/types.md'), 'utf8'));

function readLines(page: string): Line[] {
  let section = '';
  return page.split('\n').flatMap((text): Line[] => {
    if (text.startsWith('#')) section = text;
    const cells = text.split(' | ');
    if (!text.startsWith('| ') || cells.length !== 6 || text.startsWith('| Postgres')) return [];
    const [types, column, printed, held, makes, back] = cells.map((cell) => [...cell.matchAll(/`([^`]*)`/g)].map(([, code]) => code));
    assert.equal(makes.length, 2, text);
    // In "a domain over `integer[]`, its arrays: `integer[][]`" the type is the last one.
    const named = cells[0].includes(': `') ? types.slice(-1) : types.filter((type) => type !== 'reg…');
    return [{ types: named, column: column[0] ?? cells[1].split(',')[0], printed: printed[0], held: held[0], expression: makes[0], result: makes[1], back: back[0], asReal: section === '### As REAL' }];
  });
}

for (const { types, column, printed, held, expression, result, back, asReal } of lines) {
  for (const type of types) {
    test(`docs/types.md: ${type} ${printed}${asReal ? ' as REAL' : ''}`, () => {
      const numeric = asReal ? 'real' : 'text';
      assert.equal(affinityOf(type, numeric), column);
      const db = new Database(':memory:');
      try {
        db.exec(`CREATE TABLE t (v ${column})`);
        db.prepare('INSERT INTO t VALUES (?)').run(valueOf(type, numeric)(printed));
        assert.deepEqual(db.prepare(`SELECT quote(v), quote(${expression}) FROM t`).raw().get(), [held, result]);
        const value = db.prepare<[], Stored>('SELECT v FROM t').pluck().safeIntegers().get();
        assert.equal(canonical(type, value ?? null), back ?? printed);
      } finally {
        db.close();
      }
    });
  }
}

test('docs/types.md names every type of Postgres that can be a column', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/types.md'), 'utf8');
  const elsewhere = /^(reg|information_schema\.)|multirange$|range$|\(/; // `regclass` and the like, domains, modifiers
  for (const type of Object.keys(SAMPLES)) {
    if (!elsewhere.test(type) && type !== 'character') assert.ok(page.includes(`\`${type}\``), type);
  }
  assert.ok(lines.length > 50);
});
