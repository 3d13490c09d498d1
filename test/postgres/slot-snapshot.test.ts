/** A slot and the snapshot that it begins at. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { connect } from '../../src/postgres/connection.js';
import { createSlotWithSnapshot, openSlotSnapshot } from '../../src/postgres/slot-snapshot.js';

const EVERYTHING = { tables: undefined, partitions: 'root' } as const;
const NAME = { applicationName: 'test' };
let server: Server;

before(async () => {
  server = await Server.start();
  await server.query(`CREATE TABLE t (id integer PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a');
    CREATE TABLE p (id integer) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 (id integer)`);
});
after(() => server.stop());

/** What the snapshot of a new slot sees after `meanwhile`; undefined where it is refused. */
async function seenAfter(meanwhile: string): Promise<unknown[] | undefined> {
  const replication = await connect(server.url(), { ...NAME, replication: true });
  try {
    const made = await createSlotWithSnapshot(replication, 'seen', 'pgoutput', false);
    await server.query(meanwhile);
    const snapshot = await openSlotSnapshot(server.url(), 'test', made, EVERYTHING);
    const rows = (await snapshot?.client.query('SELECT id, v FROM public.t ORDER BY id'))?.rows;
    await snapshot?.client.end();
    return rows;
  } finally {
    await replication.end();
    await server.query("SELECT pg_drop_replication_slot('seen')");
  }
}

test('rows that come behind the slot are not in its snapshot', async () => {
  assert.deepEqual(await seenAfter("INSERT INTO t VALUES (2, 'b')"), [{ id: 1, v: 'a' }]);
});

test('a snapshot whose tables were emptied, rewritten, changed, dropped or attached since is refused: it would see what is no more', async () => {
  for (const change of [
    'TRUNCATE t',
    'ALTER TABLE t ALTER v TYPE varchar(9)',
    'ALTER TABLE t ADD w integer',
    'ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME TO t2',
    'ALTER TABLE t2 RENAME TO t; TRUNCATE p1',
    'ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)',
    'ALTER TABLE p DETACH PARTITION p2',
    'DROP TABLE p2',
  ]) assert.equal(await seenAfter(change), undefined, change);
});
