/** Each PostgreSQL that we speak to, with nothing of ours installed: every kind of change by pgoutput, value by value, into a mirror and into a fresh import. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type pg from 'pg';
import { VERSIONS } from '../../dev/embedded.js';
import { query } from '../support/cache.js';
import { Changing } from '../support/changing.js';
import { until, type Daemon } from '../support/path.js';
import { SAMPLES } from '../support/samples.js';

const SERVER = { logical_decoding_work_mem: '64kB', max_prepared_transactions: '5' };
const BIG_ROWS = 10_000;

const MAKE = `
  CREATE TYPE mood AS ENUM ('sad', 'so "so"', ''); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN amount AS numeric(10,2);
  CREATE TABLE "Odd ""table""" (id int PRIMARY KEY);
  CREATE TABLE correlated (a int PRIMARY KEY, b int); INSERT INTO correlated SELECT i, i FROM generate_series(1, 100) i;
  CREATE STATISTICS s (ndistinct, dependencies, mcv) ON a, b FROM correlated; ANALYZE correlated;
  CREATE SCHEMA m;
  CREATE TABLE m.keyed (id int PRIMARY KEY, n int NOT NULL, note text, mood mood DEFAULT 'sad', big text); ALTER TABLE m.keyed ALTER big SET STORAGE EXTERNAL;
  INSERT INTO m.keyed SELECT i, i, 'note ' || i, 'sad', repeat(md5(i::text), 200) FROM generate_series(1, 60) i;
  CREATE TABLE m.whole (x int, big text); ALTER TABLE m.whole REPLICA IDENTITY FULL; ALTER TABLE m.whole ALTER big SET STORAGE EXTERNAL;
  INSERT INTO m.whole SELECT i % 3, repeat(md5((i % 3)::text), 200) FROM generate_series(1, 12) i;
  CREATE TABLE m.indexed (id int, code text NOT NULL, v text); CREATE UNIQUE INDEX indexed_code ON m.indexed (code); ALTER TABLE m.indexed REPLICA IDENTITY USING INDEX indexed_code;
  INSERT INTO m.indexed SELECT i, 'code ' || i, repeat('v', i) FROM generate_series(1, 20) i;
  CREATE TABLE m.parted (id int, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
  CREATE TABLE m.parted_0 PARTITION OF m.parted FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
  CREATE TABLE m.parted_1 PARTITION OF m.parted FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
  INSERT INTO m.parted SELECT i, '2026-01-15', 'v' FROM generate_series(1, 20) i;
  CREATE TABLE m.small (id int PRIMARY KEY); CREATE TABLE m.other (id int PRIMARY KEY); INSERT INTO m.small VALUES (1); INSERT INTO m.other VALUES (1);
  CREATE SCHEMA apart; CREATE TABLE apart.generated (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED); INSERT INTO apart.generated VALUES (1)`;

/** Each in a transaction of its own. */
const ROWS = [
  'INSERT INTO apart.generated VALUES (2); UPDATE apart.generated SET id = 3 WHERE id = 1',
  'UPDATE m.keyed SET id = -id WHERE id % 5 = 0',
  'BEGIN; UPDATE m.keyed SET id = 1000 WHERE id = 1; UPDATE m.keyed SET id = 1 WHERE id = 2; UPDATE m.keyed SET id = 2 WHERE id = 1000; COMMIT',
  'UPDATE m.keyed SET n = n + 1',
  'UPDATE m.keyed SET big = reverse(big) WHERE id % 3 = 0',
  "BEGIN; SAVEPOINT s; INSERT INTO m.keyed VALUES (2000, 1); ROLLBACK TO s; DELETE FROM m.keyed WHERE id = 7; INSERT INTO m.keyed VALUES (7, 1, E'a\\tb\\n\\\\N', '', NULL); COMMIT",
  'DELETE FROM m.whole WHERE ctid = (SELECT min(ctid) FROM m.whole); UPDATE m.whole SET x = x + 1 WHERE x < 2',
  "UPDATE m.indexed SET code = code || '!', id = NULL WHERE id % 2 = 0; UPDATE m.indexed SET v = NULL WHERE id = 3; DELETE FROM m.indexed WHERE id = 5",
  "UPDATE m.parted SET day = day + 31 WHERE id % 2 = 0; UPDATE m.parted SET v = 'moved' WHERE id = 4",
  'TRUNCATE m.small, m.other; INSERT INTO m.small VALUES (2), (3)',
  'TRUNCATE m.parted_1',
  "BEGIN; INSERT INTO m.small VALUES (4); SAVEPOINT s; INSERT INTO m.small VALUES (5); ROLLBACK TO s; PREPARE TRANSACTION 'kept'",
  "BEGIN; DELETE FROM m.small; PREPARE TRANSACTION 'lost'",
  "ROLLBACK PREPARED 'lost'",
  "COMMIT PREPARED 'kept'",
];

/** For the first time and, with another number, once more. */
const schemaChanges = (n: number): readonly string[] => [
  `ALTER TABLE m.keyed ADD COLUMN added_${n} int NOT NULL DEFAULT ${n}; UPDATE m.keyed SET added_${n} = -1 WHERE id % 2 = 0`,
  `ALTER TABLE m.keyed RENAME note${n === 1 ? '' : '_1'} TO note_${n}; INSERT INTO m.keyed (id, n, note_${n}) VALUES (${3000 + n}, 1, 'renamed')`,
  `BEGIN; INSERT INTO m.keyed (id, n) VALUES (${4000 + n}, 1); ALTER TABLE m.keyed ADD COLUMN gone int DEFAULT 1; UPDATE m.keyed SET gone = 2 WHERE id = 3; ALTER TABLE m.keyed DROP COLUMN gone; UPDATE m.keyed SET n = 0 WHERE id = 3; COMMIT`,
  `ALTER TABLE m.indexed ALTER v TYPE ${n === 1 ? 'int USING length(v)' : 'text USING v * 2'}; INSERT INTO m.indexed VALUES (${100 + n}, 'new ${n}', 5)`,
  `CREATE TABLE m.later_${n} (id int PRIMARY KEY, v text); INSERT INTO m.later_${n} VALUES (1, 'x'); CREATE INDEX later_${n}_v ON m.later_${n} (v)`,
  `UPDATE m.later_${n} SET v = 'y'; INSERT INTO m.later_${n} VALUES (2, 'z')`,
  `ALTER TABLE m.small RENAME TO away; ALTER TABLE m.other RENAME TO small; ALTER TABLE m.away RENAME TO other; INSERT INTO m.small VALUES (${10 + n}); INSERT INTO m.other VALUES (${20 + n})`,
  `CREATE TABLE m.loose_${n} (id int, day date, v text, PRIMARY KEY (id, day)); INSERT INTO m.loose_${n} VALUES (1, '2026-0${3 + n}-01', 'attached')`,
  `ALTER TABLE m.parted ATTACH PARTITION m.loose_${n} FOR VALUES FROM ('2026-0${3 + n}-01') TO ('2026-0${4 + n}-01'); UPDATE m.parted SET v = v || '!'`,
  `ALTER TABLE m.parted DETACH PARTITION m.parted_${n - 1}; INSERT INTO m.parted_${n - 1} VALUES (99, '2026-0${n}-20', 'alone')`,
  `ALTER TYPE mood RENAME VALUE '${n === 1 ? 'sad' : 'mood 1'}' TO 'mood ${n}'; COMMENT ON COLUMN m.keyed.n IS 'number ${n}'`,
  `DROP TABLE m.later_${n}; CREATE TABLE m.later_${n} (id int PRIMARY KEY, w int); INSERT INTO m.later_${n} VALUES (1, 1)`,
];

for (const version of VERSIONS) {
  test(`PostgreSQL ${version} by pgoutput: rows, types, big transactions, a kill, and schema changes with and without triggers arrive whole`, async (t) => {
    const changing = await Changing.start(t, 'polling', MAKE, { version, settings: SERVER, stream: ['--plugin', 'pgoutput'] });
    const { path, stream } = changing;
    assert.equal(JSON.parse(path.run('deltastream', 'doctor', '--json', '--slot', 'test').stdout).plugin, 'pgoutput');
    const all = async (statements: readonly string[]) => { for (const sql of statements) await changing.query(sql); };
    const client = await changing.client(t);
    await everyType(client, version);
    await all(ROWS);
    await interrupted(client, stream);
    assert.ok((await changing.requireSame('m', 'public')) > BIG_ROWS * 0.9);
    assert.deepEqual(query(path.cache(), 'SELECT * FROM "apart.generated" ORDER BY id'), version < 18 ? [{ id: 2 }, { id: 3 }] : [{ id: 2, twice: 4 }, { id: 3, twice: 6 }]);
    await all(schemaChanges(1));
    await changing.requireSame('m', 'public');
    path.run('deltastream', 'setup', '--plugin', 'pgoutput', '--slot', 'test');
    await all(schemaChanges(2));
    await changing.requireSame('m', 'public');
    path.run('daystream', 'verify', path.log);
    assert.deepEqual(query(path.cache(), "SELECT name FROM _daystream_tables WHERE state <> 'following'"), []);
  });
}

/** A table with a column of each type, and of some arrays; its rows hold what has tripped a replicator somewhere. */
async function everyType(client: pg.Client, version: number): Promise<void> {
  const columns = [...Object.entries(SAMPLES), ...Object.entries(MADE)].filter(([type]) => version >= 15 || !SINCE_15.includes(type));
  await client.query(`CREATE TABLE m.every_type (id int PRIMARY KEY, ${columns.map(([type], i) => `c${i} ${type}`).join(', ')})`);
  const rows = Math.max(...columns.map(([, values]) => values.length));
  for (let row = 0; row < rows; row++) {
    const values = columns.map(([type, samples]) => (row < samples.length ? literal(client, type, samples[row]) : 'NULL'));
    await client.query(`INSERT INTO m.every_type VALUES (${[row, ...values].join(', ')})`);
  }
  await client.query('UPDATE m.every_type SET id = id + 1000 WHERE id % 2 = 0; DELETE FROM m.every_type WHERE id % 7 = 0');
}

const MADE: Readonly<Record<string, readonly string[]>> = {
  mood: ['so "so"', ''],
  'mood[]': ['{sad,NULL,"so \\"so\\"",""}'],
  pair: ['(1,"a b")', '(,)', '(5,"\\\\N,\t\n")'],
  'pair[]': ['{"(1,\\"a b\\")",NULL,"(,)"}'],
  amount: ['12.30'],
  'integer[]': ['{}', '{1,NULL,-3}', '{{1,2},{3,4}}', '[0:1]={1,2}'],
  'text[]': ['{"",NULL,"NULL","a,b","\\\\N","x\ty","é😀"}'],
  'timestamptz[]': ['{"2026-01-01 00:00:00+00",infinity,NULL}'],
};

/** 14 has no negative scale, and prints the upper half of "char" as what is no UTF-8, which puts the table in quarantine. */
const SINCE_15 = ['numeric(5,-2)', '"char"'];

function literal(client: pg.Client, type: string, value: string): string {
  return value.startsWith('sql:') ? value.slice(4) : `${client.escapeLiteral(value)}::${type}`;
}

/** A transaction that is sent before it commits, with a part of it taken back, and a kill of deltastream in the midst of it. */
async function interrupted(client: pg.Client, stream: Daemon): Promise<void> {
  await client.query(`BEGIN; INSERT INTO m.keyed SELECT i, i, repeat('x', 100) FROM generate_series(10001, ${10_000 + BIG_ROWS}) i; SAVEPOINT s; UPDATE m.keyed SET n = -1; ROLLBACK TO s; DELETE FROM m.keyed WHERE id > 10000 AND id % 10 = 0`);
  await until('a part of it to be sent', async () => (await client.query<{ isSent: boolean }>('SELECT sum(stream_bytes) > 0 AS "isSent" FROM pg_stat_replication_slots')).rows[0].isSent);
  await stream.stop('SIGKILL');
  await restart(stream);
  await client.query('UPDATE m.keyed SET n = n + 1 WHERE id > 10000 AND id % 3 = 0; COMMIT');
  await client.query(`BEGIN; DELETE FROM m.keyed WHERE id % 2 = 0; INSERT INTO m.keyed SELECT i, i FROM generate_series(30001, 31000) i; ROLLBACK`);
}

/** Starts it until it follows: the server may hold the slot of the one that was killed for a moment. */
async function restart(stream: Daemon): Promise<void> {
  const before = stream.stderr.length;
  stream.start();
  await until('deltastream to follow or to leave', () => !stream.isRunning || stream.stderr.includes('following slot', before));
  stream.assertRunning();
}
