/** Values whose text changes where they stand, with no change of any row: in the caches, in both ways in which they are noticed. */
import test from 'node:test';
import { Path, until } from '../support/path.js';

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
