import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { temporaryFolder } from '../support/folder.js';
import { SMALL_WAL, writeWal } from '../support/small-wal.js';
import { follow, insertedIds } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => { server = await Server.start({ ...SMALL_WAL, settings: { ...SMALL_WAL.settings, max_slot_wal_keep_size: '-1' } }); });
after(() => server.stop());

for (const plugin of ['deltastream', 'pgoutput']) {
  test(`with ${plugin} the slot of tables that never change advances, while other tables and another database are busy`, async (t) => {
    const out = temporaryFolder(t);
    const slot = `idle_${plugin}`;
    await server.query(`create table ${slot} (id int primary key)`);
    await server.query(`create database busy_${plugin}`);
    const running = await follow(t, server, slot, out, '--create-slot', '--plugin', plugin, '--tables', slot);
    await writeWal(server, 2, `busy_${plugin}`);
    await writeWal(server, 2);
    const [{ lsn }] = await server.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
    // What a slot reads from on moves at these records, which a running server writes every 15 s.
    await until('slot and restart are past what was written', async () => {
      await server.query('insert into filler values (1)', `busy_${plugin}`);
      await server.query('checkpoint');
      const rows = await server.query(`select from pg_replication_slots where slot_name = '${slot}' and confirmed_flush_lsn >= '${lsn}' and restart_lsn >= '${lsn}'`);
      return rows.length === 1;
    });
    assert.deepEqual(await insertedIds(out, slot), []);
    assert.equal(await running.kill('SIGTERM'), 0);
  });
}
