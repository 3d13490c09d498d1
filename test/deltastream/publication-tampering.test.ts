/** A publication that is changed by hand, for a while, or by whoever can: what was not published meanwhile is copied. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { Path, until } from '../support/path.js';
import { readAll } from '../support/log.js';
import { settled } from '../support/settled.js';

const TABLE = "create table a (id int primary key, v text); insert into a values (1, 'x'), (2, 'x')";

/** A path by pgoutput with event triggers, that looks at the catalog so often, once it has looked for the first time. */
async function guarded(t: TestContext, interval: string, version?: 15 | 18): Promise<Path> {
  const path = await Path.start(t, { version });
  await path.server.query(TABLE);
  path.run('deltastream', 'setup');
  path.deltastream('--plugin', 'pgoutput', '--schema-interval', interval);
  await until('the log to begin', () => path.hasBegun);
  await path.import('*.*');
  path.mirror();
  await settled(path, [path.cache()]);
  await until('the first look', () => existsSync(`${path.log}/.catalog.json`));
  await settled(path, [path.cache()]);
  return path;
}

async function copiesOf(path: Path): Promise<number> {
  return (await readAll(path.log)).filter((unit) => unit.kind === 'copy').length;
}

async function requireCopied(path: Path, before: number): Promise<void> {
  await until('it to be copied', async () => await copiesOf(path) > before);
  await settled(path, [path.cache()]);
  await path.compare(path.cache(), ['public.a']);
}

for (const version of [15, 18] as const) {
  test(`the event triggers tell that a publication was set otherwise, long before the next look (${version})`, async (t) => {
    const path = await guarded(t, '1h', version);
    const before = await copiesOf(path);
    await path.server.query("begin; alter publication test set (publish = 'insert'); update a set v = 'missed' where id = 1; delete from a where id = 2; alter publication test set (publish = 'insert, update, delete, truncate'); commit");
    await requireCopied(path, before);
  });
}

test('a publication that had another name for a while is copied, where the server goes on without', async (t) => {
  const path = await guarded(t, '200ms', 18);
  const before = await copiesOf(path);
  await path.server.query("begin; set local event_triggers = off; alter publication test rename to other; update a set v = 'missed'; alter publication other rename to test; commit");
  await requireCopied(path, before);
});

test('no session switches the event trigger off by a setting: a table that it makes is published in its transaction', async (t) => {
  const path = await guarded(t, '1h');
  const client = await path.client();
  t.after(() => client.end());
  await client.query("begin; set deltastream.publishing = 'on'; create table b (id int primary key)");
  const { rows } = await client.query("select tablename::text from pg_publication_tables where pubname = 'test' and tablename = 'b'");
  assert.equal(rows.length, 1);
  await client.query('insert into b values (1); commit');
  await settled(path, [path.cache()]);
  await path.compare(path.cache(), ['public.b']);
});

test('a table that another event trigger fills is mirrored with what that one wrote', async (t) => {
  const path = await guarded(t, '1h');
  await path.server.query(`
    create function fill() returns event_trigger language plpgsql as $$ begin
      if exists (select from pg_event_trigger_ddl_commands() where object_identity = 'public.b') then insert into b values (1); end if;
    end $$;
    create event trigger a_fill on ddl_command_end when tag in ('CREATE TABLE') execute function fill()`);
  await path.server.query('create table b (id int primary key)');
  await path.server.query('insert into b values (2)');
  await settled(path, [path.cache()], ['public']);
  await path.compare(path.cache(), ['public.b']);
});

test('a table that was made and then taken out for a while, both between two looks and with event triggers off, is copied', async (t) => {
  const path = await guarded(t, '3s', 18);
  await path.server.query('create table b (id int primary key)');
  await path.server.query('begin; set local event_triggers = off; alter publication test drop table b; insert into b values (1); commit');
  await path.server.query('begin; set local event_triggers = off; alter publication test add table b; commit');
  await until('it to be copied', async () => await copiesOf(path) > 0);
  await settled(path, [path.cache()], ['public']);
  await path.compare(path.cache(), ['public.b']);
});
