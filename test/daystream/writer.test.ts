import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DeltaError } from '../../src/errors.js';
import { realFiles } from '../../src/daystream/writer-files.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import { Writer } from '../../src/daystream/writer.js';
import { appendTransactions, IDENTITY, openWriter, readAll, transactionLines, xidsOf } from '../support/log.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';

test('what is appended and synced is read back whole, in order, with the chain intact', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  appendTransactions(writer, 1, 100);
  assert.equal(writer.horizon(0x900000n, 1n, '101:101:'), true);
  await writer.sync();
  writer.close();
  const units = await readAll(folder);
  assert.deepEqual(units.map((unit) => unit.kind), ['open', ...Array(100).fill('transaction'), 'horizon']);
  assert.deepEqual(xidsOf(units), Array.from({ length: 100 }, (_, i) => i + 1));
});

test('a torn tail at any byte is cut at the next start, and nothing whole is lost or doubled', async (t) => {
  const folder = temporaryFolder(t);
  const clock = () => 1_760_000_000;
  const writer = await openWriter(folder, { clock });
  appendTransactions(writer, 1, 3);
  writer.horizon(0x3100n, 1n, undefined);
  appendTransactions(writer, 4, 2);
  await writer.sync();
  writer.close();
  const path = join(folder, '2025-10-09.daystream');
  const whole = readFileSync(path);
  const opened = whole.indexOf(10) + 1;
  for (let length = opened; length <= whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    const again = await openWriter(folder, { clock });
    appendTransactions(again, 1, 6); // Postgres sends again what was not confirmed
    await again.sync();
    again.close();
    assert.deepEqual(xidsOf(await readAll(folder)), [1, 2, 3, 4, 5, 6], `cut at byte ${length}`);
  }
});

test('a byte that changed in what was whole stops the writer instead of being cut away', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder, { clock: () => 1_760_000_000 });
  appendTransactions(writer, 1, 5);
  await writer.sync();
  writer.close();
  const path = join(folder, '2025-10-09.daystream');
  const bytes = readFileSync(path);
  bytes[bytes.indexOf('_xid\t3') + 5] = 0x39;
  writeFileSync(path, bytes);
  await assert.rejects(openWriter(folder), { code: 'log-damaged' });
  assert.deepEqual(readFileSync(path), bytes);
});

test('blocks of zeros that a power loss left behind are cut as a torn tail', async (t) => {
  const folder = temporaryFolder(t);
  const clock = () => 1_760_000_000;
  const writer = await openWriter(folder, { clock });
  appendTransactions(writer, 1, 5);
  await writer.sync();
  writer.close();
  const path = join(folder, '2025-10-09.daystream');
  const { size } = statSync(path);
  appendFileSync(path, Buffer.concat([Buffer.alloc(5000), readFileSync(path).subarray(-300)]));
  const again = await openWriter(folder, { clock });
  again.close();
  assert.equal(statSync(path).size, size);
});

test('P1: a transaction that the log has is dropped when Postgres sends it again', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  appendTransactions(writer, 1, 10);
  appendTransactions(writer, 5, 10);
  await writer.sync();
  writer.close();
  assert.deepEqual(xidsOf(await readAll(folder)), Array.from({ length: 14 }, (_, i) => i + 1));
});

test('P2: after a failed sync nothing is given out to confirm, also when a later sync would succeed', async (t) => {
  const folder = temporaryFolder(t);
  let failing = false;
  const sync = async (file: number) => {
    if (failing) throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
    await realFiles.sync(file);
  };
  const writer = await openWriter(folder, { files: { ...realFiles, sync } });
  appendTransactions(writer, 1, 1);
  assert.equal(await writer.sync(), 0x1030n);
  failing = true;
  appendTransactions(writer, 2, 1);
  await assert.rejects(writer.sync(), { code: 'io' });
  failing = false;
  await assert.rejects(writer.sync(), { code: 'io' });
  assert.throws(() => { appendTransactions(writer, 3, 1); writer.write(); }, { code: 'io' });
});

test('P2: every folder that is made, and every segment, is durable by name before anything in it is confirmed', async (t) => {
  const folder = temporaryFolder(t);
  const synced: string[] = [];
  const syncFolder = (path: string) => { synced.push(path); realFiles.syncFolder(path); };
  let clock = 1_760_000_000;
  const writer = await openWriter(join(folder, 'a', 'b'), { clock: () => clock, files: { ...realFiles, syncFolder } });
  assert.deepEqual(synced.splice(0), [join(folder, 'a'), folder]);
  for (let xid = 1; xid <= 3; xid++) {
    appendTransactions(writer, xid, 1);
    await writer.sync();
    assert.deepEqual(synced.splice(0), [join(folder, 'a', 'b')], 'a segment a day');
    clock += 86_400;
  }
  writer.close();
});

test('an LSN is given out only for what was written before the sync began', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  appendTransactions(writer, 1, 1);
  const synced = writer.sync();
  appendTransactions(writer, 2, 1);
  assert.equal(await synced, 0x1030n);
  assert.equal(await writer.sync(), 0x2030n);
  const begin = transactionLines(3, 0x3000n, []);
  writer.append(begin.subarray(0, begin.indexOf(10)));
  assert.equal(writer.inTransaction, true);
  assert.equal(await writer.sync(), 0x2030n, 'half a transaction confirms nothing');
  writer.close();
});

test('a transaction keeps its clock across midnight, and the next one opens the new day', async (t) => {
  const folder = temporaryFolder(t);
  let now = Date.UTC(2026, 0, 31, 23, 59, 59) / 1000;
  const writer = await openWriter(folder, { clock: () => now });
  const message = transactionLines(1, 0x1000n, ['a', 'b', 'c']).toString().split('\n');
  writer.append(Buffer.from(message.slice(0, 3).join('\n')));
  now += 5;
  writer.append(Buffer.from(message.slice(3).join('\n')));
  appendTransactions(writer, 2, 1);
  now += 86_400 * 3; // two days without a line have no segment
  appendTransactions(writer, 3, 1);
  now -= 1000; // the wall clock runs back
  appendTransactions(writer, 4, 1);
  await writer.sync();
  writer.close();
  assert.deepEqual(readdirSync(folder).filter(isSegmentName).sort(), ['2026-01-31.daystream', '2026-02-01.daystream', '2026-02-04.daystream']);
  const units = await readAll(folder);
  assert.deepEqual(xidsOf(units), [1, 2, 3, 4]);
  const clocks = units.filter((unit) => unit.kind === 'transaction').map((unit) => [unit.first.clock === unit.last.clock, unit.segment]);
  assert.deepEqual(clocks, [[true, '2026-01-31.daystream'], [true, '2026-02-01.daystream'], [true, '2026-02-04.daystream'], [true, '2026-02-04.daystream']]);
});

test('a transaction whose connection was lost is taken back, written or not', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  appendTransactions(writer, 1, 1);
  for (const writeFirst of [false, true]) {
    const lines = transactionLines(2, 0x2000n, ['half', 'a']).toString().split('\n');
    writer.append(Buffer.from(lines.slice(0, 2).join('\n')));
    if (writeFirst) writer.write();
    writer.abandon();
    assert.equal(writer.inTransaction, false);
  }
  appendTransactions(writer, 2, 2);
  await writer.sync();
  writer.close();
  assert.deepEqual(xidsOf(await readAll(folder)), [1, 2, 3]);
});

test('a horizon carries its snapshot only when every transaction in the log is visible in it, also after a restart', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  appendTransactions(writer, 700, 3);
  assert.equal(writer.horizon(0n, 1n, '701:703:701'), false);
  assert.equal(writer.horizon(0n, 1n, '703:703:'), true);
  appendTransactions(writer, 703, 1);
  await writer.sync();
  writer.close();
  const again = await openWriter(folder);
  assert.equal(again.horizon(0n, 1n, '703:704:703'), false);
  assert.equal(again.horizon(0n, 1n, '704:704:'), true);
  again.close();
});

test('a folder with the log of another system, slot, database or timeline is refused', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  appendTransactions(writer, 1, 1);
  await writer.sync();
  writer.close();
  await assert.rejects(Writer.open(folder, { ...IDENTITY, slot: 'other' }, 0n), { code: 'log-foreign' });
  await assert.rejects(Writer.open(folder, { ...IDENTITY, system: '1' }, 0n), { code: 'log-foreign' });
  await assert.rejects(Writer.open(folder, { ...IDENTITY, database: 'staging' }, 0n), { code: 'log-foreign', message: /database postgres.*database staging/ });
  await assert.rejects(Writer.open(folder, { ...IDENTITY, timeline: 2 }, 0n), { code: 'log-foreign', message: /after a failover/ });
});

test('a log goes on in a timeline that comes from its own and left it no earlier than the log ends, and says so', async (t) => {
  const folder = temporaryFolder(t);
  const first = await openWriter(folder);
  appendTransactions(first, 1, 3);
  await first.sync();
  const end = first.lsn;
  first.close();
  const promoted = { ...IDENTITY, timeline: 2 };
  await assert.rejects(Writer.open(folder, { ...promoted, ancestors: new Map([[1, end - 1n]]) }, 0n), { code: 'log-foreign', message: /timeline 1, not of timeline 2, which began at .* where the log ends at .*: after a failover/ });
  const second = await Writer.open(folder, { ...promoted, ancestors: new Map([[1, end]]) }, 0n);
  appendTransactions(second, 4, 1);
  await second.sync();
  second.close();
  assert.deepEqual((await readAll(folder)).flatMap((unit) => (unit.kind === 'horizon' ? [unit.line.own.get('_timeline')] : [])), ['2']);
  // Behind the place where timeline 1 was left the log is known to be in 2.
  const third = await Writer.open(folder, { ...promoted, ancestors: new Map([[1, end]]) }, 0n);
  third.close();
  await assert.rejects(Writer.open(folder, IDENTITY, 0n), { code: 'log-foreign', message: /timeline 2, not of timeline 1/ });
});

test('lines that the plugin would not write here are refused and leave no whole unit', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  for (const bad of ['hello', '_table\tt\t_xid\t1\t_action\tinsert', '_action\tcommit\t_xid\t1\t_lsn\t0/1\t_rows\t0', '_action\tdance', '_action\tbegin', '_action\tbegin\t_xid\t1\t_lsn\tx/y', '_action\tmessage\t_lsn']) {
    assert.throws(() => writer.append(Buffer.from(bad)), (error) => error instanceof DeltaError && error.code === 'log-damaged', bad);
  }
  writer.close();
});

test('transactions of any size come back byte by byte through blocks of any size', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  const sent: string[] = [];
  for (let xid = 1; xid <= 60; xid++) {
    const rows = Array.from({ length: random.below(40) }, () => random.pick(['_crc', 'x', 'é', '\\t_crc\\t00000000']).repeat(random.below(random.pick([3, 300, 9000]))));
    const message = transactionLines(xid, BigInt(xid) * 0x1000n, rows);
    sent.push(message.toString());
    writer.append(message);
    if (random.below(3) === 0) writer.write();
  }
  await writer.sync();
  writer.close();
  for (const blockBytes of [5000, 8191, 65_536, 1 << 20]) {
    assert.deepEqual(xidsOf(await readAll(folder, blockBytes)), Array.from({ length: 60 }, (_, i) => i + 1), `blocks of ${blockBytes}`);
  }
  const lines = readdirSync(folder).filter(isSegmentName).sort().flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1));
  const bare = lines.map((line) => line.replace(/^_c\t\d+\t_s\t\d+\t/, '').replace(/\t_crc\t[0-9a-f]{8}$/, '')).filter((line) => !line.startsWith('_action\topen'));
  assert.deepEqual(bare, sent.join('\n').split('\n'));
});
