/** What two tables differ in, applied to the old one, gives the new one: random tables, with and without a key. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { attachOld, differences } from '../../src/sqlite/differences.js';
import { createTableSql } from '../../src/sqlite/schema.js';
import type { CacheTable } from '../../src/sqlite/tables.js';
import type { Stored } from '../../src/sqlite/values.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';

const TYPES = ['bigint', 'text', 'double precision', 'bytea', 'numeric'];

function table(name: string, key: readonly number[], as: (name: string) => string): CacheTable {
  const columns = ['k', 'l', ...TYPES.map((_, i) => `v"${i}`)].map((column, i) => ({ attnum: i + 1, name: column, as: as(column), type: i === 0 ? 'bigint' : i === 1 ? 'text' : TYPES[i - 2], notNull: false }));
  return { schema: 'public', name, table: name, oid: 1, kind: 'ordinary', identity: 'default', key, columns, pattern: name, choice: {} };
}

function valueOf(random: Random, type: string): Stored {
  if (random.below(4) === 0) return null;
  const n = random.below(3);
  switch (type) {
    case 'bigint': return 9007199254740993n + BigInt(n);
    case 'double precision': return n === 0 ? 'NaN' : n === 1 ? Infinity : 0.1;
    case 'bytea': return Buffer.from([0, n]);
    default: return ['', '1', 'NaN'][n];
  }
}

const text = (row: readonly Stored[]) => JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? `${value}n` : typeof value === 'number' ? `${value}f` : value)); // JSON has no Infinity

for (const key of [[1], [2, 1], []]) {
  test(`the differences of random tables, key ${JSON.stringify(key)}`, (t) => {
    const random = new Random();
    t.diagnostic(`SEED=${random.seed}`);
    const folder = temporaryFolder(t);
    for (let round = 0; round < 30; round++) {
      const path = join(folder, `old-${key.length}-${round}.db`);
      const before = new Database(path);
      const now = new Database(':memory:');
      const [oldTable, newTable] = [table('old', key, (name) => name), table('t1', key, (name) => `c_${name}`)];
      for (const [cache, each] of [[before, oldTable], [now, newTable]] as const) {
        cache.exec(createTableSql(each));
        const insert = cache.prepare(`INSERT OR IGNORE INTO "${each.table}" VALUES (${each.columns.map(() => '?').join()})`);
        for (let i = 0; i < 60; i++) insert.run([BigInt(random.below(30)), `k${random.below(3)}`, ...TYPES.map((type) => valueOf(random, type))]);
      }
      const rows = before.prepare<[], Stored[]>('SELECT * FROM old').raw().safeIntegers().all();
      const wanted = now.prepare<[], Stored[]>('SELECT * FROM t1').raw().safeIntegers().all().map(text).sort();
      before.close();
      attachOld(now, path);
      const keyOf = (row: readonly Stored[]) => text(key.map((attnum) => row[attnum - 1]));
      for (const { kind, row } of differences(now, newTable, oldTable)) {
        const at = kind === 'insert' ? -1 : rows.findIndex((held) => (key.length === 0 ? text(held) === text(row) : keyOf(held) === (kind === 'delete' ? text(row) : keyOf(row))));
        assert.ok(kind === 'insert' || at !== -1, `${kind} finds no row: ${text(row)}`);
        if (kind === 'update') assert.notEqual(text(rows[at]), text(row), 'an update changes something');
        if (kind === 'insert') rows.push([...row]);
        else rows.splice(at, 1, ...(kind === 'update' ? [[...row]] : []));
      }
      assert.deepEqual(rows.map(text).sort(), wanted);
      now.close();
    }
  });
}
