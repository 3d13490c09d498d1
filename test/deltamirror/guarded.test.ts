/** An update of a table with indexes: what is in an index already is left alone, and nothing else changes by that. */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { openCache } from '../../src/sqlite/open.js';
import { updateSameKey } from '../../src/sqlite/rows.js';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { Writing } from '../../src/sqlite/writing.js';
import { query, runMirror } from '../support/cache.js';
import { bench, transaction, writeLog } from '../support/mirror.js';
import { Random } from '../support/random.js';

const TYPES = { id: 'integer', a: 'text', n: 'bigint', f: 'double precision', x: 'bytea', c: 'text' };
const TABLE: CacheTable = {
  schema: 'public', name: 't', table: 't', oid: 1, kind: 'ordinary', identity: 'default', key: [1], pattern: 't', choice: {},
  columns: Object.entries(TYPES).map(([name, type], i) => ({ attnum: i + 1, name, type, notNull: name === 'id' })),
};
/** As an application makes them, which may take two values for one. */
const INDEXES = `
  CREATE INDEX i1 ON t (a COLLATE NOCASE, n DESC);
  CREATE INDEX i2 ON t (f);
  CREATE INDEX i3 ON t (x) WHERE c IS NOT NULL;
  CREATE INDEX i4 ON t (lower(c));`;
const ENGINES = ['native', 'ts'] as const;

const VALUES: Readonly<Record<string, readonly string[]>> = {
  a: ['\\N', '', 'x', 'X', '1', '1.0'],
  n: ['\\N', '0', '1', '9007199254740993', '9007199254740992'],
  f: ['\\N', 'NaN', '-0', '0', '1', '1e-300'],
  x: ['\\N', '\\\\x', '\\\\x00', '\\\\x0000'],
  c: ['\\N', 'u', 'U'],
};

/** Lines that insert rows and update each a few times, by most of which most columns stay as they are: a later one would cure what an earlier one missed. */
class Changing {
  readonly #rows: Record<string, string>[];

  constructor(readonly random: Random, rows: number) {
    this.#rows = Array.from({ length: rows }, () => Object.fromEntries(Object.entries(VALUES).map(([name, values]) => [name, random.pick(values)])));
  }

  inserts(): string[] {
    return this.#rows.map((_, id) => `t insert ${this.#row(id)}`);
  }

  updates(count: number): string[] {
    return Array.from({ length: count }, () => {
      const id = this.random.below(this.#rows.length);
      for (const [name, values] of Object.entries(VALUES)) if (this.random.below(8) === 0) this.#rows[id][name] = this.random.pick(values);
      return `t update ${this.#row(id)}`;
    });
  }

  #row(id: number): string {
    return `id ${id} ${Object.entries(this.#rows[id]).map((pair) => pair.join(' ')).join(' ')}`;
  }
}

/** Of each value its type and all of its bits. */
const rowsOf = (cache: string) => query(cache, `SELECT ${Object.keys(TYPES).map((name) => `typeof(${name}), hex(${name}), printf('%!.17g', ${name})`).join(', ')} FROM t ORDER BY id`);

function execute(cache: string, sql: string): void {
  const connection = new Database(cache);
  connection.exec(sql);
  connection.close();
}

for (const engine of ENGINES) for (const collates of [false, true]) {
  test(`updates make the same rows in a table with indexes as in one without, and indexes that fit them (${engine}${collates ? ', whose columns take two values for one' : ''})`, async (t) => {
    const random = new Random();
    t.diagnostic(`SEED=${random.seed}`);
    const { cache, log } = bench(t, [TABLE]);
    const bare = `${cache}.bare`;
    if (collates) execute(cache, 'DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, n INTEGER, f REAL, x BLOB, c TEXT COLLATE NOCASE)');
    copyFileSync(cache, bare);
    execute(cache, INDEXES);
    const lines = new Changing(random, 1000);
    await writeLog(log, transaction(1, lines.inserts()), transaction(2, lines.updates(2500)), transaction(3, lines.updates(2500)));
    await runMirror(cache, log, { engine });
    await runMirror(bare, log, { engine: 'ts' });
    assert.deepEqual(rowsOf(cache), rowsOf(bare));
    assert.deepEqual(query(cache, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
  });
}

test('an indexed column that stays as it is is not set, unless a trigger waits for that', (t) => {
  const { cache } = bench(t, [TABLE]);
  const connection = new Database(cache);
  t.after(() => connection.close());
  const update = () => updateSameKey(connection, TABLE, ['id', 'a', 'c'], 'unchanged');
  assert.equal(update().guarded, undefined);
  connection.exec('CREATE INDEX i ON t (a)');
  assert.equal(update().guarded?.source, 'UPDATE "t" SET "c" = ? WHERE "a" COLLATE BINARY IS ? AND "id" = ?');
  connection.exec('CREATE TRIGGER of_a AFTER UPDATE OF a ON t BEGIN SELECT 1; END');
  assert.equal(update().guarded, undefined);
});

test('an application that makes an index or a trigger beside the mirror is noticed when the next transaction begins', (t) => {
  const { cache } = bench(t, [TABLE]);
  const connection = openCache(cache);
  t.after(() => connection.close());
  let times = 0;
  const writing = new Writing(connection, () => { times++; });
  const next = () => {
    writing.begin();
    writing.rollback();
    return times;
  };
  assert.equal(next(), 0);
  execute(cache, 'CREATE TRIGGER of_a AFTER UPDATE OF a ON t BEGIN SELECT 1; END');
  assert.deepEqual([next(), next()], [1, 1]);
});

for (const engine of ENGINES) {
  test(`a trigger of a column fires for each update that states it, changed or not (${engine})`, async (t) => {
    const { cache, log } = bench(t, [TABLE]);
    execute(cache, `CREATE INDEX i ON t (a);
      CREATE TABLE seen (what);
      CREATE TRIGGER of_a AFTER UPDATE OF a ON t BEGIN INSERT INTO seen VALUES ('a'); END;
      CREATE TRIGGER of_c AFTER UPDATE OF c ON t BEGIN INSERT INTO seen VALUES ('c'); END`);
    const row = (a: string, c: string) => `id 1 a ${a} n 1 f 1 x \\N c ${c}`;
    const updates = Array.from({ length: 20 }, (_, i) => `t update ${row(i === 9 ? 'y' : 'x', `v${i}`)}`);
    await writeLog(log, transaction(1, [`t insert ${row('x', 'u')}`, ...updates]));
    await runMirror(cache, log, { engine });
    assert.deepEqual(query(cache, 'SELECT what, count(*) AS n FROM seen GROUP BY what ORDER BY what'), [{ what: 'a', n: 20 }, { what: 'c', n: 20 }]);
  });
}
