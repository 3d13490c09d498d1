import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { query } from '../support/cache.js';
import { Path, runCommand, until } from '../support/path.js';
import { Random } from '../support/random.js';

interface Case {
  readonly table: string;
  /** Before the import. */
  readonly make: string;
  /** What can't be followed. */
  readonly cause: string;
  readonly reason: RegExp;
  /** What the cure says to do in Postgres first; SQL, unless `mendSql` is. */
  readonly mend?: string;
  readonly mendSql?: string;
  /** Changes after the cure. */
  readonly go: string;
}

const CASES: readonly Case[] = [
  { table: 'no_key', make: 'CREATE TABLE no_key (a int, b text)', cause: 'UPDATE no_key SET b = $$x$$', reason: /^update without an old key: .*no primary key/, mend: 'ALTER TABLE public.no_key REPLICA IDENTITY FULL', go: 'UPDATE no_key SET b = NULL WHERE a = 1; DELETE FROM no_key WHERE a = 2' },
  { table: 'nothing', make: 'CREATE TABLE nothing (a int PRIMARY KEY, b text); ALTER TABLE nothing REPLICA IDENTITY NOTHING', cause: 'DELETE FROM nothing WHERE a = 1', reason: /^delete without an old key: .*replica identity nothing/, mend: 'ALTER TABLE public.nothing REPLICA IDENTITY FULL', go: 'UPDATE nothing SET b = $$y$$' },
  { table: 'deferrable', make: 'CREATE TABLE "deferrable" (a int PRIMARY KEY DEFERRABLE, b text)', cause: 'UPDATE "deferrable" SET b = $$x$$', reason: /its primary key is deferrable/, mend: 'ALTER TABLE public."deferrable" REPLICA IDENTITY FULL', go: 'UPDATE "deferrable" SET a = a + 1' },
  { table: 'index_gone', make: 'CREATE TABLE index_gone (a int NOT NULL, b text); CREATE UNIQUE INDEX index_gone_a ON index_gone (a); ALTER TABLE index_gone REPLICA IDENTITY USING INDEX index_gone_a', cause: 'DROP INDEX index_gone_a; UPDATE index_gone SET b = $$x$$', reason: /^update without an old key: .*the index of its replica identity is gone/, mend: 'ALTER TABLE public.index_gone REPLICA IDENTITY FULL', go: 'UPDATE index_gone SET b = $$y$$' },
  { table: 'no_longer_full', make: 'CREATE TABLE no_longer_full (a int, b text); ALTER TABLE no_longer_full REPLICA IDENTITY FULL', cause: 'ALTER TABLE no_longer_full REPLICA IDENTITY DEFAULT; DELETE FROM no_longer_full WHERE a = 1', reason: /^delete without an old key/, mend: 'ALTER TABLE public.no_longer_full REPLICA IDENTITY FULL', go: 'DELETE FROM no_longer_full WHERE a = 2' },
  { table: 'unprintable', make: "CREATE TYPE vanishing AS ENUM ('here', 'gone'); CREATE TABLE gone AS SELECT 'gone'::vanishing AS v; CREATE TABLE unprintable (a int PRIMARY KEY, b text, c vanishing)", cause: "DELETE FROM pg_enum WHERE enumtypid = 'vanishing'::regtype AND enumlabel = 'gone'; INSERT INTO unprintable SELECT 9, 'x', v FROM gone", reason: /^a row of public\.unprintable cannot be written: invalid internal value for enum/, mend: 'mend the row in public.unprintable', mendSql: "UPDATE unprintable SET c = 'here' WHERE a = 9", go: "UPDATE unprintable SET c = 'here'" },
];

const FOLLOWED = 'CREATE TABLE followed (id serial PRIMARY KEY, v int)';

/** Rows in every table, so that whatever is lost shows. */
function fill(each: Case): string {
  return `INSERT INTO "${each.table}" VALUES (1, 'one'), (2, 'two'), (3, NULL)`;
}

function states(cache: string): Record<string, unknown>[] {
  return query(cache, "SELECT name, state, reason, cure FROM _daystream_tables WHERE state <> 'following' ORDER BY name");
}

test('every reason that puts a table in quarantine on the way through Postgres is reached, and left by its cure, while the other tables stay', async (t) => {
  const path = await Path.start(t);
  await path.server.query(FOLLOWED);
  for (const each of CASES) await path.server.query(`${each.make}; ${fill(each)}`);
  path.deltastream();
  await path.import(['followed', ...CASES.map(({ table }) => table)].join(','));
  const cache = path.cache();
  const mirror = path.mirror(cache);
  for (const each of CASES) await path.server.query(`INSERT INTO followed (v) VALUES (1); ${each.cause}`);
  await path.caughtUp(cache);
  for (const each of CASES) {
    const state = states(cache).find(({ name }) => name === each.table);
    assert.match(String(state?.reason), each.reason, `${each.table}: ${JSON.stringify(state)}`);
    assert.ok(String(state?.cure).endsWith(`deltaimport --table ${each.table} --into ${cache}`), String(state?.cure));
    if (each.mend !== undefined) assert.ok(String(state?.cure).startsWith(`${each.mend}; then `), `${each.table}: ${String(state?.cure)}`);
    const told = mirror.stderr.split('\n').filter((line) => line.includes(`public.${each.table} goes into quarantine`));
    assert.equal(told.length, 1, `${each.table} is told once`);
  }
  assert.equal(await path.compare(cache, ['followed']), CASES.length);

  const busy = runCommand('deltaimport', ['--table', 'no_key', '--into', cache], path.environment);
  assert.equal(busy.status, 1);
  assert.match(busy.stderr, new RegExp(`pid ${mirror.pid} `), 'while the mirror runs, whose cache it is, is told');
  assert.equal(await mirror.stop(), 0);
  for (const each of CASES) if (each.mend !== undefined) await path.server.query(each.mendSql ?? each.mend);
  await path.server.query('INSERT INTO followed (v) VALUES (2)');
  path.run('deltaimport', '--table', CASES.map(({ table }) => table).join(','), '--into', cache);
  assert.deepEqual(query(cache, 'SELECT max(v) AS v FROM followed'), [{ v: 1 }], 'the other tables stay as they were');
  assert.equal(states(cache).filter(({ state }) => state === 'joining').length, CASES.length);
  for (const each of CASES) await path.server.query(`${each.go}; INSERT INTO followed (v) VALUES (3)`);
  path.mirror(cache);
  await path.caughtUp(cache);
  await path.until('the tables to have joined', () => states(cache).length === 0);
  assert.equal(await path.compare(cache, ['followed', ...CASES.map(({ table }) => table)]) > CASES.length * 3, true);
});

test('every reason that a cache, a filter or another deltastream gives is reached, and left by its cure', async (t) => {
  const path = await Path.start(t);
  const cache = path.cache();
  await path.server.query(`
    CREATE TABLE gone (id int PRIMARY KEY, v text); CREATE TABLE there (id int PRIMARY KEY, v text); CREATE TABLE gone_too (id int PRIMARY KEY, v text);
    CREATE TABLE moved (id int PRIMARY KEY, dest text, large text); ALTER TABLE moved ALTER large SET STORAGE EXTERNAL;
    CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
    CREATE TABLE other (id int PRIMARY KEY, v text);
    INSERT INTO gone VALUES (1, 'x'); INSERT INTO gone_too VALUES (1, 'x'); INSERT INTO parted VALUES (1, 'x'); INSERT INTO moved VALUES (1, 'EHAM', repeat('large', 2000))`);
  let stream = path.deltastream();
  await path.import('gone,gone_too,there,parted,other');
  path.run('deltaimport', '--table', 'moved', '--where', "moved: dest = 'KIAH'", '--into', cache);
  const behind = new Database(cache);
  behind.exec("DELETE FROM gone; DELETE FROM gone_too; INSERT INTO there VALUES (1, 'not from Postgres')");
  behind.close();
  let mirror = path.mirror(cache);
  await path.server.query("UPDATE gone SET v = 'y'; DELETE FROM gone_too; INSERT INTO there VALUES (1, 'x'); UPDATE moved SET dest = 'KIAH'");
  const out = () => Object.fromEntries(states(cache).map(({ name, state, reason, cure }) => [name, state === 'quarantined' ? `${reason} — ${cure}` : state]));
  const restart = async (...args: string[]) => {
    assert.equal(await stream.stop(), 0);
    stream = path.deltastream(...args);
    await path.until('deltastream to follow', () => stream.stderr.includes('following slot'));
    await path.server.query("UPDATE other SET v = 'x'");
  };
  const cure = async (...tables: string[]) => {
    assert.equal(await mirror.stop(), 0);
    path.run('deltaimport', '--table', tables.join(','), '--into', cache);
    mirror = path.mirror(cache);
    await path.until('the tables to have joined', () => states(cache).every(({ name }) => !tables.includes(String(name))));
  };
  await path.caughtUp(cache);
  const again = (table: string) => `deltaimport --table ${table} --into ${cache}`;
  assert.deepEqual(out(), {
    gone: `an update found no row: the cache has diverged from Postgres — ${again('gone')}`,
    gone_too: `a delete found no row: the cache has diverged from Postgres — ${again('gone_too')}`,
    there: `an insert met a row that is there already: the cache has diverged from Postgres — ${again('there')}`,
    moved: `a row moved in while a large value of it is unchanged, so the log does not have it — ALTER TABLE "public"."moved" REPLICA IDENTITY FULL; then ${again('moved')}`,
  });
  await path.server.query('ALTER TABLE moved REPLICA IDENTITY FULL');
  await cure('gone', 'gone_too', 'there', 'moved');
  await path.server.query("UPDATE moved SET dest = 'EHAM'; UPDATE moved SET dest = 'KIAH'");

  await restart('--tables', 'gone,gone_too,there,moved,parted,marker');
  await path.until('other to be given up', () => 'other' in out());
  assert.deepEqual(out(), { other: `deltastream follows it no longer: it runs with --tables gone,gone_too,there,moved,parted,marker — start deltastream with this table among its --tables; then ${again('other')}` });
  await restart('--partitions', 'leaf');
  await path.until('parted to be given up', () => 'parted' in out());
  assert.equal(out().parted, `its rows come under the names of its partitions: deltastream runs with --partitions leaf — start deltastream with --partitions root; then ${again('parted')}`);
  await cure('other', 'parted_1');
  await path.server.query("UPDATE parted SET v = 'y'; INSERT INTO other VALUES (9, 'new')");
  await path.caughtUp(cache);
  assert.equal(await path.compare(cache, ['other', 'parted_1']), 2);
  await restart();
  await path.until('parted_1 to be given up', () => 'parted_1' in out());
  assert.equal(out().parted_1, `its rows come under the name of its root: deltastream runs with --partitions root — start deltastream with --partitions leaf; then ${again('parted_1')}`);
  await cure('parted');
  await path.server.query("UPDATE parted SET v = 'z'; INSERT INTO gone VALUES (2, 'x'); DELETE FROM there");
  await path.caughtUp(cache);
  assert.equal(await path.compare(cache, ['gone', 'gone_too', 'there', 'parted', 'other']), 4);
  assert.deepEqual(query(cache, 'SELECT id, dest, length(large) AS bytes FROM moved'), [{ id: 1, dest: 'KIAH', bytes: 10_000 }]);
});

test('a table that comes back beside writers of it and of others is at no time ahead of them without saying so', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const path = await Path.start(t);
  // Every transaction changes both tables by the same amount: their sums are equal at each commit.
  await path.server.query('CREATE TABLE a (id int PRIMARY KEY, v bigint NOT NULL); CREATE TABLE b (id int, v bigint NOT NULL); ALTER TABLE b REPLICA IDENTITY FULL; INSERT INTO a SELECT i, 0 FROM generate_series(1, 50) i; INSERT INTO b SELECT * FROM a');
  path.deltastream();
  const cache = path.cache();
  await path.import('a,b');
  let writing = true;
  const write = async () => {
    const client = await path.client();
    for (; writing;) {
      const id = 1 + random.below(50);
      await client.query(`BEGIN; UPDATE a SET v = v + ${id} WHERE id = ${id}; UPDATE b SET v = v + ${id} WHERE id = ${id}; COMMIT`);
    }
    await client.end();
  };
  const writers = [write(), write()];
  const problems: unknown[] = [];
  let looks = 0;
  const look = () => {
    const [row] = query(cache, "SELECT (SELECT sum(v) FROM a) AS a, (SELECT sum(v) FROM b) AS b, (SELECT state FROM _daystream_tables WHERE name = 'b') AS state");
    if (row.state === 'following' && row.a !== row.b) problems.push(row);
    looks++;
    return row.state;
  };
  for (let round = 0; round < 3; round++) {
    const mirror = path.mirror(cache);
    await path.until('some of the load to be mirrored', () => { look(); return mirror.stderr.includes('caught up') && looks > (round + 1) * 20; });
    assert.equal(await mirror.stop(), 0);
    path.run('deltaimport', '--table', 'b', '--into', cache, '--json');
    assert.equal(look(), 'joining');
  }
  path.mirror(cache);
  await path.until('b to have joined', () => look() === 'following');
  writing = false;
  await Promise.all(writers);
  await path.caughtUp(cache);
  assert.deepEqual(problems, []);
  assert.equal(await path.compare(cache, ['a', 'b']), 100);
});

test('--strict stops at a table that cannot be followed, before the transaction, and does not start while one is out', async (t) => {
  const path = await Path.start(t);
  await path.server.query('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int); INSERT INTO b VALUES (1)');
  path.deltastream();
  await path.import('a,b');
  const cache = path.cache();
  await path.server.query('INSERT INTO a VALUES (1)');
  await path.server.query('INSERT INTO a VALUES (2); DELETE FROM b');
  await until('the deletion to be logged', () => runCommand('daystream', ['cat', path.log]).stdout.includes('quarantine'));
  const strict = runCommand('deltamirror', ['--once', '--strict', cache]);
  assert.equal(strict.status, 1);
  assert.match(strict.stderr, /public\.b: cannot be followed from \d+:\d+ on: delete without an old key: .* — ALTER TABLE public\.b REPLICA IDENTITY FULL; then deltaimport --table b --into .*; or go on without it: leave out --strict\n$/);
  assert.deepEqual(query(cache, 'SELECT id FROM a ORDER BY id'), [{ id: 1 }]);
  assert.deepEqual(states(cache), [], 'nothing is written down');
  const lenient = runCommand('deltamirror', ['--once', '--json', cache]);
  assert.equal(lenient.status, 0);
  assert.equal(JSON.parse(lenient.stdout).quarantined, 1);
  const again = runCommand('deltamirror', ['--once', '--strict', cache]);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /public\.b: cannot be followed/);
});

test('a table can be added to a cache, and its choice and indexes are there when it is made anew, also under another name', async (t) => {
  const path = await Path.start(t);
  await path.server.query("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE \"B\" (id int PRIMARY KEY, dest text, note text); INSERT INTO \"B\" VALUES (1, 'KIAH', 'x'), (2, 'EHAM', 'y'); CREATE INDEX \"B_note\" ON \"B\" (note)");
  path.deltastream();
  await path.import('a');
  const cache = path.cache();
  path.run('deltaimport', '--table', '"B"', '--rename', 'B=b_upper', '--columns', 'B=id,note', '--where', "\"B\": dest = 'KIAH'", '--into', cache);
  path.run('deltaimport', '--table', '"B"', '--into', cache);
  await path.server.query('ALTER TABLE "B" RENAME TO "C"');
  path.run('deltaimport', '--table', '"C"', '--into', cache);
  await path.server.query('ALTER TABLE "C" RENAME TO "B"');
  path.run('deltaimport', '--table', '"B"', '--into', cache);
  assert.deepEqual(query(cache, "SELECT name FROM sqlite_schema WHERE tbl_name = 'b_upper' ORDER BY name"), [{ name: 'B_note' }, { name: 'b_upper' }]);
  const mirror = path.mirror(cache);
  await path.server.query("UPDATE \"B\" SET dest = 'KIAH', note = 'z' WHERE id = 2; UPDATE \"B\" SET dest = NULL WHERE id = 1; INSERT INTO a VALUES (5)");
  await path.caughtUp(cache);
  assert.deepEqual(query(cache, 'SELECT * FROM b_upper'), [{ id: 2, note: 'z' }]);
  assert.deepEqual(query(cache, 'SELECT * FROM a'), [{ id: 5 }]);
  await mirror.stop();
  path.run('deltaimport', '--table', '"B"', '--columns', 'B=*', '--where', 'B: *', '--into', cache);
  assert.deepEqual(query(cache, 'SELECT * FROM b_upper ORDER BY id'), [{ id: 1, dest: null, note: 'x' }, { id: 2, dest: 'KIAH', note: 'z' }]);
});

test('of two tables that swap their names in Postgres, neither is imported without the other, and both follow on', async (t) => {
  const path = await Path.start(t);
  const cache = path.cache();
  await path.server.query('CREATE TABLE a (id int); CREATE TABLE b (id int); ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL; INSERT INTO a VALUES (1); INSERT INTO b VALUES (2)');
  path.deltastream();
  await path.import('a,b');
  await path.server.query('ALTER TABLE a RENAME TO x; ALTER TABLE b RENAME TO a; ALTER TABLE x RENAME TO b');
  const { status, stderr } = runCommand('deltaimport', ['--table', 'a', '--into', cache], path.environment);
  assert.equal(status, 1);
  assert.equal(stderr, `deltaimport: ${cache}: public.a is another table in Postgres now, and the one that the cache has is public.b — import them together: deltaimport --table a,b --into ${cache}\n`);
  path.run('deltaimport', '--table', 'a,b', '--into', cache);
  assert.deepEqual(query(cache, 'SELECT name, state FROM _daystream_tables ORDER BY name'), [{ name: 'a', state: 'joining' }, { name: 'b', state: 'joining' }, { name: 'marker', state: 'following' }]);
  path.mirror(cache);
  await path.server.query('UPDATE a SET id = 20; UPDATE b SET id = 10');
  await path.caughtUp(cache);
  await path.until('both to have joined', () => query(cache, "SELECT name FROM _daystream_tables WHERE state = 'following'").length === 3);
  assert.equal(await path.compare(cache, ['a', 'b']), 2);
});
