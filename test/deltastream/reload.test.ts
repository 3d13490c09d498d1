import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import type { Copy, Single } from '../../src/daystream/unit.js';
import { CopySource } from '../../src/postgres/copy-source.js';
import { temporaryFolder } from '../support/folder.js';
import { readAll } from '../support/log.js';
import { copied } from '../support/replay.js';
import { Random } from '../support/random.js';
import { follow, insertedIds, Running, runToEnd } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

/** A table with rows, a slot of the same name, and a deltastream that follows it. */
async function followed(t: TestContext, name: string, rows: number, ...more: string[]): Promise<{ out: string; running: Running }> {
  await server.query(`create table ${name} (id int primary key, note text)`);
  await server.query(`insert into ${name} select i, repeat('x', i % 200) from generate_series(1, ${rows}) i`);
  await server.query(`select pg_create_logical_replication_slot('${name}', 'deltastream')`);
  const out = temporaryFolder(t);
  return { out, running: await follow(t, server, name, out, '--tables', name, ...more) };
}

async function askFor(...tables: string[]): Promise<void> {
  for (const table of tables) {
    const { code, stderr } = await runToEnd('reload', table, '--pg', server.url());
    assert.equal(code, 0, stderr);
  }
}

async function copies(out: string): Promise<Copy[]> {
  return (await readAll(out)).filter((unit): unit is Copy => unit.kind === 'copy');
}

/** The newest whole copy, and what came behind it; `deltastream` says that it is whole a moment before it can be read. */
async function copiedRows(out: string, table: string, rows: number): Promise<ReadonlyMap<string, string>> {
  return (await until(`a copy of ${table} is in the log`, async () => {
    const found = await copied(out, table);
    return found?.rows.size === rows && found;
  })).rows;
}

async function rowsOf(table: string): Promise<Map<string, string>> {
  const rows = await server.query<{ id: number; note: string | null }>(`select id, note from ${table}`);
  return new Map(rows.map(({ id, note }) => [String(id), `${id}|${note ?? '\\N'}`]));
}

/** Waits until the log has what was written until now. */
async function caughtUp(out: string, table: string): Promise<void> {
  await server.query(`insert into ${table} values (0, 'end')`);
  await until('the log has the last row', async () => (await insertedIds(out, table)).includes(0));
}

async function requireEqual(out: string, table: string): Promise<void> {
  await caughtUp(out, table);
  const log = await copied(out, table);
  const expected = await rowsOf(table);
  assert.deepEqual(log?.rows.size, expected.size);
  assert.deepEqual(log?.rows, expected);
}

test('a reload under writes: the copy and what was changed meanwhile are what Postgres holds', async (t) => {
  const { out, running } = await followed(t, 'under_writes', 60_000);
  const client = await server.client();
  t.after(() => client.end());
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  await askFor('under_writes');
  let next = 100_000;
  while (!/copy of under_writes: [\d,]+ rows/.test(running.stderr)) {
    const id = 1 + random.below(60_000);
    await client.query(random.pick([`update under_writes set note = 'u${next}' where id = ${id}`, `delete from under_writes where id = ${id}`, `insert into under_writes values (${next++}, null)`, `update under_writes set id = ${next++} where id = ${id}`]));
  }
  await requireEqual(out, 'under_writes');
  const [first, ...others] = await copies(out);
  assert.ok(first.part === 0 && first.snapshot !== undefined && others.length > 3 && others.at(-1)!.isLast);
  assert.equal(others.reduce((sum, { rows }) => sum + rows, 0) > 55_000, true);
});

test('killed in the middle of a copy, the next run begins it anew and ends it', async (t) => {
  const { out, running } = await followed(t, 'killed_amid', 200_000);
  await askFor('killed_amid');
  await until('a part is in the log', async () => (await copies(out)).some(({ part }) => part > 0));
  await running.kill('SIGKILL');
  const [{ id }, ...before] = await copies(out);
  assert.ok(before.every(({ isLast }) => !isLast), 'the copy was killed in the middle');
  await server.query('update killed_amid set note = null where id % 1000 = 0');
  const again = await follow(t, server, 'killed_amid', out, '--tables', 'killed_amid');
  await again.says(/copy of killed_amid: 200,000 rows/);
  await requireEqual(out, 'killed_amid');
  assert.deepEqual([...new Set((await copies(out)).map((copy) => copy.id))].length, 2);
  assert.notEqual((await copies(out)).at(-1)!.id, id);
  assert.equal(await again.kill('SIGTERM'), 0, again.stderr);
});

test('a stop in the middle of a copy is prompt and in good order, and what is due is known to the next run', async (t) => {
  const { out, running } = await followed(t, 'stopped_amid', 200_000);
  await askFor('stopped_amid');
  await until('a part is in the log', async () => (await copies(out)).some(({ part }) => part > 0));
  assert.equal(await running.kill('SIGTERM'), 0, running.stderr);
  assert.ok((await copies(out)).every(({ isLast }) => !isLast));
  await (await follow(t, server, 'stopped_amid', out, '--tables', 'stopped_amid')).says(/copy of stopped_amid: 200,000 rows/);
  await requireEqual(out, 'stopped_amid');
});

test('a copy whose connection is lost, or whose server stops, begins anew', async (t) => {
  const own = await Server.start();
  t.after(() => own.stop());
  await own.query('create table t (id int primary key, note text)');
  await own.query("insert into t select i, repeat('x', 100) from generate_series(1, 200000) i");
  const out = temporaryFolder(t);
  const running = await follow(t, own, 'fleet', out, '--create-slot');
  await own.query("select pg_logical_emit_message(true, 'deltastream', 'reload ' || 't'::regclass::oid)");
  const COPYING = "pg_stat_activity where query like 'COPY %' and state = 'active'";
  await until('the copy is killed', async () => (await own.query(`select pg_terminate_backend(pid) from ${COPYING}`)).length === 1);
  await running.says(/copy of a table: (terminating|Connection terminated).*; trying again/);
  await until('the rows are read again', async () => (await own.query(`select from ${COPYING}`)).length === 1);
  await own.halt('immediate');
  await own.launch();
  await running.says(/copy of t: 200,000 rows/);
  await copiedRows(out, 't', 200_000);
  const all = await copies(out);
  assert.equal(new Set(all.map(({ id }) => id)).size, 3);
  assert.equal(all.filter(({ isLast }) => isLast).length, 1);
});

test('a table that somebody has locked is waited for, with one word about whom, and nothing else waits', async (t) => {
  const { out, running } = await followed(t, 'held', 10);
  const holder = await server.client();
  t.after(() => holder.end());
  await holder.query('begin');
  await holder.query('lock table held in access exclusive mode');
  await server.query("select pg_logical_emit_message(true, 'deltastream', 'reload ' || 'held'::regclass::oid)");
  await running.says(/table public\.held is locked by process \d+ of postgres .*; trying again/);
  await holder.query('insert into held values (11, null)');
  await holder.query('commit');
  await running.says(/copy of held: 11 rows/);
  assert.equal(running.stderr.match(/is locked by/g)?.length, 1, running.stderr);
  await requireEqual(out, 'held');
});

test('a partition that somebody has locked is waited for too', async (t) => {
  await server.query('create table held_root (id int primary key, note text) partition by range (id)');
  await server.query('create table held_leaf partition of held_root for values from (0) to (100)');
  await server.query("insert into held_root values (1, 'a')");
  await server.query("select pg_create_logical_replication_slot('held_root', 'deltastream')");
  const out = temporaryFolder(t);
  const running = await follow(t, server, 'held_root', out, '--tables', 'held_root');
  const holder = await server.client();
  t.after(() => holder.end());
  await holder.query('begin');
  await holder.query('alter table held_leaf alter note set default 1');
  await server.query("select pg_logical_emit_message(true, 'deltastream', 'reload ' || 'held_root'::regclass::oid)");
  await running.says(/table public\.held_root is locked by process \d+ of postgres .*; trying again/);
  await holder.query('rollback');
  await running.says(/copy of held_root: 1 row,/);
  await copiedRows(out, 'held_root', 1);
});

test('a table whose index is built anew is waited for, not refused', async (t) => {
  const { out, running } = await followed(t, 'reindexed', 10);
  const holder = await server.client();
  t.after(() => holder.end());
  await holder.query('begin');
  await holder.query('reindex index reindexed_pkey');
  await server.query("select pg_logical_emit_message(true, 'deltastream', 'reload ' || 'reindexed'::regclass::oid)");
  await running.says(/table public\.reindexed is locked by process \d+ of postgres .*; trying again/);
  await holder.query('commit');
  await running.says(/copy of reindexed: 10 rows/);
  assert.doesNotMatch(running.stderr, /refused/);
  await requireEqual(out, 'reindexed');
});

test('what a copy does to have the WAL durable waits for no standby', async (t) => {
  const own = await Server.start({ plugin: false, settings: { synchronous_commit: 'on' } });
  t.after(() => own.stop());
  const source = await CopySource.open(own.url(), 'test');
  t.after(() => source.close());
  await own.query("alter system set synchronous_standby_names = 'ghost'");
  await own.query('select pg_reload_conf()');
  const waiting = await own.client();
  t.after(() => waiting.end());
  const waits = async () => (await own.query("select from pg_stat_activity where wait_event = 'SyncRep'")).length;
  waiting.query("select pg_logical_emit_message(true, 'test', '')").catch(() => {}); // it ends with the server
  await until('commits wait for the standby', async () => await waits() === 1);
  const flushed = source.flushWal().then(() => 'flushed', () => 'failed');
  assert.equal(await Promise.race([flushed, until('it waits too', async () => await waits() === 2 && 'waits')]), 'flushed');
});

test('a copy gives way to a schema change that waits for it, and comes after it', async (t) => {
  const { out, running } = await followed(t, 'given_way', 250_000);
  await askFor('given_way');
  await until('a part is in the log', async () => (await copies(out)).some(({ part }) => part > 0));
  await server.query("alter table given_way alter note type varchar using 'new'");
  const [{ id }] = await copies(out);
  assert.ok((await copies(out)).every((copy) => copy.id !== id || !copy.isLast), 'the first copy did not end');
  await running.says(/copy of given_way: 250,000 rows/);
  await requireEqual(out, 'given_way');
  assert.deepEqual(new Set((await copied(out, 'given_way'))!.rows.values()).size, 250_001);
});

test('a table larger than --reload-limit is refused in one unit, and no longer due', async (t) => {
  const { out, running } = await followed(t, 'too_large', 5000, '--reload-limit', '100kB');
  await askFor('too_large');
  await running.says(/copy of too_large: refused: it is larger than --reload-limit: [\d.]+ kB of 100\.0 kB/);
  const [only, ...others] = await until('it is in the log', async () => {
    const all = await copies(out);
    return all.length > 0 && all;
  });
  assert.equal(others.length, 0);
  assert.deepEqual([only.part, only.isLast, only.snapshot, only.rows], [0, true, undefined, 0]);
  assert.match(only.body!.toString(), /\t_table\ttoo_large\t_action\tquarantine\t_oid\t\d+\t_reason\tit is larger .*\t_cure\t\n$/);
  await running.kill('SIGTERM');
  await (await follow(t, server, 'too_large', out, '--tables', 'too_large')).kill('SIGTERM');
  assert.equal((await copies(out)).length, 1);
});

test('a table whose values are compressed to less than --reload-limit, and are far more, is refused', async (t) => {
  const { out, running } = await followed(t, 'compressed', 10, '--reload-limit', '1MB');
  await server.query("insert into compressed select i, repeat('x', 100000) from generate_series(11, 100) i");
  await askFor('compressed');
  await running.says(/copy of compressed: refused: it is larger than --reload-limit: its rows are more than 4\.0 MB of text, 4 times 1\.0 MB/);
  const { rows, snapshot } = await until('the refusal is in the log', async () => (await copies(out)).find(({ isLast }) => isLast));
  assert.deepEqual([rows, snapshot], [0, undefined]);
  await server.query('delete from compressed where id > 20');
  await askFor('compressed');
  await running.says(/copy of compressed: 20 rows/);
  await requireEqual(out, 'compressed');
});

test('a table that the role may not read, or only in part, is refused with what to type, and copied when that is done', async (t) => {
  await server.query('create role reader login replication');
  await server.query('create table "Guarded" (id int primary key, note text)');
  await server.query("insert into \"Guarded\" values (1, 'a'), (2, 'b')");
  await server.query("select pg_create_logical_replication_slot('guarded', 'deltastream')");
  const out = temporaryFolder(t);
  const running = new Running(['--pg', server.url('postgres', 'reader'), '--slot', 'guarded', '--out', out, '--tables', '"Guarded",guarded_end']);
  t.after(() => running.kill('SIGKILL'));
  await running.says(/following slot/);
  await askFor('"Guarded"');
  await running.says(/copy of "Guarded": refused: role reader may not read it — GRANT USAGE ON SCHEMA public TO reader; GRANT SELECT ON public\."Guarded" TO reader; then deltastream reload '"Guarded"'\n/);
  await server.query('grant select on "Guarded" to reader');
  await server.query('alter table "Guarded" enable row level security');
  await askFor('"Guarded"');
  await running.says(/row level security hides rows of it from role reader — ALTER ROLE reader BYPASSRLS/);
  await server.query('alter role reader bypassrls');
  await askFor('"Guarded"');
  await running.says(/copy of "Guarded": 2 rows/);
  assert.deepEqual(await copiedRows(out, 'Guarded', 2), new Map([['1', '1|a'], ['2', '2|b']]));
});

test('a table whose rows are not text is refused, and what was copied of it is passed over', async (t) => {
  const own = await Server.start({ initdb: ['--encoding=SQL_ASCII', '--locale=C'] });
  t.after(() => own.stop());
  await own.query('create table t (id int primary key, note text)');
  await own.query("insert into t select i, repeat('x', 100) from generate_series(1, 30000) i");
  await own.query("insert into t values (30001, convert_from('\\xff', 'SQL_ASCII'))");
  const out = temporaryFolder(t);
  const running = await follow(t, own, 'fleet', out, '--create-slot');
  await own.query("select pg_logical_emit_message(true, 'deltastream', 'reload ' || 't'::regclass::oid)");
  await running.says(/copy of t: refused: its rows cannot be copied: invalid byte sequence for encoding "UTF8": 0xff — mend that in Postgres, then deltastream reload t/);
  const refused = await until('the refusal is in the log', async () => (await copies(out)).find(({ isLast }) => isLast));
  assert.deepEqual([refused.part, refused.rows, refused.snapshot], [0, 0, undefined]);
  await own.query('update t set note = null where id = 30001');
  await own.query("select pg_logical_emit_message(true, 'deltastream', 'reload ' || 't'::regclass::oid)");
  await running.says(/copy of t: 30,001 rows/);
  await copiedRows(out, 't', 30_001);
});

test('tables that are due together are copied one after another; one that is needed while its copy is under way is copied once more', async (t) => {
  await server.query('create table together_b (id int primary key, note text)');
  await server.query('insert into together_b select i, null from generate_series(1, 100) i');
  const { out, running } = await followed(t, 'together', 100_000, '--tables', 'together,together_b');
  await askFor('together', 'together_b');
  await until('a part is in the log', async () => (await copies(out)).some(({ part }) => part > 0));
  await askFor('together');
  await until('all three are copied', () => running.stderr.match(/copy of together\w*: [\d,]+ rows/g)?.length === 3);
  await requireEqual(out, 'together');
  const units = await copies(out);
  const begins = units.flatMap(({ part }, at) => (part === 0 ? [at] : []));
  assert.equal(begins.length, 3);
  for (const at of begins.slice(1)) assert.ok(units[at - 1].isLast, 'no two copies at once');
  await copiedRows(out, 'together_b', 100);
});

test('a table that is offered is copied for those who lack it, unless all need it', async (t) => {
  const { out, running } = await followed(t, 'offered', 3);
  const tell = (word: string) => server.query(`select pg_logical_emit_message(true, 'deltastream', '${word} ' || 'offered'::regclass::oid)`);
  const client = await server.client();
  t.after(() => client.end());
  await tell('offer');
  await running.says(/copy of offered: 3 rows/);
  await client.query('begin');
  await client.query('lock table offered in access exclusive mode');
  await tell('offer');
  await running.says(/offered is locked by/);
  await tell('reload');
  await until('the log says that all need it', async () => (await readAll(out)).some((unit) => unit.kind === 'transaction' && unit.reload.length > 0));
  await client.query('commit');
  await until('it is copied again', () => running.stderr.match(/copy of offered: 3 rows/g)?.length === 2);
  await requireEqual(out, 'offered');
  assert.deepEqual((await copies(out)).filter(({ part }) => part === 0).map(({ to }) => to), ['missing', undefined]);
});

test('no part is written while a transaction in the log is not visible', async (t) => {
  const own = await Server.start({ settings: { synchronous_standby_names: 'ghost', synchronous_commit: 'local' } });
  t.after(() => own.stop());
  await own.query('create table t (id int primary key, note text)');
  await own.query("insert into t values (1, 'before')");
  const out = temporaryFolder(t);
  const running = await follow(t, own, 'fleet', out, '--create-slot');
  const waiting = await own.client();
  t.after(() => waiting.end());
  await waiting.query('set synchronous_commit = on');
  const commit = waiting.query("insert into t values (2, 'committed')");
  await until('the row is in the log', async () => (await insertedIds(out, 't')).includes(2));
  await own.query("select pg_logical_emit_message(true, 'deltastream', 'reload ' || 't'::regclass::oid)");
  const horizons = async () => (await readAll(out)).filter(({ kind }) => kind === 'horizon').length;
  const seen = await horizons();
  await until('horizons were tried', async () => await horizons() > seen + 3);
  assert.deepEqual(await copies(out), []);
  await own.query("alter system set synchronous_standby_names = ''");
  await own.query('select pg_reload_conf()');
  await commit;
  await running.says(/copy of t: 2 rows/);
  assert.deepEqual(await copiedRows(out, 't', 2), new Map([['1', '1|before'], ['2', '2|committed']]));
});

test('a copy that is due when the log lost its end to a power loss begins behind what was lost', async (t) => {
  const own = await Server.start({ settings: { synchronous_standby_names: 'ghost', synchronous_commit: 'local' } });
  t.after(() => own.stop());
  await own.query('create table t (id int primary key, note text); create table other (id int)');
  await own.query("insert into t values (1, 'before')");
  const out = temporaryFolder(t);
  const running = await follow(t, own, 'powerless', out, '--create-slot', '--tables', 't', '--fsync-interval', '1h');
  await own.query("select pg_logical_emit_message(true, 'deltastream', 'reload ' || 't'::regclass::oid)");
  await running.says(/copy of t: 1 row/);
  await own.query('insert into other select generate_series(1, 300000)'); // so that what is sent again takes its time
  const waiting = await own.client();
  t.after(() => waiting.end());
  await waiting.query('set synchronous_commit = on');
  const commit = waiting.query("insert into t values (2, 'lost')");
  await until('the row is in the log', async () => (await insertedIds(out, 't')).includes(2));
  await running.kill('SIGKILL');
  const [segment] = readdirSync(out).filter(isSegmentName).map((name) => join(out, name));
  const [before] = readFileSync(segment, 'utf8').split(/^(?=.*\t_action\tcopy\t)/m);
  truncateSync(segment, Buffer.byteLength(before));
  const again = await follow(t, own, 'powerless', out, '--tables', 't');
  await until('the row is in the log again', async () => (await insertedIds(out, 't')).includes(2));
  assert.deepEqual(await copies(out), []);
  await own.query("alter system set synchronous_standby_names = ''");
  await own.query('select pg_reload_conf()');
  await commit;
  await again.says(/copy of t: 2 rows/);
  assert.deepEqual(await copiedRows(out, 't', 2), new Map([['1', '1|before'], ['2', '2|lost']]));
});

test('the lines of a copy are those that the plugin writes for the same rows and the same table', async (t) => {
  await server.query(`create table same_lines (
    "Id" int primary key, "_odd\tname\\" text, none text, empty text, specials text, bytes bytea, n numeric(10,2), f double precision,
    ts timestamptz, span interval, tags text[], doc jsonb, gone int, more text generated always as (specials || 'x') stored)`);
  await server.query('alter table same_lines drop column gone');
  await server.query('create index "_by\tn" on same_lines (n desc, none)');
  await server.query('create index plain on same_lines (none)');
  await server.query("comment on table same_lines is E'two\\nlines'");
  await server.query("comment on column same_lines.\"_odd\tname\\\" is 'odd'");
  await server.query("select pg_create_logical_replication_slot('same_lines', 'deltastream')");
  const out = temporaryFolder(t);
  const running = await follow(t, server, 'same_lines', out, '--tables', 'same_lines');
  await server.query(`insert into same_lines select i, E'\\\\N', null, '', E'a\\b\\f\\v\\t\\n\\r\\\\ é😀 \\\\t \\\\b', '\\x00ff5c'::bytea, 1.5 * i, 0.1 + i, '2026-01-02 03:04:05.678+09', '1 mon 2 days', array['a,b', null, E'\\\\'], '{"k": "v\\\\n"}' from generate_series(1, 300) i`);
  await askFor('same_lines');
  await running.says(/copy of same_lines: 300 rows/);
  await until('the copy is in the log', async () => (await copies(out)).some(({ isLast }) => isLast));
  const units = await readAll(out);
  const linesIn = (kind: 'transaction' | 'copy', pattern: RegExp) => units
    .flatMap((unit) => (unit.kind === kind ? unit.body!.toString().split('\n') : []))
    .filter((line) => pattern.test(line)).map((line) => line.replace(/^_c\t\d+\t_s\t\d+\t/, '').replace(/\t_xid\t\d+/, ''));
  const inserts = linesIn('copy', /\t_action\tinsert\t/);
  assert.equal(inserts.length, 300);
  assert.deepEqual(inserts, linesIn('transaction', /\t_action\tinsert\t/));
  assert.deepEqual(linesIn('copy', /\t_action\tschema\t/), linesIn('transaction', /\t_action\tschema\t/).slice(-1));
  const [indexes] = linesIn('copy', /\t_action\tindexes\t/);
  assert.match(indexes, /\t\\_by\\tn\t7 desc,3\tplain\t3$/);
  const [comments] = linesIn('copy', /\t_action\tcomments\t/);
  assert.match(comments, /\t_comment\ttwo\\nlines\t\\_odd\\tname\\\\\todd$/);
});

for (const partitions of ['root', 'leaf'] as const) {
  test(`a partitioned table is copied under the names that its rows have (--partitions ${partitions})`, async (t) => {
    const name = `parted_${partitions}`;
    await server.query(`create table ${name} (id int primary key, note text) partition by range (id)`);
    await server.query(`create table ${name}_1 partition of ${name} for values from (0) to (100)`);
    await server.query(`create table ${name}_2 partition of ${name} for values from (100) to (200)`);
    await server.query(`insert into ${name} select i, 'r' from generate_series(1, 150) i`);
    await server.query(`select pg_create_logical_replication_slot('${name}', 'deltastream')`);
    const out = temporaryFolder(t);
    const running = await follow(t, server, name, out, '--tables', `${name},${name}_1,${name}_2`, '--partitions', partitions);
    const target = partitions === 'root' ? name : `${name}_1`;
    const { code, stderr } = await runToEnd('reload', target, '--pg', server.url(), '--partitions', partitions);
    assert.equal(code, 0, stderr);
    await running.says(new RegExp(`copy of ${target}: ${partitions === 'root' ? 150 : 99} rows`));
    await copiedRows(out, target, partitions === 'root' ? 150 : 99);
    const [{ body }] = await copies(out);
    assert.match(body!.toString(), partitions === 'root' ? /\t_kind\tpartitioned\t/ : /\t_kind\tleaf\t/);
  });
}

test('a table that is gone, or no longer followed, is no longer due', async (t) => {
  await server.query('create table passing (id int primary key, note text)');
  const { out, running } = await followed(t, 'kept', 3, '--tables', 'kept,passing');
  const holder = await server.client();
  t.after(() => holder.end());
  await holder.query('begin');
  await holder.query('lock table passing in access exclusive mode');
  await server.query("select pg_logical_emit_message(true, 'deltastream', 'reload ' || 'passing'::regclass::oid)");
  await running.says(/passing is locked by/);
  await holder.query('drop table passing');
  await holder.query('commit');
  await askFor('kept');
  await running.says(/copy of kept: 3 rows/);
  await until('a horizon states nothing as due', async () => (await readAll(out)).findLast((unit): unit is Single => unit.kind === 'horizon')?.line.own.has('_reload') === false);
  assert.equal((await copies(out)).filter(({ part }) => part === 0).length, 1);
});

test('a table that was dropped and made again while its copy waited gets no copy under the old oid', async (t) => {
  const { out, running } = await followed(t, 'made_again', 3);
  const holder = await server.client();
  t.after(() => holder.end());
  const [{ oid }] = await server.query<{ oid: number }>("select 'made_again'::regclass::oid::int4 as oid");
  for (let round = 0; round < 5; round++) {
    await holder.query('begin');
    await holder.query('lock table made_again in access exclusive mode');
    await server.query("select pg_logical_emit_message(true, 'deltastream', 'reload ' || (select oid from pg_class where relname = 'made_again'))");
    await until('the copy waits for the lock', async () => (await server.query("select from pg_locks where not granted and relation = 'made_again'::regclass")).length > 0);
    await holder.query('drop table made_again');
    await holder.query('create table made_again (id int primary key, note text)');
    await holder.query('insert into made_again values (1, null)');
    await holder.query('commit');
    await until('the lock is no longer asked for', async () => (await server.query("select from pg_locks where not granted")).length === 0);
  }
  const [{ now }] = await server.query<{ now: number }>("select 'made_again'::regclass::oid::int4 as now");
  await askFor('made_again');
  await running.says(/copy of made_again: 1 row,/);
  await copiedRows(out, 'made_again', 1);
  const oids = (await copies(out)).flatMap(({ part, body }) => (part === 0 ? [Number(/\t_oid\t(\d+)/.exec(body!.toString())![1])] : []));
  assert.deepEqual(oids, [now]);
  assert.notEqual(now, oid);
});

test('deltastream reload names what it cannot ask for', async () => {
  await server.query('create view a_view as select 1 as id');
  await server.query('create table asked (id int primary key) partition by range (id)');
  await server.query('create table asked_1 partition of asked for values from (0) to (9)');
  for (const [args, expected] of [
    [['askd'], /^[^-]*askd: no table public\.askd — try: asked/],
    [['"'], /^[^-]*pattern ": a quoted name is not closed/],
    [['a_view'], /a_view: is a view/],
    [['asked_1'], /is a partition of public\.asked.* — name the root/],
    [['asked,asked_1'], /is not one table/],
    [['public.*'], /is not one table/],
    [['asked', '--partitions', 'leaf'], /asked: has no rows of its own/],
  ] as const) {
    const { code, stderr } = await runToEnd('reload', ...args, '--pg', server.url());
    assert.equal(code, 2, stderr);
    assert.match(stderr, expected);
  }
  const { code, stderr } = await runToEnd('reload', 'asked', '--pg', 'postgres://127.0.0.1:1/nowhere');
  assert.equal(code, 1);
  assert.match(stderr, /ECONNREFUSED/);
});
