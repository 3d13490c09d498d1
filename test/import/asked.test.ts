import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { Server } from '../../dev/postgres.js';
import { DeltaError } from '../../src/errors.js';
import type { Asked } from '../../src/import/asked.js';
import { query } from '../support/cache.js';
import { temporaryFolder } from '../support/folder.js';
import { runImport, writeLog } from '../support/import.js';

let server: Server;
before(async () => {
  server = await Server.start({ plugin: false });
  await server.query(`
    CREATE TABLE flights (id int PRIMARY KEY, ident text, lat float8, dest text, price numeric, paid money);
    INSERT INTO flights VALUES (1, 'UAL1', 1.5, 'KIAH', 1.10, 2.50), (2, 'UAL2', 2.5, 'EHAM', 'NaN', NULL), (3, 'UAL3', NULL, 'KIAH', 1e400, -1234.5);
    CREATE INDEX flights_dest ON flights (dest); CREATE INDEX flights_ident ON flights (ident, id);
    CREATE TABLE "Foo" (a int PRIMARY KEY); CREATE TABLE foo (a int PRIMARY KEY); INSERT INTO "Foo" VALUES (1); INSERT INTO foo VALUES (2);
    CREATE TABLE cols ("Id" int PRIMARY KEY, id text, "a.b" int, "c,d" int, "e=f" int); INSERT INTO cols VALUES (1, 'x', 2, 3, 4); CREATE INDEX cols_id ON cols (id);
    CREATE TABLE "sqlite_stuff" (a int); CREATE TABLE "_daystream_x" (a int); CREATE TABLE none ();
    CREATE SCHEMA s; CREATE TABLE s.t (a int PRIMARY KEY, b text); CREATE INDEX "Twin" ON s.t (b); CREATE INDEX twin ON s.t (b, a);
    CREATE TABLE rowids (rowid int, _rowid_ int, oid int); INSERT INTO rowids VALUES (1, 2, 3);
    CREATE TABLE "weird ""name"";	
.x" ("select" int PRIMARY KEY, "tab	col" text, "_action" text, "${'é'.repeat(31)}" text); INSERT INTO "weird ""name"";	
.x" VALUES (1, 'v', 'w', 'z')`);
});
after(() => server.stop());

interface Place { log: string; cache: string }

async function place(t: TestContext): Promise<Place> {
  const folder = temporaryFolder(t);
  await writeLog(server, join(folder, 'log'));
  return { log: join(folder, 'log'), cache: join(folder, 'cache.db') };
}

async function imported(t: TestContext, tables: string, asked: Partial<Asked>): Promise<string> {
  const { log, cache } = await place(t);
  await runImport(server, tables, log, cache, { asked });
  return cache;
}

async function refusal(t: TestContext, tables: string, asked: Partial<Asked>): Promise<DeltaError> {
  const { log, cache } = await place(t);
  try {
    await runImport(server, tables, log, cache, { asked });
  } catch (error) {
    assert.ok(error instanceof DeltaError, error instanceof Error ? error.stack : String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'was not refused' });
}

test('--columns: those columns and the key, and the indexes that they make up', async (t) => {
  const cache = await imported(t, 'flights', { columns: ['flights=ident, Dest'] });
  assert.deepEqual(query(cache, 'SELECT * FROM flights WHERE id = 1'), [{ id: 1, ident: 'UAL1', dest: 'KIAH' }]);
  assert.deepEqual(query(cache, "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"), [{ name: 'flights_dest' }, { name: 'flights_ident' }]);
  const narrow = await imported(t, 'flights', { columns: ['flights=id'] });
  assert.deepEqual(query(narrow, 'SELECT * FROM flights'), [{ id: 1 }, { id: 2 }, { id: 3 }]);
  assert.deepEqual(query(narrow, "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"), []);
});

test('--where: those rows, by a column that is held or not', async (t) => {
  const cache = await imported(t, 'flights', { where: ["flights: dest = 'KIAH'"], columns: ['flights=ident'] });
  assert.deepEqual(query(cache, 'SELECT * FROM flights'), [{ id: 1, ident: 'UAL1' }, { id: 3, ident: 'UAL3' }]);
  assert.deepEqual(query(cache, 'SELECT choice FROM _daystream_tables').map(({ choice }) => JSON.parse(String(choice))), [{ columns: ['ident'], where: "dest = 'KIAH'" }]);
});

test('--numeric real: numbers to calculate with, but for what a double does not hold', async (t) => {
  const cache = await imported(t, 'flights', { numeric: 'real' });
  assert.deepEqual(query(cache, 'SELECT typeof(price) AS type, price, paid FROM flights ORDER BY id').map(({ type, price, paid }) => [type, type === 'blob' ? String(price).slice(0, 3) : price, paid]),
    [['real', 1.1, 2.5], ['text', 'NaN', null], ['blob', '100', -1234.5]]);
});

test('--rename: tables and columns that SQLite cannot tell apart', async (t) => {
  const cache = await imported(t, '*', { rename: ['public.Foo=foo_upper', 'cols.Id=id_upper', 'cols."a.b"="quoted ""name"""', 'sqlite_stuff=pg_stuff', '_daystream_x=x', 'rowids.oid=oid_'], columns: ['cols="Id","a.b",id,"c,d","e=f"'] }).catch((error: unknown) => error);
  assert.ok(cache instanceof DeltaError && /public\.none: .*no columns/.test(cache.message), 'one table is left that no name cures');
  await server.query('DROP TABLE none');
  const renamed = await imported(t, '*', { rename: ['public.Foo=foo_upper', 'cols.Id=id_upper', 'cols."a.b"="quoted ""name"""', 'sqlite_stuff=pg_stuff', '_daystream_x=x', 'rowids.oid=oid_'] });
  await server.query('CREATE TABLE none ()');
  assert.deepEqual(query(renamed, 'SELECT (SELECT a FROM foo_upper) AS upper, (SELECT a FROM foo) AS lower, oid_ FROM rowids'), [{ upper: 1, lower: 2, oid_: 3 }]);
  assert.deepEqual(query(renamed, 'SELECT * FROM cols'), [{ id_upper: 1, id: 'x', 'quoted "name"': 2, 'c,d': 3, 'e=f': 4 }]);
  assert.deepEqual(query(renamed, 'SELECT * FROM "weird ""name"";\t\n.x"'), [{ select: 1, 'tab\tcol': 'v', _action: 'w', ['é'.repeat(31)]: 'z' }]);
});

test('--rename: a quoted name may be of blanks, as in Postgres', async (t) => {
  assert.deepEqual(query(await imported(t, 'flights', { rename: ['flights="  "', 'flights.id=" "'], columns: ['flights=id'] }), 'SELECT * FROM "  "'), [{ ' ': 1 }, { ' ': 2 }, { ' ': 3 }]);
});

test('what SQLite cannot hold side by side is refused by name, with the option that renames it: and that option cures it', async (t) => {
  for (const [tables, message] of [
    ['"Foo",foo', /public\.Foo and public\.foo: cannot be mirrored: SQLite cannot tell the two tables apart/],
    ['cols', /public\.cols\.Id and public\.cols\.id: .*two columns apart/],
    ['sqlite_stuff', /public\.sqlite_stuff: .*sqlite_/],
    ['_daystream_x', /public\._daystream_x: .*the cache's own/],
    ['rowids', /public\.rowids: .*hide all of rowid/],
  ] as const) {
    const error = await refusal(t, tables, {});
    assert.equal(error.code, 'config');
    assert.match(error.message, message);
    const option = /--rename '(.*)'$/.exec(error.hint ?? '')?.[1];
    assert.ok(option, error.hint);
    await imported(t, tables, { rename: [option] });
  }
  assert.match((await refusal(t, 'none', {})).hint ?? '', /leave it out of --tables/);
});

test('an index whose name SQLite cannot tell from another is left out by name, and the rest is whole', async (t) => {
  const { log, cache } = await place(t);
  const { tables } = await runImport(server, 's.t', log, cache);
  assert.deepEqual(tables[0].leftOut, [{ name: 's.twin', reason: 'SQLite cannot tell its name from another one\'s' }]);
});

test('what does not fit is one line that says where', async (t) => {
  const cases: readonly [Partial<Asked>, RegExp][] = [
    [{ columns: ['flights'] }, /^--columns flights: there is no =/],
    [{ columns: ['flights=id,'] }, /^--columns flights=id,: a column is missing/],
    [{ columns: ['flights=nope'] }, /public\.flights has no column nope$/],
    [{ columns: ['other=id'] }, /names none of the tables/],
    [{ columns: ['flights=id', 'flights=ident'] }, /two lists/],
    [{ where: ['flights: nope = 1'] }, /nope/],
    [{ where: ['flights dest'] }, /--where flights dest/],
    [{ where: ["flights: dest = 'a'", "flights: dest = 'b'"] }, /two filters/],
    [{ rename: ['flights='] }, /the new name is missing/],
    [{ rename: ['flights=""'] }, /the quoted new name is empty or not closed/],
    [{ rename: ['flights=a', 'flights=b'] }, /renamed twice/],
    [{ rename: ['flights.nope=a'] }, /has no column nope/],
    [{ rename: ['flights.id=ident'] }, /two columns apart/],
  ];
  for (const [asked, message] of cases) assert.match((await refusal(t, 'flights', asked)).message, message);
});

test('what was chosen of a table holds when it is made anew, until it is said otherwise; a column that is gone is named', async (t) => {
  await server.query("CREATE TABLE kept (id int PRIMARY KEY, price numeric, note text); INSERT INTO kept VALUES (1, 1.50, 'x')");
  const { log, cache } = await place(t);
  await runImport(server, 'kept', log, cache, { asked: { columns: ['kept=price,note'], numeric: 'real' } });
  const into = (asked: Partial<Asked>) => runImport(server, 'kept', undefined, cache, { into: true, asked });
  await into({});
  assert.deepEqual(query(cache, 'SELECT * FROM kept'), [{ id: 1, price: 1.5, note: 'x' }]);
  await into({ numeric: 'text' });
  assert.deepEqual(query(cache, 'SELECT * FROM kept'), [{ id: 1, price: '1.50', note: 'x' }]);
  await server.query('ALTER TABLE kept RENAME note TO remark');
  const { warnings } = await into({});
  assert.match(warnings.join(), /public\.kept: was chosen with note, which it no longer has; .*--columns 'kept=…'/);
  assert.deepEqual(query(cache, 'SELECT * FROM kept'), [{ id: 1, price: '1.50' }]);
  assert.deepEqual((await into({})).warnings, []);
});

test('a filter is warned of by the large values that the cache or the filter wants, and by no others', async (t) => {
  await server.query('CREATE TABLE large (id text PRIMARY KEY, n int, held text, asked jsonb, neither text)');
  const warned = async (asked: Partial<Asked>) => {
    const { log, cache } = await place(t);
    return (await runImport(server, 'large', log, cache, { asked })).warnings.join();
  };
  assert.match(await warned({ columns: ['large=n,held'], where: ['large: n > 1 AND asked IS NULL'] }), /a large value in held, asked is unchanged/);
  assert.equal(await warned({ columns: ['large=n'], where: ["large: id = 'x'"] }), '');
});

test('a table that is added is told from the indexes and views that the cache has, and from a table whose name in the cache would be the same', async (t) => {
  const { log, cache } = await place(t);
  await server.query('CREATE TABLE "s.t" (a int PRIMARY KEY); CREATE TABLE "FLIGHTS_DEST" (a int PRIMARY KEY); CREATE TABLE v (a int PRIMARY KEY)');
  await runImport(server, 'flights,"s.t"', log, cache, { asked: { rename: ['"s.t"=st'] } });
  const db = new Database(cache);
  db.exec('CREATE VIEW v AS SELECT * FROM flights');
  db.close();
  const into = (tables: string, asked: Partial<Asked> = {}) => runImport(server, tables, undefined, cache, { into: true, asked });
  for (const [tables, other] of [['"FLIGHTS_DEST"', 'flights_dest'], ['v', 'v']] as const) {
    const error = await into(tables).catch((refused: unknown) => refused);
    assert.ok(error instanceof DeltaError, String(error));
    assert.match(error.message, new RegExp(`SQLite cannot tell its name from that of ${other}, which the cache has`));
    await into(tables, { rename: [/--rename '(.*)'$/.exec(error.hint ?? '')?.[1] ?? ''] });
  }
  await into('s.t');
  assert.deepEqual(query(cache, 'SELECT schema, name, "table" FROM _daystream_tables ORDER BY schema, name').map((row) => Object.values(row).join(' ')),
    ['public FLIGHTS_DEST FLIGHTS_DEST_table', 'public flights flights', 'public s.t st', 'public v v_table', 's t s.t']);
  await server.query('DROP TABLE "s.t", "FLIGHTS_DEST", v, kept');
});
