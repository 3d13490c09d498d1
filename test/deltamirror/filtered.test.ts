import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CacheTable } from '../../src/sqlite/tables.js';
import { keyedTable, query, runMirror, type Run } from '../support/cache.js';
import { bench, transaction, writeLog, type Bench } from '../support/mirror.js';

const KEYED: CacheTable = { ...keyedTable('t', ['dest', 'note']), choice: { where: "dest = 'KIAH'" } };
const BY_KEY: CacheTable = { ...keyedTable('t', ['dest', 'note']), choice: { where: 'id < 100' } };
const KEYLESS: CacheTable = { ...KEYED, key: [], identity: 'full' };
/** The filter's column is not held. */
const UNHELD: CacheTable = { ...KEYED, columns: KEYED.columns.map((column) => (column.name === 'dest' ? { ...column, as: null } : column)) };

async function apply({ log, cache }: Bench, ...lines: string[][]): Promise<Run> {
  await writeLog(log, ...lines.map((each, i) => transaction(i + 1, each)));
  return runMirror(cache, log);
}

const held = (cache: string) => query(cache, 'SELECT id, note FROM t ORDER BY id, note').map(({ id, note }) => `${id} ${note}`);

/** Every way for a row to move, to stay or to go; what is in at the end is known. */
const MOVES: readonly string[][] = [
  ['t insert id 1 dest KIAH note a', 't insert id 2 dest EHAM note b', 't insert id 3 dest \\N note c', 't insert id 4 dest KIAH note d', 't insert id 5 dest KIAH note e'],
  ['t update id 1 dest EHAM note a2'], // out
  ['t update id 2 dest KIAH note b2'], // in
  ['t update id 3 dest EHAM note c2'], // stays out
  ['t update id 4 dest KIAH note d2'], // stays in
  ['t replace id 5', 't update id 50 dest KIAH note e2'], // in under another key
  ['t replace id 50', 't update id 51 dest \\N note e3'], // out under another key
  ['t replace id 51', 't update id 52 dest KIAH note e4'], // and in again
  ['t delete id 1', 't delete id 4'],
];

for (const [name, table] of [['', KEYED], [', by a column that the cache does not hold', UNHELD]] as const) {
  test(`rows move in and out of the cache as the filter says of the old row and the new one${name}`, async (t) => {
    const paths = bench(t, [table]);
    const { said } = await apply(paths, ...MOVES);
    assert.deepEqual(said.filter((text) => text.includes('quarantine')), []);
    assert.deepEqual(held(paths.cache), ['2 b2', '52 e4']);
  });
}

test('without a key a row moves by its whole old row, and one of several equal ones', async (t) => {
  const paths = bench(t, [KEYLESS]);
  const same = 'id 1 dest KIAH note a';
  const { said } = await apply(paths,
    [`t insert ${same}`, `t insert ${same}`, `t insert ${same}`, 't insert id 2 dest EHAM note b'],
    [`t replace ${same}`, 't update id 1 dest EHAM note a'],
    ['t replace id 2 dest EHAM note b', 't update id 2 dest KIAH note b'],
    ['t delete id 1 dest EHAM note a', `t delete ${same}`]);
  assert.deepEqual(said.filter((text) => text.includes('quarantine')), []);
  assert.deepEqual(held(paths.cache), ['1 a', '2 b']);
});

test('an unchanged large value is taken from the cache where the row is in', async (t) => {
  const paths = bench(t, [KEYED]);
  await apply(paths, ['t insert id 1 dest KIAH note a', 't insert id 2 dest KIAH note b'], ['t update id 1 note a2', 't replace id 2', 't update id 3 dest KIAH']);
  assert.deepEqual(held(paths.cache), ['1 a2', '3 b']);
});

test('P5: a row that moves in without an unchanged large value cannot be made up: its table goes out, with the cure', async (t) => {
  const paths = bench(t, [KEYED]);
  const { said } = await apply(paths, ['t insert id 1 dest EHAM note a'], ['t update id 1 dest KIAH']);
  assert.match(said.join(''), /a row moved in while a large value of it is unchanged.* — ALTER TABLE "public"\."t" REPLICA IDENTITY FULL; then deltaimport --table t --into /);
});

test('P5: where the filter asks for a value that is unchanged and not in the cache, the table goes out', async (t) => {
  const paths = bench(t, [KEYED]);
  const { said } = await apply(paths, ['t insert id 1 dest EHAM note a'], ['t update id 1 note b']);
  assert.match(said.join(''), /whether a row is in cannot be told: its large value in column dest is unchanged/);
});

for (const [what, line] of [['an update', 't update id 7 dest x note y'], ['a delete', 't delete id 7']] as const) {
  test(`P5: under a filter over the key alone ${what} that finds no row is told`, async (t) => {
    const paths = bench(t, [BY_KEY]);
    const { said } = await apply(paths, ['t insert id 200 dest x note y', 't update id 200 dest x note z', 't delete id 200'], [line]);
    assert.match(said.join(''), new RegExp(`${what} found no row: the cache has diverged`));
  });
}

test('a column that the cache does not hold comes, goes and comes back without a word, also where a fault of another table undoes it', async (t) => {
  const chosen: CacheTable = { ...keyedTable('t', ['note']), oid: 5, choice: { columns: ['note'] } };
  const paths = bench(t, [chosen, keyedTable('other')]);
  const shape = (...columns: string[]) => `t schema _oid 5 _identity default _key 1 id 1~notnull~integer note 2~null~text ${columns.join(' ')}`.trimEnd();
  const spaced = (xid: number, ...lines: string[]) => Buffer.from(transaction(xid, lines).toString().replaceAll('~', ' '));
  await writeLog(paths.log,
    spaced(1, shape('extra 3~null~text'), 't insert id 1 note a extra b'),
    spaced(2, shape(), 't insert id 2 note a'),
    spaced(3, shape('extra 4~null~integer'), 't insert id 3 note a extra 1', 'other delete id 9'));
  const { said } = await runMirror(paths.cache, paths.log);
  assert.match(said.join(''), /public\.other goes into quarantine/);
  await writeLog(paths.log, spaced(4, 't update id 3 note z extra 2'));
  const again = await runMirror(paths.cache, paths.log);
  assert.doesNotMatch([...said, ...again.said].join(''), /public\.t /);
  assert.deepEqual(held(paths.cache), ['1 a', '2 a', '3 z']);
});

test('P5: a filter\'s column that the cache does not hold, or holds rounded, is not taken for what it was', async (t) => {
  const shape = (column: string) => Buffer.from(transaction(1, [`t schema _oid 1 _identity default _key 1 id 1~notnull~integer ${column} note 3~null~text`]).toString().replaceAll('~', ' '));
  for (const [column, reason] of [['dest 2~null~bytea', /public\.t goes into quarantine.*dest/], ['dest 7~null~text', /its --where asks for dest, which it no longer has/]] as const) {
    const { log, cache } = bench(t, [{ ...UNHELD, choice: { ...UNHELD.choice, columns: ['note'] } }]);
    await writeLog(log, shape(column));
    const { said } = await runMirror(cache, log);
    assert.match(said.join(''), reason);
  }
  const rounded: CacheTable = { ...keyedTable('t', ['n', 'note']), choice: { where: 'n <> 0.1', numeric: 'real' } };
  const paths = bench(t, [{ ...rounded, columns: rounded.columns.map((column) => (column.name === 'n' ? { ...column, type: 'numeric' } : column)) }]);
  const { said } = await apply(paths, ['t insert id 1 n 0.10000000000000000001 note a'], ['t update id 1 note b']);
  assert.match(said.join(''), /whether a row is in cannot be told: its large value in column n is unchanged/);
});
