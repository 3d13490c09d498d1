import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { NativeLines, type NativeUnits } from '../../src/sqlite/native-lines.js';
import { keyedTable, query, runMirror } from '../support/cache.js';
import { openWriter } from '../support/log.js';
import { bench, ids, play, shape, T0, transaction, writeLog, type Bench } from '../support/mirror.js';
import { Random } from '../support/random.js';
import { RandomLines } from '../support/random-lines.js';

/** What a cache holds, but for when it was written and what it is called. */
function contents(cache: string): Record<string, unknown> {
  const tables = query(cache, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").map(({ name }) => String(name));
  return Object.fromEntries(tables.map((name) => {
    if (name === '_daystream_position') return [name, query(cache, 'SELECT clock, sequence, crc, lsn, commit_time_us, source_time_us FROM _daystream_position')];
    const columns = query(cache, `SELECT name FROM pragma_table_info('${name}') WHERE name <> 'cure'`).map(({ name: column }) => `"${column}", typeof("${column}"), hex("${column}")`);
    return [name, query(cache, `SELECT ${columns.join(', ')} FROM "${name}"`).map((row) => JSON.stringify(row)).sort()];
  }));
}

/** How many lines and transactions the engine did. */
function counted(t: TestContext) {
  const rows = t.mock.method(NativeLines.prototype, 'rows');
  const units = t.mock.method(NativeLines.prototype, 'units');
  const done = () => units.mock.calls.map(({ result }) => result as NativeUnits);
  return {
    lines: () => rows.mock.calls.reduce((sum, { result }) => sum + (result as { lines: number }).lines, 0) + done().reduce((sum, { lines }) => sum + lines, 0),
    transactions: () => done().reduce((sum, { transactions }) => sum + transactions, 0),
  };
}

async function randomLog({ log }: Bench, random: Random, lines: RandomLines): Promise<void> {
  let clock = T0;
  const writer = await openWriter(log, { clock: () => clock });
  for (let i = 0; i < 300; i++) {
    const { lsn, message } = lines.transaction(i === 150 ? 6000 : random.pick([1, 1, 1, 2, 3, 40]));
    writer.append(message);
    if (random.below(10) === 0) clock++;
    if (random.below(40) === 0) writer.horizon(lsn + 48n, BigInt(clock) * 1_000_000n, undefined);
  }
  await writer.sync();
  writer.close();
}

for (let run = 0; run < 8; run++) {
  test(`both engines make the same cache of a random log, ${run}`, async (t) => {
    const random = new Random();
    t.diagnostic(`SEED=${random.seed}`);
    const lines = new RandomLines(random, run % 2 === 1);
    const paths = bench(t, lines.cacheTables());
    await randomLog(paths, random, lines);
    const other = `${paths.cache}.ts`;
    copyFileSync(paths.cache, other);
    const engine = counted(t);
    const native = await runMirror(paths.cache, paths.log, { engine: 'native' });
    // A table that goes out leaves transactions to TypeScript until the next commit.
    assert.ok(engine.lines() > 1000 && (lines.risks || engine.transactions() > 10), `the engine did ${engine.lines()} lines and ${engine.transactions()} transactions`);
    const plain = await runMirror(other, paths.log, { engine: 'ts' });
    const [ours, theirs] = [contents(paths.cache), contents(other)];
    for (const table of Object.keys(theirs)) assert.deepEqual(ours[table], theirs[table], table);
    assert.deepEqual([native.applier.transactions, native.applier.rows], [plain.applier.transactions, plain.applier.rows]);
    const quarantines = (said: string[]) => said.filter((text) => text.includes('quarantine')).map((text) => text.replace(other, paths.cache));
    assert.deepEqual(quarantines(native.said), quarantines(plain.said).map((text) => text.replaceAll(other, paths.cache)));
  });
}

const tableA = () => keyedTable('t', ['a']);
const inserted = (...rows: number[]) => rows.map((id) => `t insert id ${id} a x`);

for (const [what, line] of [['an update', 't update id 9 a y'], ['a delete', 't delete id 9'], ['an insert', 't insert id 2 a y']] as const) {
  test(`P5: ${what} that does not fit is found behind lines that the native engine did`, async (t) => {
    const engine = counted(t);
    const { cache, said, states } = await play(t, [tableA()], [
      [700, ...inserted(1, 2, 3, 4), 't update id 1 a y', 't update id 2 a y', 't delete id 3', 't delete id 4'],
      [701, ...inserted(5), 't update id 1 a z', 't delete id 5', line, 't update id 2 a w'],
      [702, 't update id 1 a w'],
    ], { engine: 'native' });
    assert.ok(engine.lines() > 3);
    assert.match(said, /diverged from Postgres/);
    assert.equal(states[0].state, 'quarantined');
    assert.deepEqual(query(cache, 'SELECT id, a FROM t ORDER BY id'), [{ id: 1, a: 'y' }, { id: 2, a: 'y' }]);
  });
}

test('transactions behind the first are taken whole, and the place moves with them', async (t) => {
  const engine = counted(t);
  const steps = Array.from({ length: 50 }, (_, i) => [700 + i, `t insert id ${i} a x`] as const);
  const { cache, applier } = await play(t, [tableA()], steps, { engine: 'native' });
  assert.ok(engine.transactions() >= 45);
  assert.deepEqual([applier.transactions, applier.rows, ids(cache).length], [50, 50, 50]);
});

test('P5: an update that changes a key is never taken for one of the row that has the new key', async (t) => {
  const { said, cache } = await play(t, [tableA()], [
    [700, ...inserted(1, 2, 3), 't update id 1 a y', 't update id 2 a y', 't update id 3 a y'],
    [701, 't update id 1 a z', 't replace id 1', 't update id 2 a z'],
  ], { engine: 'native' });
  assert.match(said, /diverged from Postgres/);
  assert.deepEqual(query(cache, 'SELECT id, a FROM t ORDER BY id'), [{ id: 1, a: 'y' }, { id: 2, a: 'y' }, { id: 3, a: 'y' }]);
});

const named = (name: string, oid: number) => `${shape(name, oid, 'a 2~null~text')}`;

for (const [when, swap] of [['between transactions', true], ['within one', false]] as const) {
  test(`rows go to the table that has the name, when names change hands ${when}`, async (t) => {
    const other = { ...tableA(), name: 'other', table: 'other', oid: 2, pattern: 'other' };
    const rows = (first: number) => [1, 2, 3].flatMap((i) => [`t insert id ${first + i} a t`, `other insert id ${first + i} a other`, `t update id ${first + i} a T`]);
    const names = [named('third', 1), named('t', 2), named('other', 1)];
    const engine = counted(t);
    const { cache } = await play(t, [tableA(), other], [
      [700, ...rows(10), ...(swap ? [] : [...names, ...rows(20)])],
      ...(swap ? [[701, ...rows(15)], [702, ...names], [703, ...rows(20)], [704, ...rows(30)]] as const : [[701, ...rows(30)]] as const),
    ], { engine: 'native' });
    assert.ok(engine.lines() + engine.transactions() > 3);
    const oids = Object.fromEntries(query(cache, 'SELECT oid, "table" FROM _daystream_tables').map(({ oid, table }) => [String(oid), String(table)]));
    assert.deepEqual(oids, { 1: 'other', 2: 't' });
    for (const [table, before] of [['t', 'other'], ['other', 't']]) {
      const rightly = query(cache, `SELECT id, a FROM "${table}" ORDER BY id`).every(({ id, a }) => String(a).toLowerCase() === (Number(id) < 20 ? before : table));
      assert.ok(rightly, table);
    }
  });
}

test('P3: what the database refuses midway leaves no half of a transaction', async (t) => {
  const paths = bench(t, [tableA()]);
  const cache = new Database(paths.cache);
  cache.exec("CREATE TRIGGER looked AFTER INSERT ON t WHEN new.id = 30 BEGIN SELECT json(new.a); END");
  cache.close();
  await writeLog(paths.log, ...[1, 2, 3, 4].map((id) => transaction(700 + id, inserted(id))), transaction(710, inserted(29, 30, 31)));
  await assert.rejects(runMirror(paths.cache, paths.log, { engine: 'native' }), /malformed JSON/);
  assert.ok(!ids(paths.cache).includes(29));
});

test('a column whose type changed is converted by its new one', async (t) => {
  const typed = (type: string) => `t schema _oid 1 _identity default _key 1 id 1~notnull~integer a 2~null~${type}`;
  const { cache } = await play(t, [{ ...tableA(), columns: [tableA().columns[0], { attnum: 2, name: 'a', type: 'integer', notNull: false }] }], [
    [700, 't insert id 1 a 7', 't insert id 2 a 7', 't insert id 3 a 7'],
    [701, typed('text'), 't insert id 4 a 007', 't insert id 5 a 007'],
    [702, 't insert id 6 a 007'],
    [703, 't insert id 7 a 007'],
  ], { engine: 'native' });
  assert.deepEqual(query(cache, 'SELECT group_concat(a) AS a FROM t'), [{ a: '7,7,7,007,007,007,007' }]);
});
