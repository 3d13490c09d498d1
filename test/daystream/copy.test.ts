import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CopyPart } from '../../src/daystream/copy-part.js';
import { Folder } from '../../src/daystream/folder.js';
import { formatLsn } from '../../src/daystream/lsn.js';
import { LogReader } from '../../src/daystream/reader.js';
import { seekPosition } from '../../src/daystream/seek.js';
import { verifyLog } from '../../src/daystream/verify.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import type { Writer } from '../../src/daystream/writer.js';
import { readTransactions } from '../../src/index.js';
import { cat } from '../../src/inspect/cat.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter, readAll } from '../support/log.js';

const CLOCK = 1_760_000_000;
const clock = () => CLOCK;

function part(id: string, number: number, rows: number, more: Partial<CopyPart> = {}): CopyPart {
  const body = number === 0 ? head(more.oid ?? 7) : Array.from({ length: rows }, (_, i) => `_table\tt\t_action\tinsert\tid\t${number}.${i}\n`).join('');
  return { id, oid: 7, to: undefined, part: number, ...(number === 0 ? { snapshot: '1000:1000:' } : {}), body: Buffer.from(body), rows, isLast: false, ...more };
}

function head(oid: number): string {
  return `_table\tt\t_action\tschema\t_oid\t${oid}\t_identity\tdefault\t_key\t1\tid\t1 notnull text\n_table\tt\t_action\tindexes\t_oid\t${oid}\n_table\tt\t_action\tcomments\t_oid\t${oid}\n`;
}

/** A transaction without rows whose commit line says that copies have to follow. */
function need(writer: Writer, xid: number, pairs: string): void {
  const lsn = BigInt(xid) * 0x1000n;
  writer.append(Buffer.from(`_action\tbegin\t_xid\t${xid}\t_lsn\t${formatLsn(lsn)}\t_ts\t1\n_action\tcommit\t_xid\t${xid}\t_lsn\t${formatLsn(lsn + 48n)}\t_rows\t0\t${pairs}`));
}

function dueOf(writer: Writer): string[] {
  return writer.due.pairs().map(([key, value]) => `${key} ${value}`);
}

test('a copy stands between transactions, is read back whole through blocks of any size, and its chain is right', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  appendTransactions(writer, 1, 2);
  assert.equal(writer.copy(part('5', 0, 0)), true);
  appendTransactions(writer, 3, 1);
  assert.equal(writer.copy(part('5', 1, 5000)), true);
  assert.equal(writer.copy(part('5', 2, 2, { isLast: true })), true);
  await writer.sync();
  writer.close();
  for (const blockBytes of [5000, 65_536, 1 << 20]) {
    const units = await readAll(folder, blockBytes);
    assert.deepEqual(units.map((unit) => (unit.kind === 'copy' ? `copy ${unit.id}.${unit.part} ${unit.rows} ${unit.isLast}` : unit.kind)), [
      'open', 'transaction', 'transaction', 'copy 5.0 0 false', 'transaction', 'copy 5.1 5000 false', 'copy 5.2 2 true',
    ]);
    const [first, large] = units.flatMap((unit) => (unit.kind === 'copy' ? [unit] : []));
    assert.deepEqual([first.snapshot, first.to, large.snapshot, first.lsn], ['1000:1000:', undefined, undefined, 0x2030n]);
    assert.equal(large.body === undefined, blockBytes < 1 << 20);
  }
  const log = new Folder(folder);
  t.after(() => log.close());
  const { transactions, lines, chain } = await verifyLog(log);
  assert.deepEqual({ transactions, lines, chain }, { transactions: 3, lines: 1 + 3 * 3 + 5 + 5002 + 4, chain: true });
  const xids: bigint[] = [];
  for await (const { xid } of readTransactions(folder)) xids.push(xid);
  assert.deepEqual(xids, [1n, 2n, 3n], 'a library reader gets transactions only');
});

test('reading may begin at any line of a copy, and then begins with the next unit', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder, { clock });
  writer.copy(part('5', 0, 0));
  writer.copy(part('5', 1, 3, { isLast: true }));
  appendTransactions(writer, 1, 1);
  await writer.sync();
  writer.close();
  const log = new Folder(folder);
  t.after(() => log.close());
  for (let sequence = 1; sequence <= 11; sequence++) {
    const [unit] = await new LogReader(log, await seekPosition(log, { clock: CLOCK, sequence })).next();
    assert.equal(unit.kind, sequence <= 6 ? 'copy' : 'transaction', `from line ${sequence}`);
    assert.ok(unit.first.sequence >= sequence);
  }
  const shown: string[] = [];
  for await (const text of cat(log, { table: 't', from: { clock: CLOCK, sequence: 2 }, to: { clock: CLOCK, sequence: 8 } })) shown.push(text.replace(/^_c\t\d+\t_s\t(\d+).*/s, '$1'));
  assert.deepEqual(shown, ['7', '8'], 'daystream cat shows the rows of a part that it began behind');
});

test('part 0 stands only where its snapshot sees all that is above it', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  appendTransactions(writer, 700, 3);
  assert.equal(writer.copy(part('1', 0, 0, { snapshot: '701:703:701' })), false);
  assert.equal(writer.copy(part('1', 0, 0, { snapshot: '703:703:' })), true);
  appendTransactions(writer, 703, 1);
  assert.equal(writer.copy(part('1', 1, 1, { isLast: true })), true);
  writer.close();
});

test('after a power loss part 0 does not stand before all has come that the log may have had', async (t) => {
  for (const tables of [undefined, 't']) {
    const folder = temporaryFolder(t);
    const before = await openWriter(folder);
    appendTransactions(before, 1, 1);
    await before.sync();
    before.close();
    const writer = await openWriter(folder, { tables });
    await writer.expectRepeats(0x1030n, 0x3000n);
    // Transaction 2 waits for its synchronous standby: readers of the lost lines have it, and no snapshot sees it.
    assert.equal(writer.copy(part('5', 0, 0, { snapshot: '2:3:2' })), false, 'nothing came yet');
    appendTransactions(writer, 2, 1);
    assert.equal(writer.copy(part('5', 0, 0, { snapshot: '2:3:2' })), false, 'it came, and is not seen');
    assert.equal(writer.copy(part('5', 0, 0)), false, 'another one may have been there');
    writer.horizon(0x3000n, 1n, undefined);
    assert.equal(writer.copy(part('5', 0, 0, { snapshot: '2:3:2' })), false, 'it is not seen still');
    assert.equal(writer.copy(part('5', 0, 0)), true);
    writer.close();
  }
});

test('what is due is known at any byte that a run may end at, and a copy that did not end is due', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder, { clock });
  const states: [bytes: number, due: string[]][] = [];
  const state = async () => {
    await writer.sync();
    states.push([readFileSync(join(folder, '2025-10-09.daystream')).length, dueOf(writer)]);
  };
  appendTransactions(writer, 1, 1);
  await state();
  need(writer, 2, '_schemas\t1\t_reload\t7,8\t_offer\t9');
  await state();
  writer.copy(part('5', 0, 0));
  await state();
  writer.horizon(0x2100n, 1n, '1000:1000:');
  await state();
  writer.copy(part('5', 1, 1));
  await state();
  need(writer, 3, '_offer\t7,8');
  await state();
  writer.copy(part('5', 2, 1, { isLast: true }));
  await state();
  writer.horizon(0x3100n, 1n, '1000:1000:');
  await state();
  writer.copy(part('6', 0, 0, { oid: 8 }));
  writer.copy(part('7', 0, 0, { oid: 9, to: 'missing', isLast: true }));
  await state();
  writer.close();
  assert.deepEqual(states.map(([, due]) => due), [
    [], ['_reload 7,8', '_offer 9'], ['_reload 8,7', '_offer 9'], ['_reload 8,7', '_offer 9'], ['_reload 8,7', '_offer 9'], ['_reload 8,7', '_offer 9'],
    ['_reload 8', '_offer 9,7'], ['_reload 8', '_offer 9,7'], ['_reload 8', '_offer 7'],
  ]);
  const path = join(folder, '2025-10-09.daystream');
  const whole = readFileSync(path);
  for (let length = whole.indexOf(10) + 1; length <= whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    const again = await openWriter(folder, { clock });
    const expected = states.findLast(([bytes]) => bytes <= length)?.[1] ?? [];
    const found = dueOf(again);
    again.close();
    // Part 0 stands above the newest horizon, and which table it was of is not looked for: it is copied once more.
    const copiedTwice = length >= states[6][0] && length < states[7][0];
    assert.deepEqual(sorted(found), sorted(copiedTwice ? ['_reload 8,7', '_offer 9'] : expected), `cut at byte ${length}`);
  }
});

/** Which come first does not matter. */
function sorted(due: readonly string[]): string[] {
  return due.map((text) => text.replace(/[\d,]+$/, (oids) => oids.split(',').sort().join()));
}

test('what everybody needs by now is copied for everybody, also where the copy was asked for some', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  need(writer, 1, '_offer\t7,8');
  const [first, second] = writer.due.needs;
  need(writer, 2, '_reload\t7');
  writer.copy(part('5', 0, 0, first));
  writer.due.takeBack();
  assert.deepEqual(dueOf(writer), ['_reload 7', '_offer 8']);
  writer.copy(part('6', 0, 0, first));
  writer.copy(part('7', 0, 0, { ...first, snapshot: undefined, isLast: true }));
  writer.copy(part('8', 0, 0, { ...second, isLast: true }));
  assert.deepEqual(dueOf(writer), []);
  await writer.sync();
  writer.close();
  const copies = (await readAll(folder)).flatMap((unit) => (unit.kind === 'copy' ? [`${unit.id} ${unit.to}`] : []));
  assert.deepEqual(copies, ['5 undefined', '6 undefined', '7 undefined', '8 missing']);
});

test('what is due at the end of a day is said at the start of the next segment', async (t) => {
  const folder = temporaryFolder(t);
  let now = CLOCK;
  const writer = await openWriter(folder, { clock: () => now });
  need(writer, 1, '_reload\t7');
  now += 86_400;
  appendTransactions(writer, 2, 1);
  await writer.sync();
  writer.close();
  const again = await openWriter(folder, { clock: () => now });
  assert.deepEqual(dueOf(again), ['_reload 7']);
  again.close();
  const newest = readFileSync(join(folder, readdirSync(folder).filter(isSegmentName).sort().at(-1)!), 'utf8').split('\n');
  assert.match(newest[1], /\t_action\thorizon\t.*\t_reload\t7\t_crc\t/);
});

test('a reload counts more than an offer, and what is gone is no longer due', async (t) => {
  const writer = await openWriter(temporaryFolder(t));
  need(writer, 1, '_offer\t7,9');
  need(writer, 2, '_reload\t7');
  need(writer, 3, '_offer\t7');
  assert.deepEqual(dueOf(writer), ['_reload 7', '_offer 9']);
  assert.deepEqual(writer.due.needs, [{ oid: 7, to: undefined }, { oid: 9, to: 'missing' }]);
  const asked = writer.due.askedOf(7);
  writer.due.need([7], []);
  writer.due.forget(7, asked);
  assert.equal(writer.due.needs.length, 2, 'what was needed since is needed');
  writer.due.forget(7);
  assert.deepEqual(writer.due.needs, [{ oid: 9, to: 'missing' }]);
  writer.due.forget(9);
  assert.deepEqual(writer.due.needs, []);
  writer.close();
});

test('a commit line that names every table of a large database is read back, also behind many rows', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  const oids = Array.from({ length: 20_000 }, (_, i) => 16_384 + i);
  appendTransactions(writer, 1, 2000);
  need(writer, 2001, `_schemas\t20000\t_offer\t${oids.join()}`);
  writer.horizon(0n, 1n, undefined);
  await writer.sync();
  writer.close();
  for (const blockBytes of [5000, 1 << 20]) {
    const unit = (await readAll(folder, blockBytes)).find((each) => each.kind === 'transaction' && each.schemas > 0);
    assert.deepEqual(unit?.kind === 'transaction' && [unit.schemas, unit.offer], [20_000, oids]);
  }
  const again = await openWriter(folder);
  assert.deepEqual(dueOf(again), [`_offer ${oids.join()}`]);
  again.close();
});

test('a commit line whose pairs are not those of the format is refused', async (t) => {
  const writer = await openWriter(temporaryFolder(t));
  for (const bad of ['_reload\t7,', '_offer\t', '_offer\t1\t_reload\t2', '_schemas\tx', '_more\t1', '_reload']) {
    assert.throws(() => need(writer, 1, bad), { code: 'log-damaged' }, bad);
    writer.abandon();
  }
  writer.close();
});
