/** Values whose text changes where they stand, with no change of any row: in the caches, in both ways in which they are noticed. */
import test from 'node:test';
import { Path, until } from '../support/path.js';
import { settled } from '../support/settled.js';

const SCHEMA = `
  create type mood as enum ('sad', 'ok', 'fine');
  create type pair as (a int, m mood);
  create table moods (id int primary key, m mood);
  create table pairs (id int primary key, p pair[]);
  create table parts (id int primary key, m mood) partition by range (id);
  create table parts_1 partition of parts for values from (0) to (10);
  insert into moods select i, 'sad' from generate_series(1, 1000) i;
  insert into pairs values (1, array[row(1, 'ok')::pair]);
  insert into parts values (1, 'ok')`;

for (const way of ['event triggers', 'polling']) {
  test(`by ${way}, renamed labels and changed row types are in the cache, also of who was writing then`, async (t) => {
    const path = await Path.start(t);
    await path.server.query(SCHEMA);
    if (way === 'event triggers') path.run('deltastream', 'setup');
    path.deltastream('--schema-interval', '200ms');
    await path.import('moods,pairs,parts');
    path.mirror();
    await path.caughtUp(path.cache());
    const equal = () => path.compare(path.cache(), ['moods', 'pairs', 'parts']).then(() => true, () => false);

    const writer = await path.client();
    await writer.query("begin; insert into moods values (2000, 'ok'); insert into parts values (2, 'ok')");
    await path.server.query("alter type mood rename value 'ok' to 'good'; alter type mood rename value 'sad' to 'blue'");
    await until('the new labels are in the cache', equal);
    await writer.query("insert into moods values (2001, 'good'); commit");
    await writer.end();
    await path.caughtUp(path.cache());
    await until('no row has an old label', equal);

    for (const change of ['add attribute n int', 'drop attribute a', "add attribute a text"]) {
      await path.server.query(`alter type pair ${change}`);
      await until(`${change} is in the cache`, equal);
    }
  });
}

/** What a column has only since the last look, and changed before the next one. */
const NEW = [
  "alter table kept add n nest default '(,)'",
  'alter type nest drop attribute p',
  'create type hue as enum ($$red$$, $$blue$$)',
  'create table hues (id int primary key, h hue, hs hue[])',
  'insert into hues values (1, $$red$$, $${red,blue}$$)',
  'alter type hue rename value $$red$$ to $$crimson$$',
  'create table shapes (id int primary key, s shape); insert into shapes values (1, row(1, 2))',
  'alter table shape drop column a',
];

test('without event triggers, a type that came into a table and changed between two looks is in the cache as it is', async (t) => {
  const path = await Path.start(t);
  await path.server.query(`
    create type late as enum ('sad', 'ok');
    create type pair as (a int, b text);
    create type nest as (p pair, d date);
    create table shape (a int, b int);
    create table kept (id int primary key);
    insert into kept values (1), (2)`);
  const stream = path.deltastream('--schema-interval', '200ms');
  await path.import('*.*');
  path.mirror();
  await settled(path, [path.cache()]);
  await stream.stop('SIGKILL');
  const writer = await path.client();
  await writer.query("begin; create table lates (id int primary key, l late); insert into lates values (1, 'ok')");
  for (const sql of [...NEW, "alter type late rename value 'ok' to 'fine'"]) await path.server.query(sql);
  stream.start();
  const tables = ['kept', 'hues', 'shapes'];
  await until('what changed is in the cache', () => path.compare(path.cache(), tables).then(() => true, () => false));
  await writer.query('commit');
  await writer.end();
  await settled(path, [path.cache()]);
  await path.compare(path.cache(), [...tables, 'lates']);
});
