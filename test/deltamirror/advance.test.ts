/** What a cache's position says of the source as it goes through a log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeLine } from '../../src/daystream/codec.js';
import type { Unit } from '../../src/daystream/unit.js';
import { behindUnit } from '../../src/deltamirror/advance.js';
import type { CachePosition } from '../../src/sqlite/position.js';

const AT: CachePosition = {
  position: { clock: 10, sequence: 0 }, crc: 1, lsn: 0x100n, commitTimeUs: 10_000_000, sourceTimeUs: 12_000_000, timeline: 1, appliedAtUs: 0, behindBytes: 0, bytesPerSecond: 0,
  system: '7', slot: 'fleet', epoch: 1, source: '/log', snapshot: null,
};
const PLACE = { segment: 's', start: 0, end: 1, crc: 2, seed: 1, first: { clock: 20, sequence: 0 }, last: { clock: 20, sequence: 3 } };

const horizon = (more: string): Unit => ({ ...PLACE, kind: 'horizon', line: decodeLine(`_c\t20\t_s\t3\t_action\thorizon\t_lsn\t0/200\t${more}`) }) as Unit;
const transaction = (commitTimeUs: bigint | undefined): Unit => ({ ...PLACE, kind: 'transaction', commitTimeUs, endLsn: 0x180n, commitLsn: 0x170n }) as unknown as Unit;

test('a horizon moves the time of the source and no commit time, a commit both', () => {
  const heard = behindUnit(AT, horizon('_ts\t21000000'));
  assert.deepEqual([heard.sourceTimeUs, heard.commitTimeUs, heard.lsn, heard.position], [21_000_000, 10_000_000, 0x200n, PLACE.last]);
  const committed = behindUnit(AT, transaction(22_000_000n));
  assert.deepEqual([committed.sourceTimeUs, committed.commitTimeUs, committed.lsn], [22_000_000, 22_000_000, 0x180n]);
});

test('the time of the source never goes back, though commit times are not in order', () => {
  const { commitTimeUs, sourceTimeUs } = behindUnit(AT, transaction(11_000_000n));
  assert.deepEqual([commitTimeUs, sourceTimeUs], [11_000_000, 12_000_000]);
});

test('a transaction of the original format says no time', () => {
  const { commitTimeUs, sourceTimeUs } = behindUnit(AT, transaction(undefined));
  assert.deepEqual([commitTimeUs, sourceTimeUs], [10_000_000, 12_000_000]);
});

test('the timeline is that of the newest horizon that names one, and stays when one does not', () => {
  const promoted = behindUnit(AT, horizon('_ts\t21000000\t_timeline\t2'));
  assert.equal(promoted.timeline, 2);
  assert.equal(behindUnit(promoted, horizon('_ts\t22000000')).timeline, 2);
});
