import assert from 'node:assert/strict';
import { test } from 'node:test';
import type pg from 'pg';
import { readTransactions } from '../../src/index.js';
import { Path, runCommand } from '../support/path.js';
import { Random } from '../support/random.js';
import { query } from '../support/cache.js';

const SCHEMA = `
  CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
  CREATE DOMAIN year AS integer CHECK (VALUE BETWEEN 1900 AND 2200);
  CREATE TABLE a (id serial PRIMARY KEY, t text, n numeric, f float8, b bool, ts timestamptz, j jsonb, arr int[], bin bytea, m mood, y year, big bigint);
  CREATE SCHEMA sales;
  CREATE TABLE sales.orders (region text, no int, note text, PRIMARY KEY (region, no));
  CREATE TABLE log (at timestamptz, line text);
  CREATE TABLE whole (x int, y text);
  ALTER TABLE whole REPLICA IDENTITY FULL;
  CREATE TABLE parted (id int, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
  CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
  CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');`;
/** Two writers may lock tables in opposite orders; Postgres then ends one of them. */
const DEADLOCK = '40P01';
const TABLES = ['a', 'sales.orders', 'log', 'whole', 'parted'];

/** One random statement; most change a few rows. */
function statement(random: Random): string {
  const id = random.below(300);
  const text = random.pick(["'x'", "''", 'NULL', "E'tab\\there'", "E'line\\nfeed\\r'", "'\\N'", "'\\\\N'", "repeat('long ', 3000)", "'ünïcödé 🛩'"]);
  return random.pick([
    `INSERT INTO a (t, n, f, b, ts, j, arr, bin, m, y, big) VALUES (${text}, ${random.pick(['NULL', "'NaN'", '12.5000', '-0.000001'])}, ${random.pick(["'NaN'", "'Infinity'", '0.1', '-1e-300', '1e22'])}, ${random.pick(['true', 'false', 'NULL'])}, now(), '{"a": [1, null, "x\\ty"]}', ARRAY[1,NULL,3], '\\x00ff0a', 'ok', 2026, 9007199254740993)`,
    `INSERT INTO a (t) SELECT 'row ' || g FROM generate_series(1, ${random.below(50)}) g`,
    `UPDATE a SET t = ${text} WHERE id % 17 = ${id % 17}`,
    `UPDATE a SET n = coalesce(n, 0) + 1, m = 'happy' WHERE id = ${id}`,
    `UPDATE a SET id = id + 100000 WHERE id = ${id} AND NOT EXISTS (SELECT 1 FROM a x WHERE x.id = a.id + 100000)`,
    `DELETE FROM a WHERE id % 31 = ${id % 31}`,
    `INSERT INTO sales.orders VALUES ('r${id % 5}', ${id}, ${text}) ON CONFLICT (region, no) DO UPDATE SET note = excluded.note`,
    `UPDATE sales.orders SET no = no + 1000 WHERE no = ${id}`,
    `DELETE FROM sales.orders WHERE no % 7 = ${id % 7}`,
    `INSERT INTO log VALUES (clock_timestamp(), ${text})`,
    `INSERT INTO whole SELECT ${id % 5}, ${text} FROM generate_series(1, 3)`,
    `DELETE FROM whole WHERE ctid = (SELECT min(ctid) FROM whole WHERE x = ${id % 5})`,
    `UPDATE whole SET y = ${text} WHERE ctid = (SELECT max(ctid) FROM whole)`,
    `INSERT INTO parted VALUES (${id}, '2026-01-15', ${text}) ON CONFLICT DO NOTHING`,
    `UPDATE parted SET day = day + 31 WHERE id = ${id} AND day < '2026-02-01' AND NOT EXISTS (SELECT 1 FROM parted p WHERE p.id = ${id} AND p.day >= '2026-02-01')`,
    `TRUNCATE ${random.pick(['log', 'whole', 'sales.orders', 'log, whole', 'parted'])}`,
  ]);
}

async function work(path: Path, random: Random, transactions: number): Promise<void> {
  const client = await path.client();
  for (let i = 0; i < transactions; i++) {
    try {
      await transaction(client, random);
    } catch (error) {
      if ((error as pg.DatabaseError).code !== DEADLOCK) throw error;
      await client.query('ROLLBACK');
    }
  }
  await client.end();
}

async function transaction(client: pg.Client, random: Random): Promise<void> {
  await client.query('BEGIN');
  for (let n = random.below(6); n >= 0; n--) {
    await client.query('SAVEPOINT s');
    await client.query(statement(random));
    if (random.below(5) === 0) await client.query('ROLLBACK TO s');
  }
  await client.query(random.below(6) === 0 ? 'ROLLBACK' : 'COMMIT');
}

test('two mirrors started at different times, a late import and a replay equal Postgres, every table, every value', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const path = await Path.start(t);
  await path.server.query(SCHEMA);
  await work(path, random, 30);
  path.deltastream();
  const [early, late, last] = ['early.db', 'late.db', 'last.db'].map((name) => path.cache(name));
  await path.import("a,'sales'.*,log,whole,parted".replaceAll("'", ''), early);
  path.mirror(early);
  const load = Promise.all([work(path, random, 100), work(path, random, 100)]);
  await path.import('a,sales.orders,log,whole,parted', late);
  path.mirror(late);
  await load;
  await path.import('a,sales.*,log,whole,parted', last);
  path.mirror(last);
  await work(path, random, 50);
  await path.caughtUp(early, late, last);
  for (const cache of [early, late, last]) assert.ok((await path.compare(cache, TABLES)) > 0);
  assert.deepEqual(query(early, "SELECT name FROM _daystream_tables WHERE state <> 'following'"), []);
  const verified = JSON.parse(path.run('daystream', 'verify', '--json', path.log).stdout);
  let transactions = 0;
  for await (const transaction of readTransactions(path.log)) {
    for await (const change of transaction.changes()) assert.ok(change.kind.length > 0);
    transactions++;
  }
  assert.equal(transactions, verified.transactions);
});

test('a second mirror of a cache, and a second writer of a log, are told who is there', async (t) => {
  const path = await Path.start(t);
  await path.server.query('CREATE TABLE a (id int PRIMARY KEY)');
  const stream = path.deltastream();
  await path.import('a');
  const mirror = path.mirror();
  await path.caughtUp(path.cache());
  const second = runCommand('deltamirror', ['--once', path.cache()]);
  assert.equal(second.status, 1);
  assert.match(second.stderr, new RegExp(`^deltamirror: .*cache\\.db.*pid ${mirror.pid} .*\n$`));
  const writer = runCommand('deltastream', ['--slot', 'test', '--out', path.log], path.environment);
  assert.equal(writer.status, 1);
  assert.match(writer.stderr, new RegExp(`pid ${stream.pid} `));
  const elsewhere = runCommand('deltastream', ['--slot', 'test', '--out', `${path.log}2`], path.environment);
  assert.equal(elsewhere.status, 1);
  assert.match(elsewhere.stderr, /slot "test".*pid \d+/i);
  assert.equal(await mirror.stop(), 0);
  assert.equal(await stream.stop(), 0);
});
