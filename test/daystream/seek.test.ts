import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openReader, readTransactions } from '../../src/daystream/read.js';
import { Folder } from '../../src/daystream/folder.js';
import { LogReader } from '../../src/daystream/reader.js';
import { resume } from '../../src/daystream/resume.js';
import { comparePositions, formatPosition } from '../../src/daystream/position.js';
import { decodeLine } from '../../src/daystream/codec.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import { Segments } from '../../src/daystream/segments.js';
import { FolderFiles } from '../../src/daystream/transports/folder-files.js';
import { horizonsBackward } from '../../src/daystream/horizons.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, IDENTITY, openWriter, readAll, transactionLines, xidsOf } from '../support/log.js';
import { Random } from '../support/random.js';

async function randomLog(folder: string, random: Random): Promise<void> {
  let clock = 1_760_000_000;
  const writer = await openWriter(folder, { clock: () => clock });
  for (let xid = 1; xid <= 120; xid++) {
    const rows = Array.from({ length: random.below(8) }, () => 'x'.repeat(random.below(random.pick([5, 200, 120_000]))));
    writer.append(transactionLines(xid, BigInt(xid) * 0x1000n, rows));
    if (random.below(20) === 0) writer.horizon(0n, 1n, `${xid + 1}:${xid + 1}:`);
    if (random.below(5) === 0) clock += random.pick([1, 7, 40_000]);
  }
  await writer.sync();
  writer.close();
}

test('--from any line begins with the first transaction at or behind it, and a cache at any unit resumes right behind it', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const folder = temporaryFolder(t);
  await randomLog(folder, random);
  const units = await readAll(folder);
  const positions = readdirSync(folder).filter(isSegmentName).sort().flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1)).map((line) => decodeLine(line).position);
  for (let i = 0; i < 60; i++) {
    const from = random.pick(positions);
    const wanted = units.find((unit) => unit.kind === 'transaction' && comparePositions(unit.first, from) >= 0);
    let found: string | undefined;
    for await (const { first } of readTransactions(folder, { from: formatPosition(from) })) {
      found = formatPosition(first);
      break;
    }
    assert.equal(found, wanted && formatPosition(wanted.first), `from ${formatPosition(from)}`);
  }
  const log = new Folder(folder);
  t.after(() => log.close());
  for (const [i, unit] of units.entries()) {
    const { rewritten, ...place } = await resume(log, { ...IDENTITY, epoch: 1, position: unit.last, crc: unit.crc, lsn: 0x1000n });
    assert.equal(rewritten, false);
    const [next] = await new LogReader(log, place).next();
    assert.deepEqual(next?.first, units[i + 1]?.first);
  }
});

const T0 = 1_760_000_000;

/** A log of which each transaction has its second and, as its xid, the number of it. */
async function secondByDay(folder: string, days: number, perDay: number): Promise<void> {
  let now = T0;
  const writer = await openWriter(folder, { clock: () => now });
  for (let xid = 1; xid <= days * perDay; xid++) {
    now = T0 + 86_400 * Math.floor((xid - 1) / perDay) + xid;
    appendTransactions(writer, xid, 1);
  }
  await writer.sync();
  writer.close();
}

test('--from where a segment has lost its end is an error, and not what the next segment begins with', async (t) => {
  const folder = temporaryFolder(t);
  await secondByDay(folder, 2, 100);
  const [segment] = readdirSync(folder).filter(isSegmentName).sort();
  const path = join(folder, segment);
  const bytes = readFileSync(path);
  const half = Math.floor(bytes.length / 2);
  const between = bytes.indexOf('\n', bytes.lastIndexOf('\t_crc\t', half - 20)) + 1;
  for (const [length, code] of [[half, 'log-damaged'], [between, 'log-missing']] as const) {
    truncateSync(path, length);
    await assert.rejects(collect(readTransactions(folder, { from: `${T0 + 80}:0` }), ({ xid }) => xid), { code });
  }
});

/** A log of which one answer says other clocks than there are. */
class Lying extends Segments {
  #left: number;

  constructor(folder: string, reads: number) {
    super(new FolderFiles(folder));
    this.#left = reads;
  }

  override async read(segment: string, offset: number, into: Buffer): Promise<number> {
    const read = await super.read(segment, offset, into);
    if (--this.#left !== 0) return read;
    const bytes = into.subarray(0, read);
    for (let at = bytes.indexOf('_c\t17'); at !== -1; at = bytes.indexOf('_c\t17', at + 1)) bytes[at + 3] = 48;
    return read;
  }
}

test('whichever of the answers lies by which --from is looked for, reading begins where it is', async (t) => {
  const folder = temporaryFolder(t);
  await secondByDay(folder, 1, 20_000);
  for (const wanted of [860, 9_260]) {
    for (let reads = 1; reads <= 16; reads++) {
      const log = new Lying(folder, reads);
      const reader = await openReader(log, { clock: T0 + wanted, sequence: 0 });
      assert.equal(xidsOf(await reader.next())[0], wanted, `read ${reads} of those for ${wanted} lies`);
      await log.close();
    }
  }
});

/** Counts the ways there and back. */
class Counting extends Folder {
  reads = 0;

  override read(segment: string, offset: number, into: Buffer): Promise<number> {
    this.reads++;
    return super.read(segment, offset, into);
  }
}

test('--from right behind a large transaction, or inside it, takes few ways there and back', async (t) => {
  const folder = temporaryFolder(t);
  let now = T0;
  const writer = await openWriter(folder, { clock: () => now });
  const value = 'v'.repeat(10_000);
  for (const rows of [1, 1, 2400, 1, 1]) {
    now++;
    writer.append(transactionLines(now - T0, BigInt(now - T0) * 0x1000n, Array.from({ length: rows }, () => value)));
  }
  await writer.sync();
  writer.close();
  for (const [sequence, clock, xid] of [[0, T0 + 4, 4], [1200, T0 + 3, 4], [0, T0 + 3, 3]]) {
    const log = new Counting(folder);
    const reader = await openReader(log, { clock, sequence });
    // 24 MB are read once forwards, by the megabyte, to prove the place; backwards in blocks that grow.
    assert.ok(log.reads < 80, `${log.reads} reads`);
    assert.equal(xidsOf(await reader.next())[0], xid);
    await log.close();
  }
});

test('horizons are found from the end, also behind a torn tail and beside values that look like one', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  writer.horizon(0n, 1n, '5:5:');
  writer.append(transactionLines(1, 0x2000n, ['_action\thorizon\t_lsn\t0/1\t_ts\t1\t_crc\t00000000']));
  writer.horizon(0n, 2n, undefined);
  appendTransactions(writer, 9, 3000);
  await writer.sync();
  writer.close();
  appendFileSync(join(folder, readdirSync(folder)[0]), '_c\t9999999999\t_s\t0\t_action\thorizon\t_lsn\t0/');
  const log = new Folder(folder);
  t.after(() => log.close());
  const found: [bigint, string | undefined][] = [];
  for await (const horizon of horizonsBackward(log)) found.push([horizon.timestampUs, horizon.snapshot]);
  assert.deepEqual(found, [[2n, undefined], [1n, '5:5:']]);
});

test('readTransactions gives typed changes with NULL, empty and unchanged apart', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  writer.append(Buffer.from([
    '_action\tbegin\t_xid\t4294967300\t_lsn\t0/2000\t_ts\t1760000000123456',
    '_table\tt\t_xid\t4294967300\t_action\tschema\t_oid\t7\t_identity\tfull\t_key\t2,1\tid\t1 notnull integer\tb\t2 notnull numeric(10,2)\t\\_c\t4 null text\t_missing\tno\\tne',
    '_table\tt\t_xid\t4294967300\t_action\tinsert\tid\t1\tb\t\\N\t\\_c\t',
    '_table\tt\t_xid\t4294967300\t_action\treplace\tid\t1',
    '_schema\ts\t_table\tt\t_xid\t4294967300\t_action\tupdate\tid\t2',
    '_table\tt\t_xid\t4294967300\t_action\tdelete\tid\t2',
    '_table\tt\t_xid\t4294967300\t_action\ttruncate',
    '_xid\t4294967300\t_action\tmessage\t_prefix\tp\t_content\thello',
    '_xid\t4294967300\t_action\tmessage\t_prefix\tp\t_bytes\t\\\\x00ff',
    '_action\tcommit\t_xid\t4294967300\t_lsn\t0/2030\t_rows\t3',
  ].join('\n')));
  await writer.sync();
  writer.close();
  const [transaction, ...others] = await collect(readTransactions(folder), async ({ changes, ...rest }) => ({ ...rest, changes: await collect(changes(), (change) => change) }));
  assert.equal(others.length, 0);
  assert.equal(transaction.xid, 4294967300n);
  assert.equal(transaction.commitLsn, 0x2000n);
  assert.equal(transaction.commitTimeUs, 1760000000123456n);
  const place = { schema: 'public', table: 't' };
  assert.deepEqual(transaction.changes, [
    { kind: 'schema', ...place, relation: { ...place, oid: 7, kind: 'ordinary', identity: 'full', key: [2, 1], columns: [
      { name: 'id', attnum: 1, type: 'integer', notNull: true },
      { name: 'b', attnum: 2, type: 'numeric(10,2)', notNull: true },
      { name: '_c', attnum: 4, type: 'text', notNull: false, missing: 'no\tne' },
    ] } },
    { kind: 'insert', ...place, row: new Map([['id', '1'], ['b', null], ['_c', '']]) },
    { kind: 'update', schema: 's', table: 't', old: new Map([['id', '1']]), row: new Map([['id', '2']]) },
    { kind: 'delete', ...place, old: new Map([['id', '2']]) },
    { kind: 'truncate', ...place, cascade: false, restart: false },
    { kind: 'message', prefix: 'p', content: 'hello', bytes: undefined },
    { kind: 'message', prefix: 'p', content: undefined, bytes: Buffer.from([0, 255]) },
  ]);
});

async function collect<From, To>(from: AsyncIterable<From>, map: (each: From) => To | Promise<To>): Promise<To[]> {
  const all: To[] = [];
  for await (const each of from) all.push(await map(each));
  return all;
}

test('following ends when it is told to, and hands out what is written meanwhile', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  appendTransactions(writer, 1, 1);
  writer.write();
  const stop = new AbortController();
  const seen: bigint[] = [];
  for await (const { xid } of readTransactions(folder, { follow: true, signal: stop.signal })) {
    seen.push(xid);
    if (xid === 5n) stop.abort();
    appendTransactions(writer, Number(xid) + 1, 1);
    writer.write();
  }
  assert.deepEqual(seen, [1n, 2n, 3n, 4n, 5n]);
  writer.close();
});
