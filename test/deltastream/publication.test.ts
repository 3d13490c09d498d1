/** The publication of a slot of pgoutput, on a whole path: made, kept in step, and what is not in it known to readers. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readAll } from '../support/log.js';
import { Path, runCommand, until, type Daemon } from '../support/path.js';
import { settled, unsettled } from '../support/settled.js';

const DETECTIONS = ['triggers', 'polling'] as const;

async function members(path: Path): Promise<string[]> {
  const rows = await path.server.query<{ name: string }>("select tablename::text as name from pg_publication_tables where pubname = 'test' order by 1");
  return rows.map(({ name }) => name);
}

interface Mirrored { readonly path: Path; readonly stream: Daemon }

/** A path by pgoutput on which everything is mirrored; nothing is copied at its beginning. */
async function mirrored(t: TestContext, sql: string, detection: typeof DETECTIONS[number] = 'polling', ...more: string[]): Promise<Mirrored> {
  const path = await Path.start(t);
  await path.server.query(sql);
  if (detection === 'triggers') path.run('deltastream', 'setup');
  const stream = path.deltastream('--plugin', 'pgoutput', '--schema-interval', '200ms', ...more);
  await until('the log to begin', () => path.hasBegun);
  await path.import('*.*');
  path.mirror();
  await path.caughtUp(path.cache());
  return { path, stream };
}

async function requireEqual(path: Path, ...tables: string[]): Promise<void> {
  await settled(path, [path.cache()], ['public']);
  await path.compare(path.cache(), tables);
}

/** Waits until the table is in quarantine, and gives why. */
async function quarantineOf(path: Path, name: string): Promise<string> {
  const reason = () => unsettled(path.cache()).find((table) => table.name === name && table.state === 'quarantined')?.reason;
  await path.until(`${name} to be in quarantine`, () => reason() !== undefined);
  return reason()!;
}

async function copiesIn(path: Path): Promise<number> {
  return (await readAll(path.log)).filter((unit) => unit.kind === 'copy').length;
}

test('the slot is made with its publication, of what can be published, and the open line names both', async (t) => {
  const { path, stream } = await mirrored(t, 'create table a (id int primary key, v text); create schema apart; create table apart.bare (v text); create table whole (v text); alter table whole replica identity full');
  assert.deepEqual(await members(path), ['a', 'marker', 'whole']);
  assert.match(stream.stderr, /plugin pgoutput: as --plugin says\n[^\n]*made publication "test"\n[^\n]*made slot "test"; when it is no longer wanted: deltastream drop --slot test\n/);
  assert.match(stream.stderr, /table apart\.bare: is not in the log: it has no replica identity, so pgoutput cannot send its updates and deletes — ALTER TABLE apart\.bare ADD PRIMARY KEY \(…\); or ALTER TABLE apart\.bare REPLICA IDENTITY FULL;\n/);
  const { stdout } = path.run('daystream', 'cat', path.log);
  assert.match(stdout, /\t_slot\ttest\t_plugin\tpgoutput\t_publication\ttest\t_database\tpostgres\t/);
  await path.server.query("insert into apart.bare values ('x'); update apart.bare set v = 'y'; insert into a values (1, 'x'); insert into whole values ('x'), ('x'); delete from whole");
  await requireEqual(path, 'public.a', 'public.whole');
});

for (const detection of DETECTIONS) {
  test(`a table that is made joins the publication, and no row is missed (${detection})`, async (t) => {
    const { path } = await mirrored(t, 'create table a (id int primary key)', detection);
    await path.server.query('create table b (id int primary key, v text)');
    await path.server.query('insert into b select n, n::text from generate_series(1, 100) n; delete from b where id = 7');
    await requireEqual(path, 'public.b');
    assert.deepEqual(await members(path), ['a', 'b', 'marker']);
    if (detection === 'triggers') assert.equal(await copiesIn(path), 0);
  });

  test(`a table that loses its replica identity is in quarantine, and the application goes on; with another one it is mirrored again (${detection})`, async (t) => {
    const { path } = await mirrored(t, "create table a (id int primary key, v text); insert into a values (1, 'x'), (2, 'y')", detection);
    await path.server.query('alter table a drop constraint a_pkey');
    if (detection === 'polling') await until('a to have left', async () => !(await members(path)).includes('a'));
    await path.server.query("update a set v = 'z' where id = 1");
    assert.match(await quarantineOf(path, 'a'), /it has no replica identity/);
    await path.server.query('alter table a replica identity full');
    await path.server.query("update a set v = 'w' where id = 1");
    await requireEqual(path, 'public.a');
  });
}

test('with event triggers one transaction may take the key and update the rows', async (t) => {
  const { path } = await mirrored(t, "create table a (id int primary key, v text); insert into a values (1, 'x')", 'triggers');
  await path.server.query("begin; alter table a drop constraint a_pkey; update a set v = 'y'; commit");
  await quarantineOf(path, 'a');
  await path.server.query("begin; insert into a values (2, 'z'); alter table a add primary key (id); update a set v = 'q' where id = 2; commit");
  await requireEqual(path, 'public.a');
});

test('tables add: a table joins when no transaction writes it, with all that was written', async (t) => {
  const { path, stream } = await mirrored(t, "create table a (id int primary key); create table b (id int primary key, v text); insert into b values (1, 'x')", 'polling', '--tables', 'a,marker');
  const writer = await path.client();
  t.after(() => writer.end());
  await writer.query("begin; insert into b values (2, 'early'); update b set v = 'early' where id = 1");
  path.run('deltastream', 'tables', 'add', 'b', '--out', path.log);
  await path.until('b to wait', () => stream.stderr.includes('table public.b: joins the publication "test" when no transaction writes it'));
  assert.deepEqual(await members(path), ['a', 'marker']);
  await writer.query('commit');
  await path.until('b to join', () => stream.stderr.includes('table public.b: has joined'));
  await path.server.query("insert into b values (3, 'late'); update b set v = 'late' where id = 2");
  await requireEqual(path, 'public.b');
  path.run('deltastream', 'tables', 'remove', 'b', '--out', path.log);
  await until('b to leave', async () => !(await members(path)).includes('b'));
});

test('what somebody else does to the publication is found, undone and copied', async (t) => {
  const { path, stream } = await mirrored(t, "create table a (id int primary key, v text); insert into a values (1, 'x'); create table b (id int primary key, v text); insert into b values (1, 'x')");
  await settled(path, [path.cache()]);
  await path.server.query("begin; alter publication test drop table a; update a set v = 'missed'; alter publication test add table a; commit");
  await requireEqual(path, 'public.a', 'public.b');
  await path.server.query("begin; alter publication test drop table b; update b set v = 'missed'; commit");
  await until('b to be back', async () => (await members(path)).includes('b'));
  await requireEqual(path, 'public.a', 'public.b');
  await path.server.query("begin; alter publication test set (publish = 'insert'); update a set v = 'missed too'; delete from b; commit");
  await path.until('it to be set', () => stream.stderr.includes('did not send all kinds of changes; it does again'));
  await requireEqual(path, 'public.a', 'public.b');
});

for (const detection of DETECTIONS) {
  test(`what a publication left out is copied, though it was set back before anybody looked (${detection})`, async (t) => {
    const { path, stream } = await mirrored(t, "create table a (id int primary key, v text); insert into a values (1, 'x'), (2, 'x')", detection);
    await settled(path, [path.cache()]);
    await until('the state of the publication to be kept', () => readFileSync(join(path.log, '.catalog.json'), 'utf8').includes('"writer"'));
    await stream.stop();
    for (const sql of ["alter publication test set (publish = 'insert')", "update a set v = 'missed' where id = 1", 'delete from a where id = 2', "alter publication test set (publish = 'insert, update, delete, truncate')"]) await path.server.query(sql);
    const copies = await copiesIn(path);
    stream.start();
    await until('it to be copied', async () => await copiesIn(path) > copies);
    await requireEqual(path, 'public.a');
  });
}

test('event triggers that somebody switches off do not hide what he does to the publication', async (t) => {
  const { path } = await mirrored(t, "create table a (id int primary key, v text); insert into a values (1, 'x')", 'triggers');
  await settled(path, [path.cache()]);
  const copies = await copiesIn(path);
  await path.server.query("set deltastream.publishing = 'on'; begin; alter publication test drop table a; update a set v = 'missed'; alter publication test add table a; commit");
  await until('it to be copied', async () => await copiesIn(path) > copies);
  await requireEqual(path, 'public.a');
});

test('where another role\'s publication does not send all, its tables are in quarantine until it does', async (t) => {
  const path = await Path.start(t);
  await path.server.query("create role app login replication; grant pg_read_all_data to app; create table a (id int primary key, v text); insert into a values (1, 'x')");
  path.run('deltastream', 'setup', '--slot', 'test', '--plugin', 'pgoutput');
  const stream = path.daemon('deltastream', '--pg', path.server.url('postgres', 'app'), '--slot', 'test', '--create-slot', '--out', path.log, '--plugin', 'pgoutput', '--schema-interval', '200ms');
  await until('the log to begin', () => path.hasBegun);
  await path.import('*');
  path.mirror();
  await settled(path, [path.cache()]);
  await until('the state of the publication to be kept', () => readFileSync(join(path.log, '.catalog.json'), 'utf8').includes('"writer"'));
  await path.server.query("alter publication test set (publish = 'insert')");
  await path.server.query("update a set v = 'missed'");
  assert.match(await quarantineOf(path, 'a'), /the publication test does not send all kinds of changes/);
  await path.until('it to be said', () => /as role "postgres": ALTER PUBLICATION "test" SET \(publish = /.test(stream.stderr));
  await path.server.query("alter publication test set (publish = 'insert, update, delete, truncate')");
  await requireEqual(path, 'public.a');
});

test('a row filter is left as it is, and its table is in quarantine until it is gone', async (t) => {
  const { path } = await mirrored(t, "create table a (id int primary key, v text); insert into a values (1, 'x')");
  await settled(path, [path.cache()]);
  await path.server.query("alter publication test drop table a, add table a where (id > 1)".replace(', add', '; alter publication test add'));
  assert.match(await quarantineOf(path, 'a'), /the publication test has a row filter for it/);
  await path.server.query('insert into a values (0, null)');
  await path.server.query('alter publication test drop table a');
  await requireEqual(path, 'public.a');
});

test('a root joins by its own name when all partitions carry its key, and leaves when one does not', async (t) => {
  const { path } = await mirrored(t, `
    create table r (id int, k int, primary key (id)) partition by range (id);
    create table r1 partition of r for values from (0) to (10); create table r2 partition of r for values from (10) to (20);
    insert into r values (1, 1), (11, 11)`);
  assert.deepEqual(await members(path), ['marker', 'r']);
  await path.server.query('update r set id = 12 where id = 1; update r set k = k + 1');
  await requireEqual(path, 'public.r');
  await path.server.query('alter table r1 replica identity nothing');
  assert.match(await quarantineOf(path, 'r'), /its partition public\.r1 has no replica identity/);
  await path.server.query('update r set k = k + 1; alter table r1 replica identity default');
  await requireEqual(path, 'public.r');
});

test('where partitions go by their own names each stands in the publication', async (t) => {
  const { path } = await mirrored(t, `
    create table r (id int, k int, primary key (id)) partition by range (id);
    create table r1 partition of r for values from (0) to (10); insert into r values (1, 1)`, 'triggers', '--partitions', 'leaf');
  await path.server.query('create table r2 partition of r for values from (10) to (20)');
  await path.server.query('update r set id = 12 where id = 1; update r set k = k + 1');
  await requireEqual(path, 'public.r1', 'public.r2');
  assert.deepEqual(await members(path), ['marker', 'r1', 'r2']);
});

test('deltaimport refuses a table that is not in the log by its name, and passes over it by a pattern', async (t) => {
  const { path } = await mirrored(t, 'create table a (id int primary key); create table bare (v text)');
  const env = path.environment;
  const named = runCommand('deltaimport', ['--tables', 'a,bare', '--source', path.log, path.cache('named.db')], env);
  assert.equal(named.status, 1);
  assert.match(named.stderr, /^deltaimport: [^\n]*: table public\.bare is not in the log: it has no replica identity, so pgoutput cannot send its updates and deletes — ALTER TABLE public\.bare ADD PRIMARY KEY [^\n]*\n$/);
  const all = runCommand('deltaimport', ['--tables', '*', '--source', path.log, path.cache('all.db')], env);
  assert.equal(all.status, 0, all.stderr);
  assert.match(all.stdout + all.stderr, /public\.bare is not in the log: it has no replica identity, [^\n]* — ALTER TABLE public\.bare/);
  await path.compare(path.cache('all.db'), ['public.a']);
});

test('a role that owns the tables needs no more; of another role\'s tables it says who may add them, and takes them when that is done', async (t) => {
  const path = await Path.start(t);
  await path.server.query(`
    create role app login replication; grant create on database postgres to app; create role boss login;
    alter table marker owner to app; create table a (id int primary key); alter table a owner to app;
    create table b (id int primary key); alter table b owner to boss; grant select on b to app; insert into b values (1)`);
  const stream = path.daemon('deltastream', '--pg', path.server.url('postgres', 'app'), '--slot', 'test', '--create-slot', '--out', path.log, '--plugin', 'pgoutput', '--schema-interval', '200ms');
  await until('the log to begin', () => path.hasBegun);
  await path.import('*');
  path.mirror();
  await path.until('it to be said of b', () => /table public\.b: is not in the log: role "app" may not add it to the publication "test" — as role "boss": BEGIN; LOCK TABLE/.test(stream.stderr));
  assert.match(await quarantineOf(path, 'b'), /it is not in the publication test/);
  await path.server.query('grant boss to app');
  await path.server.query('insert into b values (2)');
  await requireEqual(path, 'public.a', 'public.b');
});

test('tables that join and leave beside writers lose no row', async (t) => {
  const { path } = await mirrored(t, 'create table a (id serial primary key, v int); create table b (id serial primary key, v int)');
  let isOver = false;
  const writing = ['a', 'b', 'a', 'b'].map(async (table, i) => {
    const client = await path.client();
    for (let n = 0; !isOver; n++) {
      await client.query(`begin; insert into ${table} (v) select ${n} from generate_series(1, 3)`);
      await client.query(`update ${table} set v = v + 1 where id % 7 = ${i}`).catch(() => client.query('rollback')); // its key was just taken
      await client.query(n % 5 === 0 ? 'rollback' : 'commit');
    }
    await client.end();
  });
  for (let round = 0; round < 4; round++) {
    const table = ['a', 'b'][round % 2];
    await path.server.query(`alter publication test drop table ${table}`);
    await until(`${table} to be back`, async () => (await members(path)).includes(table));
    await path.server.query(`alter table ${table} drop constraint ${table}_pkey`);
    await until(`${table} to have left`, async () => !(await members(path)).includes(table));
    await path.server.query(`alter table ${table} add primary key (id)`);
    await until(`${table} to be back`, async () => (await members(path)).includes(table));
  }
  isOver = true;
  await Promise.all(writing);
  await requireEqual(path, 'public.a', 'public.b');
});

test('a publication that is dropped and made again has lost changes, where the server goes on without: all its tables are copied', async (t) => {
  const path = await Path.start(t, { version: 18 });
  await path.server.query("create table a (id int primary key, v text); insert into a values (1, 'x')");
  path.run('deltastream', 'setup');
  path.deltastream('--plugin', 'pgoutput', '--schema-interval', '200ms');
  await until('the log to begin', () => path.hasBegun);
  await path.import('*.*');
  path.mirror();
  await settled(path, [path.cache()]);
  await until('the state of the publication to be kept', () => existsSync(join(path.log, '.catalog.json')));
  const [{ comment }] = await path.server.query<{ comment: string }>("select obj_description(oid, 'pg_publication') as comment from pg_publication");
  await path.server.query(`begin; drop publication test; update a set v = 'missed'; create publication test for table a, marker with (publish_via_partition_root = true); comment on publication test is '${comment}'; commit`);
  await requireEqual(path, 'public.a');
});
