import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { RowHasher } from '../../src/sqlite/row-index.js';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { keyedTable, query, runMirror } from '../support/cache.js';
import { bench, transaction, writeLog } from '../support/mirror.js';
import { Random } from '../support/random.js';

const TYPES = { n: 'integer', t: 'text', f: 'double precision', b: 'bytea', big: 'bigint' };
const names = Object.keys(TYPES);

function keyless(identity: CacheTable['identity'] = 'full'): CacheTable {
  return {
    schema: 'public', name: 'k', table: 'k', oid: 7, kind: 'ordinary', identity, key: [], pattern: 'k', choice: {},
    columns: Object.entries(TYPES).map(([name, type], i) => ({ attnum: i + 1, name, type, notNull: false })),
  };
}

/** A row of nasty values as the log has them; few, so that many rows are equal. */
function row(random: Random): string[] {
  return [
    random.pick(['\\N', '0', '-1']),
    random.pick(['\\N', '', 'x', '\\\\N']),
    random.pick(['\\N', 'NaN', '-0', '0', '-Infinity', '1e-300', '0.1']),
    random.pick(['\\N', '\\\\x', '\\\\x00ff']),
    random.pick(['\\N', '9007199254740993', '-9223372036854775808']),
  ];
}

const line = (action: string, values: readonly string[]) => `k ${action} ${names.map((name, i) => `${name} ${values[i]}`).join(' ')}`;
/** `-0` is held as 0 in a REAL column. */
const asHeld = (values: readonly string[]) => values.map((value, i) => (i === 2 && value === '-0' ? '0' : value)).join(' ');

function rowsOf(cache: string): string[] {
  const hex = "CASE WHEN b IS NULL THEN '\\N' ELSE '\\\\x' || lower(hex(b)) END";
  const float = "CASE WHEN f IS NULL THEN '\\N' WHEN typeof(f) = 'text' THEN f WHEN f = -9e999 THEN '-Infinity' WHEN f = 1e-300 THEN '1e-300' WHEN f = 0 THEN '0' ELSE f END";
  return query(cache, `SELECT coalesce(n, '\\N') || ' ' || coalesce(replace(t, '\\', '\\\\'), '\\N') || ' ' || ${float} || ' ' || ${hex} || ' ' || coalesce(big, '\\N') AS row FROM k`).map(({ row: text }) => String(text)).sort();
}

/** A schema line, and a transaction of lines; in both a `~` stands for a blank. */
const schemaLine = (identity: string) => `k schema _oid 7 _identity ${identity} _key  ${Object.entries(TYPES).map(([name, type], i) => `${name} ${i + 1}~null~${type.replace(' ', '~')}`).join(' ')}`;
const message = (xid: number, lines: readonly string[]) => Buffer.from(transaction(xid, lines).toString().replaceAll('~', ' '));

for (const identity of ['full', 'default'] as const) {
  test(`in a table without a key exactly one of several equal rows goes, NULLs and all${identity === 'full' ? '' : '; also where its replica identity became FULL after the import'}`, async (t) => {
    const random = new Random();
    t.diagnostic(`SEED=${random.seed}`);
    const { log, cache } = bench(t, [keyless(identity)]);
    const held: string[][] = [];
    const transactions: Buffer[] = [];
    for (let xid = 1; xid <= 60; xid++) {
      const lines: string[] = xid === 5 ? [schemaLine('full')] : [];
      for (let i = 0; i < 10; i++) {
        const kind = held.length === 0 || xid < 5 ? 0 : random.below(4);
        const at = random.below(held.length);
        if (kind < 2) {
          const values = row(random);
          held.push(values);
          lines.push(line('insert', values));
        } else if (kind === 2) {
          lines.push(line('delete', held.splice(at, 1)[0]));
        } else {
          const values = row(random);
          lines.push(line('replace', held[at]), line('update', values));
          held[at] = values;
        }
      }
      transactions.push(message(xid, lines));
    }
    await writeLog(log, ...transactions.slice(0, 30));
    await runMirror(cache, log);
    await writeLog(log, ...transactions.slice(30));
    const { said } = await runMirror(cache, log);
    assert.deepEqual(said.filter((text) => text.includes('quarantine')), []);
    assert.deepEqual(rowsOf(cache), held.map(asHeld).sort());
    assert.deepEqual(query(cache, 'SELECT count(*) AS n FROM _daystream_rows_7'), [{ n: held.length }], 'every row has its hash, and nothing else has');
  });
}

test('the rows of a partitioned table are found again after a truncate, whose schema line states the root\'s own identity', async (t) => {
  const { log, cache } = bench(t, [keyless('default')]);
  const values = ['1', 'x', '0.1', '\\N', '\\N'];
  await writeLog(log,
    message(1, [schemaLine('full'), line('insert', values)]),
    message(2, [schemaLine('default'), 'k truncate', schemaLine('full'), line('insert', values), schemaLine('default'), line('insert', values), schemaLine('full')]),
    message(3, [line('delete', values), line('delete', values), line('insert', ['2', ...values.slice(1)])]));
  const { said } = await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT n FROM k'), [{ n: 2 }], said.join(''));
});

test('hashes that were undone with the fault of another table are made again', async (t) => {
  const { log, cache } = bench(t, [keyless('default'), keyedTable('t')]);
  const values = ['1', 'x', '0.1', '\\N', '\\N'];
  await writeLog(log, message(1, [line('insert', values), line('insert', values), schemaLine('full')]));
  await runMirror(cache, log);
  await writeLog(log, message(2, [line('delete', values)]), message(3, [line('insert', values), 't delete id 9']), message(4, [line('delete', values)]));
  const { said } = await runMirror(cache, log);
  assert.match(said.join(''), /public\.t goes into quarantine/);
  assert.doesNotMatch(said.join(''), /public\.k goes into quarantine/);
  assert.deepEqual(query(cache, 'SELECT (SELECT count(*) FROM k) AS held, (SELECT count(*) FROM _daystream_rows_7) AS hashed'), [{ held: 1, hashed: 1 }]);
});

test('without a key an update keeps the large value that it does not name, and a row that lacks one is never made up', async (t) => {
  const { log, cache } = bench(t, [keyless()]);
  await writeLog(log, transaction(1, [line('insert', ['1', 'a', '0.1', '\\N', '5']), line('replace', ['1', 'a', '0.1', '\\N', '5']), 'k update n 2 f 0.1 b \\N big 5', line('replace', ['2', 'a', '0.1', '\\N', '5']), line('update', ['3', 'a', '0.1', '\\N', '5'])]));
  const first = await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT n, t FROM k'), [{ n: 3, t: 'a' }], first.said.join(''));
  await writeLog(log, transaction(2, ['k insert n 1 f 0.1 b \\N big 5']));
  const { said } = await runMirror(cache, log);
  assert.match(said.join(''), /public\.k goes into quarantine .*a whole row in the log has fewer columns than the cache/);
});

test('a row that is not there is never passed over, nor taken for one of the same hash', async (t) => {
  const { log, cache } = bench(t, [keyless()]);
  await writeLog(log, transaction(1, [line('insert', ['1', 'a', '\\N', '\\N', '\\N']), line('delete', ['1', 'b', '\\N', '\\N', '\\N'])]));
  const { applier, said } = await runMirror(cache, log);
  assert.equal(applier.quarantined, 1);
  assert.match(said.join(''), /public\.k goes into quarantine .* a delete found no row/);
});

test('the hash of what is bound is the hash of what is read back', () => {
  const hasher = new RowHasher(keyless());
  const db = new Database(':memory:');
  db.exec('CREATE TABLE k (n INTEGER, t TEXT, f REAL, b BLOB, big INTEGER)');
  const rows = [[1, 'x', -0, Buffer.from([0, 255]), '9007199254740993'], [null, '', 'NaN', Buffer.alloc(0), null], [-5, '\t', 1e300, null, '-9223372036854775808'], [7, 'é', Infinity, null, 3]];
  for (const values of rows) {
    db.exec('DELETE FROM k');
    db.prepare('INSERT INTO k VALUES (?, ?, ?, ?, ?)').run(values);
    const read = db.prepare<[], (string | number | bigint | Buffer | null)[]>('SELECT * FROM k').raw().safeIntegers().get();
    assert.equal(hasher.hash(read ?? []), hasher.hash(values));
  }
  db.close();
});

test('a table of 1,600 columns, as many as Postgres allows, is found by all of them', async (t) => {
  const wide: CacheTable = { ...keyless(), columns: Array.from({ length: 1600 }, (_, i) => ({ attnum: i + 1, name: `c${i}`, type: 'integer', notNull: false })) };
  const { log, cache } = bench(t, [wide]);
  const wideLine = (action: string, last: number) => `k ${action} ${wide.columns.map(({ name }, i) => `${name} ${i === 1599 ? last : i}`).join(' ')}`;
  await writeLog(log, transaction(1, [wideLine('insert', 1), wideLine('insert', 2), wideLine('replace', 1), wideLine('update', 3), wideLine('delete', 2)]));
  await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT c1599 AS last FROM k'), [{ last: 3 }]);
});
