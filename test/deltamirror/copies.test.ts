/** Copies of tables that come through the log, applied to a cache. */
import assert from 'node:assert/strict';
import Database from 'better-sqlite3';
import { test } from 'node:test';
import type { CopyPart } from '../../src/daystream/copy-part.js';
import type { Writer } from '../../src/daystream/writer.js';
import { keyedTable, query, runMirror } from '../support/cache.js';
import { openWriter } from '../support/log.js';
import { bench, part, spaced, T0, tabbed } from '../support/mirror.js';
import type { CacheTable } from '../../src/sqlite/tables.js';

const SHAPE = '_table t _action schema _oid 1 _identity default _key 1 id 1~notnull~integer a 2~null~text';
const STATE = ['_table t _action indexes _oid 1', '_table t _action comments _oid 1'];

const begin = (snapshot: string, more: Partial<CopyPart> = {}) => part(0, [SHAPE, ...STATE], { snapshot, ...more });
const row = (id: number, a: string) => `_table t _action insert id ${id} a ${a}`;

/** Lets `write` write a log behind what it has. */
async function write(log: string, work: (writer: Writer) => void): Promise<void> {
  const writer = await openWriter(log, { clock: () => T0 });
  work(writer);
  await writer.sync();
  writer.close();
}

function add(writer: Writer, xid: number, ...lines: string[]): void {
  writer.append(spaced(xid, lines));
}

function copied(writer: Writer, ...parts: CopyPart[]): void {
  for (const each of parts) assert.ok(writer.copy(each));
}

const T: CacheTable = keyedTable('t', ['a']);
const held = (cache: string) => query(cache, 'SELECT * FROM t ORDER BY id').map(({ id, a }) => `${id} ${a}`);
const state = (cache: string) => query(cache, "SELECT state FROM _daystream_tables WHERE oid = 1")[0]?.state;
const leftOver = (cache: string) => query(cache, "SELECT name FROM sqlite_schema WHERE name LIKE '\\_daystream\\_copy%' ESCAPE '\\' UNION ALL SELECT line FROM _daystream_kept");

test('a table that waits has the copy\'s rows and what the log said of it meanwhile, all at once, and nothing before', async (t) => {
  const { log, cache } = bench(t, [T, keyedTable('other')]);
  await write(log, (writer) => {
    add(writer, 1, SHAPE.replace('_table t _action ', 't '), 't insert id 1 a old');
    add(writer, 2, 't stale _oid 1 _reason rewritten');
    copied(writer, begin('3:3:'), part(1, [row(1, 'new'), row(2, 'new')]));
    add(writer, 3, 't update id 2 a later', 't insert id 4 a later', 'other insert id 1');
  });
  await runMirror(cache, log);
  assert.deepEqual([held(cache), state(cache)], [['1 old'], 'waiting']);
  assert.equal(query(cache, 'SELECT * FROM other').length, 1);
  await write(log, (writer) => {
    copied(writer, part(2, [row(3, 'new')]), part(3, [], { isLast: true }));
    add(writer, 4, 't delete id 1');
  });
  const { said } = await runMirror(cache, log);
  assert.deepEqual([held(cache), state(cache)], [['2 later', '3 new', '4 later'], 'following']);
  assert.deepEqual(leftOver(cache), []);
  assert.match(said.join(''), /public\.t is as the copy has it/);
});

test('what a transaction did that the copy\'s snapshot saw is not done again', async (t) => {
  const { log, cache } = bench(t, [T]);
  await write(log, (writer) => {
    add(writer, 1, 't stale _oid 1 _reason rewritten');
    copied(writer, begin('4:4:'), part(1, [row(3, 'by~3')]));
    for (const xid of [3, 4, 5]) add(writer, xid, `t insert id ${xid} a by~${xid}`);
    copied(writer, part(2, [], { isLast: true }));
  });
  await runMirror(cache, log);
  assert.deepEqual(held(cache), ['3 by 3', '4 by 4', '5 by 5']);
});

test('a copy ends a quarantine, and brings a table that the cache lacks and chooses', async (t) => {
  for (const table of [{ ...T, quarantine: { reason: 'x', cure: 'y', position: { clock: 1, sequence: 0 } } }, undefined]) {
    const { log, cache } = bench(t, table === undefined ? [T] : [table]);
    await write(log, (writer) => {
      if (table === undefined) add(writer, 1, 't drop _oid 1');
      copied(writer, begin('3:3:', { to: 'missing' }), part(1, [row(1, 'new')]), part(2, [], { isLast: true }));
      add(writer, 3, 't insert id 2 a later');
    });
    await runMirror(cache, log);
    assert.deepEqual([held(cache), state(cache)], [['1 new', '2 later'], 'following']);
  }
});

test('a copy ends a quarantine that began a moment before, also where both are read at once', async (t) => {
  const { log, cache } = bench(t, [T]);
  await write(log, (writer) => {
    add(writer, 1, 't insert id 1 a x');
    add(writer, 2, 't quarantine _reason x _cure y');
    copied(writer, begin('3:3:'), part(1, [row(1, 'new')]), part(2, [], { isLast: true }));
    add(writer, 3, 't insert id 2 a later');
  });
  await runMirror(cache, log);
  assert.deepEqual([held(cache), state(cache)], [['1 new', '2 later'], 'following']);
});

test('a copy for those who lack the table is nothing to those who have it; nor is one that is refused', async (t) => {
  const { log, cache } = bench(t, [T]);
  await write(log, (writer) => {
    add(writer, 1, 't insert id 1 a x');
    copied(writer, begin('3:3:', { to: 'missing' }), part(1, [row(9, 'new')]), part(2, [], { isLast: true }));
    copied(writer, part(0, ['_table t _action quarantine _oid 1 _reason too~large _cure '], { id: '8', isLast: true }));
    add(writer, 3, 't insert id 2 a y');
  });
  await runMirror(cache, log);
  assert.deepEqual([held(cache), state(cache)], [['1 x', '2 y'], 'following']);
});

test('a table that waits for a copy that is refused goes into quarantine with the cure', async (t) => {
  const { log, cache } = bench(t, [T]);
  await write(log, (writer) => {
    add(writer, 1, 't stale _oid 1 _reason rewritten');
    copied(writer, part(0, ['_table t _action quarantine _oid 1 _reason too~large _cure '], { isLast: true }));
  });
  const { said } = await runMirror(cache, log);
  assert.equal(state(cache), 'quarantined');
  assert.match(said.join(''), /too large — deltaimport --table t --into/);
});

test('a copy that begins anew takes the place of the one that was under way', async (t) => {
  const { log, cache } = bench(t, [T]);
  await write(log, (writer) => {
    add(writer, 1, 't stale _oid 1 _reason rewritten');
    copied(writer, begin('3:3:'), part(1, [row(1, 'first')]));
    add(writer, 3, 't insert id 3 a x');
    copied(writer, begin('4:4:', { id: '8' }), part(1, [row(2, 'second'), row(3, 'x')], { id: '8' }));
    copied(writer, part(2, [row(5, 'first')]), part(3, [], { isLast: true }));
    add(writer, 4, 't insert id 4 a y');
    copied(writer, part(2, [], { id: '8', isLast: true }));
  });
  await runMirror(cache, log);
  assert.deepEqual(held(cache), ['2 second', '3 x', '4 y']);
  assert.deepEqual(leftOver(cache), []);
});

test('a mirror that stops within a copy goes on with it; a part that is missing ends it, and the table waits on', async (t) => {
  for (const missing of [false, true]) {
    const { log, cache } = bench(t, [T]);
    await write(log, (writer) => {
      add(writer, 1, 't stale _oid 1 _reason rewritten');
      copied(writer, begin('3:3:'), part(1, [row(1, 'new')]));
    });
    await runMirror(cache, log);
    await write(log, (writer) => copied(writer, ...(missing ? [] : [part(2, [row(2, 'new')])]), part(3, [row(3, 'new')]), part(4, [], { isLast: true })));
    await runMirror(cache, log);
    if (missing) assert.equal(state(cache), 'waiting');
    else assert.deepEqual(held(cache), ['1 new', '2 new', '3 new']);
  }
});

test('a table that is renamed, altered or stale while its copy comes in ends as it should', async (t) => {
  const { log, cache } = bench(t, [T]);
  await write(log, (writer) => {
    add(writer, 1, 't stale _oid 1 _reason rewritten');
    copied(writer, begin('3:3:'), part(1, [row(1, 'new')]));
    add(writer, 3, 't2 schema _oid 1 _identity default _key 1 id 1~notnull~integer a 2~null~text b 3~null~text _missing 0', 't2 insert id 2 a x b 1');
    copied(writer, part(2, [], { isLast: true }));
    add(writer, 4, 't2 insert id 3 a y b 2');
  });
  await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT * FROM t2 ORDER BY id'), [{ id: 1, a: 'new', b: '0' }, { id: 2, a: 'x', b: '1' }, { id: 3, a: 'y', b: '2' }]);
  await write(log, (writer) => {
    copied(writer, begin('5:5:', { id: '9', body: tabbed([SHAPE.replace('_table t', '_table t2'), ...STATE]) }), part(1, [row(1, 'new')], { id: '9' }));
    add(writer, 5, 't2 stale _oid 1 _reason again', 't2 insert id 8 a z');
    copied(writer, part(2, [], { id: '9', isLast: true }));
  });
  await runMirror(cache, log);
  assert.equal(state(cache), 'waiting');
  assert.deepEqual(query(cache, 'SELECT id FROM t2'), [{ id: 1 }]);
});

test('a table that could not have its name while it waited has it when the copy is in', async (t) => {
  const { log, cache } = bench(t, [T, keyedTable('other')]);
  await write(log, (writer) => {
    add(writer, 1, SHAPE.replace('_table t _action ', 't '), 't insert id 1 a old', 't stale _oid 1 _reason rewritten');
    add(writer, 2, SHAPE.replace('_table t _action ', 'OTHER '), 'other insert id 1');
    add(writer, 3, 'other drop _oid 2');
    copied(writer, begin('4:4:', { body: tabbed([SHAPE.replace('_table t', '_table OTHER'), ...STATE]) }), part(1, [row(1, 'new')]), part(2, [], { isLast: true }));
  });
  await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT name FROM sqlite_schema WHERE type = \'table\' AND name NOT LIKE \'\\_daystream%\' ESCAPE \'\\\''), [{ name: 'OTHER' }]);
  assert.deepEqual(query(cache, 'SELECT a FROM OTHER'), [{ a: 'new' }]);
});

test('a table that is dropped while its copy comes in is gone with it', async (t) => {
  const { log, cache } = bench(t, [T]);
  await write(log, (writer) => {
    copied(writer, begin('3:3:'), part(1, [row(1, 'new')]));
    add(writer, 3, 't insert id 5 a z', 't drop _oid 1');
    copied(writer, part(2, [], { isLast: true }));
  });
  await runMirror(cache, log);
  assert.equal(state(cache), undefined);
  assert.deepEqual(leftOver(cache), []);
});

test('an import that saw more than the copy keeps its rows', async (t) => {
  const { log, cache } = bench(t, [T], '5:5:');
  await write(log, (writer) => {
    copied(writer, begin('3:3:'), part(1, [row(1, 'older')]), part(2, [], { isLast: true }));
    add(writer, 6, 't insert id 6 a x');
  });
  await runMirror(cache, log);
  assert.deepEqual(held(cache), ['6 x']);
});

test('a table whose copy comes in goes by the name that lines give it, also where the copy saw who named it so', async (t) => {
  const { log, cache } = bench(t, [T]);
  await write(log, (writer) => {
    copied(writer, begin('4:4:'), part(1, [row(1, 'new')]));
    add(writer, 3, SHAPE.replace('_table t _action ', 't2 '), 't insert id 9 a z', SHAPE.replace('_table t _action schema _oid 1', 't create _oid 5'), 't insert id 5 a y');
    copied(writer, part(2, [], { isLast: true }));
    add(writer, 5, 't2 insert id 2 a x');
  });
  await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT id FROM t2 ORDER BY id'), [{ id: 1 }, { id: 2 }]);
  assert.deepEqual(held(cache), ['5 y']);
});

test('a copy of a table that is to have the name of another one takes nothing of that one\'s', async (t) => {
  const { log, cache } = bench(t, [T]);
  const named = (oid: number) => SHAPE.replace('_oid 1', `_oid ${oid}`);
  const patterns = new Database(cache);
  patterns.exec("INSERT INTO _daystream_patterns (pattern) VALUES ('u')");
  patterns.close();
  await write(log, (writer) => {
    add(writer, 1, named(1).replace('_table t _action ', 't '), 't insert id 1 a first');
    copied(writer, begin('30:30:', { oid: 9, body: tabbed([named(9), ...STATE]) }), part(1, [row(9, 'copied')], { oid: 9 }));
    add(writer, 15, 't insert id 2 a still~first');
    add(writer, 20, named(1).replace('_table t _action ', 'u '), named(9).replace('_table t _action ', 't '));
    copied(writer, part(2, [], { oid: 9, isLast: true }));
    add(writer, 31, 't insert id 10 a x', 'u insert id 3 a y');
  });
  await runMirror(cache, log);
  assert.deepEqual(query(cache, 'SELECT id FROM u ORDER BY id').map(({ id }) => id), [1, 2, 3]);
  assert.deepEqual(held(cache), ['9 copied', '10 x']);
});

test('P5: a copy of a table that SQLite cannot hold puts it in quarantine by name, also where the cache does not know it', async (t) => {
  const { log, cache } = bench(t, [keyedTable('other')]);
  const patterns = new Database(cache);
  patterns.exec("INSERT INTO _daystream_patterns (pattern) VALUES ('t')");
  patterns.close();
  await write(log, (writer) => {
    copied(writer, begin('3:3:', { body: tabbed([`${SHAPE} Id 3~null~text`, ...STATE]) }), part(1, []), part(2, [], { isLast: true }));
    add(writer, 3, 'other insert id 1');
  });
  await runMirror(cache, log);
  assert.equal(state(cache), 'quarantined');
  assert.equal(query(cache, 'SELECT * FROM other').length, 1);
});

test('an import that saw that a table was dropped does not get it back by a copy that is older', async (t) => {
  const { log, cache } = bench(t, [keyedTable('other')], '5:5:');
  const registered = new Database(cache);
  registered.exec("INSERT INTO _daystream_patterns (pattern) VALUES ('t')");
  registered.close();
  await write(log, (writer) => {
    copied(writer, begin('3:3:'), part(1, [row(1, 'older')]), part(2, [], { isLast: true }));
    add(writer, 4, 't drop _oid 1');
  });
  await runMirror(cache, log);
  assert.equal(state(cache), undefined);
});

test('P5: what was kept is applied as strictly as any line: a row that is there already puts the table out', async (t) => {
  const { log, cache } = bench(t, [T]);
  await write(log, (writer) => {
    copied(writer, begin('3:3:'), part(1, [row(1, 'new')]));
    add(writer, 3, 't insert id 1 a again');
    copied(writer, part(2, [], { isLast: true }));
  });
  const { said } = await runMirror(cache, log);
  assert.match(said.join(''), /public\.t goes into quarantine.*an insert met a row/);
  assert.deepEqual(leftOver(cache), []);
});
