import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type pg from 'pg';
import { Server } from '../../dev/postgres.js';
import { DeltaError } from '../../src/errors.js';
import { describeTables, type SourceTable } from '../../src/postgres/catalog.js';
import { chooseTables, type Choice } from '../../src/postgres/choice.js';
import { connect } from '../../src/postgres/connection.js';
import { parsePatterns } from '../../src/daystream/pattern.js';

let server: Server;
let client: pg.Client;
before(async () => {
  server = await Server.start({ plugin: false });
  client = await connect(server.url(), { applicationName: 'test' });
});
after(async () => {
  await client.end();
  await server.stop();
});

const choose = (patterns: string): Promise<Choice> => chooseTables(client, parsePatterns(patterns));

async function describe(table: string): Promise<SourceTable> {
  const [described] = await describeTables(client, (await choose(table)).chosen);
  return described;
}

async function refusal(patterns: string): Promise<DeltaError> {
  try {
    await choose(patterns);
  } catch (error) {
    assert.ok(error instanceof DeltaError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: `${patterns} was not refused` });
}

test('a relation is stated as the log states it', async () => {
  await server.query(`CREATE TYPE public.mood AS ENUM ('x'); CREATE DOMAIN public.inner_d AS numeric(10,2); CREATE DOMAIN public.outer_d AS public.inner_d NOT NULL;
    CREATE DOMAIN public.list_d AS public.outer_d[];
    CREATE TABLE shape (a varchar(20) NOT NULL, gone int, b public.outer_d, c public.mood[], d timestamp(3) with time zone, "Key 2" int NOT NULL,
      e int GENERATED ALWAYS AS (length(a)) STORED, f public.outer_d[], g public.list_d, h public.list_d[], i numeric(6,1)[], j oidvector, k name, PRIMARY KEY ("Key 2", a));
    ALTER TABLE shape DROP COLUMN gone`);
  const { relation } = await describe('shape');
  assert.deepEqual({ ...relation, oid: 0 }, {
    schema: 'public', table: 'shape', oid: 0, kind: 'ordinary', identity: 'default', key: [6, 1],
    columns: [
      { name: 'a', attnum: 1, type: 'character varying(20)', notNull: true },
      { name: 'b', attnum: 3, type: 'numeric(10,2)', notNull: false },
      { name: 'c', attnum: 4, type: 'public.mood[]', notNull: false },
      { name: 'd', attnum: 5, type: 'timestamp(3) with time zone', notNull: false },
      { name: 'Key 2', attnum: 6, type: 'integer', notNull: true },
      { name: 'e', attnum: 7, type: 'integer', notNull: false },
      { name: 'f', attnum: 8, type: 'numeric(10,2)[]', notNull: false },
      { name: 'g', attnum: 9, type: 'numeric(10,2)[]', notNull: false },
      { name: 'h', attnum: 10, type: 'numeric(10,2)[][]', notNull: false },
      { name: 'i', attnum: 11, type: 'numeric(6,1)[]', notNull: false },
      { name: 'j', attnum: 12, type: 'oidvector', notNull: false },
      { name: 'k', attnum: 13, type: 'name', notNull: false },
    ],
  });
});

test('the key is the one the server logs old rows by', async () => {
  await server.query(`CREATE TABLE k_default (a int, b int NOT NULL UNIQUE, PRIMARY KEY (a));
    CREATE TABLE k_full (LIKE k_default INCLUDING ALL); ALTER TABLE k_full REPLICA IDENTITY FULL;
    CREATE TABLE k_index (LIKE k_default INCLUDING ALL); ALTER TABLE k_index REPLICA IDENTITY USING INDEX k_index_b_key;
    CREATE TABLE k_nothing (LIKE k_default INCLUDING ALL); ALTER TABLE k_nothing REPLICA IDENTITY NOTHING;
    CREATE TABLE k_deferrable (a int PRIMARY KEY DEFERRABLE);
    CREATE TABLE k_none (a int)`);
  const keys: unknown[] = [];
  for (const name of ['k_default', 'k_full', 'k_index', 'k_nothing', 'k_deferrable', 'k_none']) {
    const { relation } = await describe(name);
    keys.push([relation.identity, relation.key]);
  }
  assert.deepEqual(keys, [['default', [1]], ['full', [1]], ['index', [2]], ['nothing', []], ['default', []], ['default', []]]);
});

test('plain indexes are carried over, and those left out are named with the reason', async () => {
  await server.query(`CREATE TABLE indexed (id int PRIMARY KEY, a text, b int, c int[]);
    CREATE INDEX i_plain ON indexed (b DESC, a); CREATE UNIQUE INDEX i_unique ON indexed (a) INCLUDE (b); CREATE INDEX i_hash ON indexed USING hash (b);
    CREATE INDEX i_partial ON indexed (a) WHERE b > 1; CREATE INDEX i_expression ON indexed (lower(a)); CREATE INDEX i_gin ON indexed USING gin (c); CREATE INDEX i_key_again ON indexed (id)`);
  const { indexes, leftOut } = await describe('indexed');
  assert.deepEqual(indexes, [
    { name: 'i_hash', columns: [{ attnum: 3, descending: false }] },
    { name: 'i_plain', columns: [{ attnum: 3, descending: true }, { attnum: 2, descending: false }] },
    { name: 'i_unique', columns: [{ attnum: 2, descending: false }] },
  ]);
  assert.deepEqual(leftOut, [
    { name: 'i_expression', reason: 'an index over an expression' },
    { name: 'i_gin', reason: 'a gin index' },
    { name: 'i_partial', reason: 'a partial index' },
  ]);
});

test('partitions are folded into their root, as large as all of them', async () => {
  await server.query(`CREATE SCHEMA parts; CREATE TABLE parts.p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
    CREATE TABLE parts.p1 PARTITION OF parts.p FOR VALUES FROM (0) TO (10); CREATE TABLE parts.p2 PARTITION OF parts.p FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
    CREATE TABLE parts.p21 PARTITION OF parts.p2 FOR VALUES FROM (10) TO (20); INSERT INTO parts.p SELECT i, 'x' FROM generate_series(0, 19) i; ANALYZE parts.p`);
  const { chosen, passedOver } = await choose('parts.*');
  assert.deepEqual(chosen.map(({ table, kind }) => [table, kind]), [['p', 'partitioned']]);
  assert.deepEqual(passedOver, []);
  const described = await describe('parts.p');
  assert.deepEqual(described.relation.key, [1]);
  assert.equal(described.estimatedRows, 20);
  assert.ok(described.estimatedBytes >= 16_384);
  const error = await refusal('parts.p21');
  assert.match(error.message, /parts\.p21: is a partition of parts\.p/);
  assert.match(error.hint ?? '', /--tables parts\.p/);
});

test('what a star takes in and nobody can follow is passed over by name', async () => {
  await server.query(`CREATE SCHEMA odd; CREATE TABLE odd.t (id int PRIMARY KEY); CREATE UNLOGGED TABLE odd.u (a int); CREATE VIEW odd.v AS SELECT 1 AS x; CREATE MATERIALIZED VIEW odd.m AS SELECT 1 AS x;
    CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER far FOREIGN DATA WRAPPER nothing; CREATE FOREIGN TABLE odd.f (a int) SERVER far;
    CREATE TABLE odd.p (a int) PARTITION BY RANGE (a); CREATE UNLOGGED TABLE odd.p1 PARTITION OF odd.p DEFAULT`);
  const { chosen, passedOver } = await choose('odd.*');
  assert.deepEqual(chosen.map(({ table }) => table), ['t']);
  assert.deepEqual(passedOver.map(({ table, reason }) => [table, reason.split(';')[0]]), [
    ['f', 'is a foreign table'], ['m', 'is a materialized view'],
    ['p', 'its partition odd.p1 is foreign or unlogged, so its changes are not in the WAL'],
    ['p1', 'is a partition of odd.p, whose name its rows have in the log'], ['u', 'is unlogged'],
  ]);
  for (const name of ['u', 'v', 'm', 'f', 'p']) assert.equal((await refusal(`odd.t, odd.${name}`)).code, 'usage');
});

test('a name that is not there is an error that names the nearest ones', async () => {
  await server.query('CREATE SCHEMA near; CREATE TABLE near.orders (id int); CREATE TABLE near."Mixed" (id int)');
  assert.match((await refusal('near.order')).message, /no table near\.order/);
  assert.match((await refusal('near.order')).hint ?? '', /^try: near\.orders/);
  assert.match((await refusal('orders')).hint ?? '', /^try: near\.orders/);
  assert.match((await refusal('near.mixed')).hint ?? '', /^try: near\."Mixed"/);
  assert.match((await refusal('nowhere.*')).hint ?? '', /near\.\*/);
});

test('system and temporary tables are in no star', async () => {
  await client.query('CREATE TEMPORARY TABLE passing (a int)');
  const { chosen, passedOver } = await choose('*.*');
  const all = [...chosen, ...passedOver];
  assert.ok(all.length > 0);
  assert.ok(all.every(({ schema }) => !/^pg_|^information_schema$/.test(schema)));
});

test('where partitions go by their own names they are tables of their own, with their own key and size', async () => {
  await server.query(`CREATE SCHEMA leaf; CREATE TABLE leaf.r (id int, k int, v text) PARTITION BY LIST (k); CREATE TABLE leaf.a PARTITION OF leaf.r (PRIMARY KEY (id)) FOR VALUES IN (1);
    CREATE TABLE leaf.sub PARTITION OF leaf.r FOR VALUES IN (2) PARTITION BY LIST (id); CREATE TABLE leaf.b (v text, id int, k int); ALTER TABLE leaf.sub ATTACH PARTITION leaf.b DEFAULT; ALTER TABLE leaf.b REPLICA IDENTITY FULL;
    CREATE UNLOGGED TABLE leaf.u PARTITION OF leaf.r FOR VALUES IN (3); CREATE TABLE leaf.t (id int PRIMARY KEY);
    INSERT INTO leaf.r SELECT i, 1 + i % 2 FROM generate_series(1, 10) i; ANALYZE leaf.a; ANALYZE leaf.b`);
  const { chosen, passedOver } = await chooseTables(client, parsePatterns('leaf.*'), 'leaf');
  assert.deepEqual(chosen.map(({ table, kind }) => [table, kind]), [['a', 'leaf'], ['b', 'leaf'], ['t', 'ordinary']]);
  assert.deepEqual(passedOver.map(({ table }) => table), ['u']);
  const described = await describeTables(client, chosen);
  assert.deepEqual(described.map(({ relation, estimatedRows }) => [relation.table, relation.identity, relation.key, relation.columns.map(({ name }) => name).join(), estimatedRows]),
    [['a', 'default', [1], 'id,k,v', 5], ['b', 'full', [], 'v,id,k', 5], ['t', 'default', [1], 'id', 0]]);
  for (const [name, hint] of [['r', "name its partitions: --tables 'leaf.a,leaf.b'; or follow with deltastream --partitions root"], ['sub', "name its partitions: --tables 'leaf.b'; or follow with deltastream --partitions root"]]) {
    await assert.rejects(chooseTables(client, parsePatterns(`leaf.t,leaf.${name}`), 'leaf'), { code: 'usage', message: /leaf\.\w+: has no rows of its own/, hint });
  }
});

test('the key of a partitioned table is the index that its identity names, else its primary key; FULL is what all its partitions are', async () => {
  await server.query(`CREATE SCHEMA pk; CREATE TABLE pk.chosen (id int NOT NULL, k int NOT NULL, PRIMARY KEY (k, id)) PARTITION BY LIST (k); CREATE UNIQUE INDEX by_id ON pk.chosen (id, k);
    ALTER TABLE pk.chosen REPLICA IDENTITY USING INDEX by_id; CREATE TABLE pk.c1 PARTITION OF pk.chosen DEFAULT;
    CREATE TABLE pk.whole (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE pk.w1 PARTITION OF pk.whole DEFAULT; ALTER TABLE pk.w1 REPLICA IDENTITY FULL;
    CREATE TABLE pk.silent (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE pk.s1 PARTITION OF pk.silent DEFAULT; ALTER TABLE pk.silent REPLICA IDENTITY NOTHING`);
  const keys: unknown[] = [];
  for (const name of ['chosen', 'whole', 'silent']) {
    const { relation } = await describe(`pk.${name}`);
    keys.push([relation.identity, relation.key]);
  }
  assert.deepEqual(keys, [['index', [1, 2]], ['full', [1]], ['default', [1]]]);
});
