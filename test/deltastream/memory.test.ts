import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { temporaryFolder } from '../support/folder.js';
import { confirmed, follow, type Running } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

/** The most that was resident so far. */
function peakBytes({ child }: Running): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) * 1024;
}

for (const plugin of ['deltastream', 'pgoutput']) {
  test(`with ${plugin} the memory of deltastream does not grow with a transaction`, async (t) => {
    const slot = `flat_${plugin}`;
    await server.query(`create table ${slot} (id serial primary key, v text)`);
    const running = await follow(t, server, slot, temporaryFolder(t), '--create-slot', '--plugin', plugin, '--tables', slot);
    const client = await server.client();
    t.after(() => client.end());
    const afterRows = async (count: number) => {
      await client.query(`begin; insert into ${slot} (v) select repeat(md5(i::text), 6) from generate_series(1, ${count}) i`);
      const { rows: [{ bytes }] } = await client.query<{ bytes: string }>("select (pg_current_wal_insert_lsn() - '0/0')::text as bytes");
      await client.query('commit');
      await until('all of it is confirmed', async () => await confirmed(server, slot) > BigInt(bytes));
      return peakBytes(running);
    };
    const small = await afterRows(60_000);
    const large = await afterRows(300_000);
    t.diagnostic(`${small} bytes resident, then ${large}`);
    assert.ok(large < small + 40e6, 'after a transaction of 15 MB, and after one of 75 MB');
    assert.equal(await running.kill('SIGTERM'), 0);
  });
}
