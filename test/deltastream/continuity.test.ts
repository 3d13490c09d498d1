import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLsn } from '../../src/daystream/lsn.js';
import { checkContinuity } from '../../src/deltastream/continuity.js';
import type { SlotMemory } from '../../src/deltastream/slot-memory.js';

const PLACE = { slot: 'fleet', out: '/log' };
const STARTED = '2026-01-01 00:00:00+00';

interface Now { readonly restart?: bigint; readonly confirmed?: bigint; readonly began?: bigint; readonly wal?: bigint; readonly started?: string; readonly standby?: boolean }

/** A slot that reads from 0/900 on and has confirmed 0/1000, of a timeline 2 that began at 0/500; the log ends at 0/1000. */
function check({ restart = 0x900n, confirmed = 0x1000n, began = 0x500n, wal = 0x2000n, started = STARTED, standby = false }: Now, memory?: Partial<SlotMemory>): string | undefined {
  const health = {
    slot: 'fleet', plugin: 'deltastream', database: 'app', active: false, activePid: null, walStatus: 'reserved', invalidationReason: null,
    restartLsn: formatLsn(restart), confirmedFlushLsn: formatLsn(confirmed), retainedBytes: 0, lagBytes: 0, safeBytes: null, limitBytes: null,
    catalogAge: 0, inactiveSince: null, idleTimeout: null, failover: null, synced: null, standby, serverStarted: started,
  };
  const identity = { system: '7', timeline: 2, ancestors: new Map([[1, began]]), database: 'app', walLsn: formatLsn(wal) };
  const seen = { system: '7', timeline: 2, began: '0/500', restart: '0/900', confirmed: '0/1000', restartThen: '0/980', started: STARTED };
  return checkContinuity({ place: 'db:5432/app', identity, health, confirmedLsn: confirmed }, 0x1000n, PLACE, memory === undefined ? undefined : { ...seen, ...memory });
}

const HINT = 'deltastream reconcile --slot fleet --out /log --cache FILE';

test('a slot where it was seen last, or further on as far as the log is, is the same one', () => {
  assert.equal(check({}), undefined);
  assert.equal(check({}, {}), undefined);
  assert.equal(check({}, { restart: '0/800', confirmed: '0/F00' }), undefined);
});

test('a slot beyond the end of the log, or a server whose WAL ends before it, is refused', () => {
  assert.throws(() => check({ confirmed: 0x1001n }), { code: 'slot', hint: HINT, message: /moved or made anew/ });
  assert.throws(() => check({ wal: 0xfffn }), { code: 'log-foreign', hint: HINT, message: /restored, or lost commits/ });
});

test('a standby that has yet to replay what the log has is waited for', () => {
  assert.throws(() => check({ wal: 0xfffn, standby: true }), { code: 'connection' });
});

test('a slot that reads from before where it was seen to is another one, also after a start of the server', () => {
  for (const started of [STARTED, 'later']) assert.throws(() => check({ restart: 0x8ffn, started }, {}), { code: 'slot', hint: HINT, message: /another slot of that name/ });
});

test('what was confirmed is forgotten by a start of the server alone', () => {
  assert.throws(() => check({ confirmed: 0xfffn }, {}), { code: 'slot', hint: HINT, message: /another slot of that name/ });
  assert.match(check({ confirmed: 0xfffn, started: 'later' }, {}) ?? '', /begins at 0\/FFF again, and had come to 0\/1000/);
});

test('a slot that begins before where it was seen to, but reads from behind that, was made anew on a server that was restored', () => {
  assert.throws(() => check({ restart: 0x981n, confirmed: 0xfffn, started: 'later' }, {}), { code: 'slot', hint: HINT, message: /begins at 0\/FFF, before 0\/1000, .* reads from 0\/981 on, behind 0\/980/ });
  assert.match(check({ restart: 0x980n, confirmed: 0xfffn, started: 'later' }, {}) ?? '', /begins at 0\/FFF again/);
});

test('a timeline of that number which began elsewhere is of another server that was promoted', () => {
  assert.throws(() => check({ began: 0x600n }, {}), { code: 'log-foreign', hint: HINT, message: /timeline 2 began at 0\/600, the one of the log in \/log at 0\/500/ });
});

test('what was seen of a slot of another timeline or system says nothing of this one', () => {
  assert.equal(check({ restart: 0x100n, confirmed: 0x200n }, { timeline: 1 }), undefined);
  assert.equal(check({ restart: 0x100n, confirmed: 0x200n }, { system: '8' }), undefined);
});
