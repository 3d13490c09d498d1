import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type pg from 'pg';
import { Server, type ServerOptions } from '../../dev/postgres.js';
import { DeltaError } from '../../src/errors.js';
import { parsePatterns } from '../../src/daystream/pattern.js';
import { chooseTables } from '../../src/postgres/choice.js';
import { takeSnapshot } from '../../src/postgres/snapshot.js';

async function start(t: TestContext, options: ServerOptions = {}): Promise<{ server: Server; client: pg.Client }> {
  const server = await Server.start({ plugin: false, ...options });
  t.after(() => server.stop());
  const client = await server.client();
  t.after(() => client.end());
  return { server, client };
}

async function makeTables(client: pg.Client, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await client.query(`create table t${i} (id int primary key)`);
}

async function failure(server: Server, client: pg.Client, user: string, connections: number): Promise<DeltaError> {
  const { chosen } = await chooseTables(client, parsePatterns('*'));
  const error = await takeSnapshot(server.url('postgres', user), 'test', chosen, connections).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof DeltaError, String(error));
  return error;
}

test('of a thousand tables, the one that may not be read and the one that is locked are named', async (t) => {
  const { server, client } = await start(t);
  await makeTables(client, 1000);
  await client.query('create role reader login; grant select on all tables in schema public to reader; revoke select on t777 from reader');
  const refused = await failure(server, client, 'reader', 2);
  assert.match(refused.message, /: role reader may not read public\.t777$/);
  assert.equal(refused.hint, 'as its owner: GRANT USAGE ON SCHEMA "public" TO reader; GRANT SELECT ON "public"."t777" TO reader;');
  await client.query('begin; lock table t555');
  const locked = await failure(server, await server.client(), 'postgres', 2);
  assert.equal(locked.code, 'busy');
  assert.match(locked.message, /: table public\.t555 is locked by process \d+ of postgres \(idle in transaction, /);
  await client.query('rollback');
});

test('a lock table that is too small is an error that says how large it has to be, and that is large enough', async (t) => {
  const { server, client } = await start(t, { settings: { max_locks_per_transaction: '10', max_connections: '20', max_wal_senders: '0', wal_level: 'replica' } });
  await makeTables(client, 2500);
  const error = await failure(server, client, 'postgres', 4);
  assert.equal(error.code, 'config');
  assert.match(error.message, /: has no room for locks on 5,000 tables, partitions and indexes$/);
  const cure = /^(ALTER SYSTEM SET max_locks_per_transaction = \d+;) and restart Postgres$/.exec(error.hint ?? '')?.[1];
  await client.query(cure ?? '');
  await server.halt('fast');
  await server.launch();
  const again = await server.client();
  const { chosen } = await chooseTables(again, parsePatterns('*'));
  await again.end();
  const snapshot = await takeSnapshot(server.url(), 'test', chosen, 4);
  assert.equal(snapshot?.clients.length, 4);
  await snapshot?.close();
});

test('a table that is gone since it was chosen, alone or with its schema, is no error: the tables are to be chosen anew', async (t) => {
  const { server, client } = await start(t);
  await client.query('create table gone (id int); create schema going; create table going.t (id int)');
  const choose = async (pattern: string) => (await chooseTables(client, parsePatterns(pattern))).chosen;
  const [table, schema] = [await choose('gone'), await choose('going.t')];
  await client.query('drop table gone; drop schema going cascade');
  assert.equal(await takeSnapshot(server.url(), 'test', table, 1), undefined);
  assert.equal(await takeSnapshot(server.url(), 'test', schema, 1), undefined);
});
