import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSIONS } from '../../dev/embedded.js';
import { Server } from '../../dev/postgres.js';
import { parseHistory } from '../../src/postgres/timelines.js';
import { isLost, readSlotHealth, usedShare } from '../../src/postgres/slot-health.js';

for (const version of VERSIONS) {
  test(`PostgreSQL ${version}: what a slot holds back is read, whatever columns there are`, async (t) => {
    const server = await Server.start({ version, settings: { max_slot_wal_keep_size: '64MB' } });
    t.after(() => server.stop());
    const client = await server.client();
    t.after(() => client.end());
    await client.query("select pg_create_logical_replication_slot('fleet', 'pgoutput')");
    const health = await readSlotHealth(client, 'fleet');
    assert.ok(health !== undefined && !isLost(health));
    assert.equal(health.walStatus, 'reserved');
    assert.equal(health.limitBytes, 64 * 1024 * 1024);
    assert.ok(health.retainedBytes !== null && health.retainedBytes >= 0 && (health.safeBytes ?? 0) > 0 && (health.catalogAge ?? -1) >= 0);
    assert.ok((usedShare(health) ?? 1) < 0.5);
    assert.deepEqual([health.active, health.standby, health.idleTimeout], [false, false, null]);
    assert.equal(health.failover, version >= 17 ? false : null);
    assert.equal(health.inactiveSince !== null, version >= 17);
    assert.equal(await readSlotHealth(client, 'none'), undefined);
  });
}

test('a timeline history names each timeline before with the LSN where it was left', () => {
  assert.deepEqual([...parseHistory('1\t0/5000000\tno recovery target specified\n\n2\t1/A0\tbefore 2026-01-01 00:00:00+00\n')], [[1, 0x5000000n], [2, 0x1000000a0n]]);
});
