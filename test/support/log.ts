/** Writes logs through the real writer, with the lines that the plugin would send. */
import { formatLsn } from '../../src/daystream/lsn.js';
import { Folder } from '../../src/daystream/folder.js';
import { LogReader } from '../../src/daystream/reader.js';
import { seekStart } from '../../src/daystream/seek.js';
import type { Unit } from '../../src/daystream/unit.js';
import { Writer, type WriterOptions } from '../../src/daystream/writer.js';

export const IDENTITY = { system: '7300000000000000001', timeline: 1, slot: 'test', plugin: 'deltastream', database: 'postgres' };

/** A transaction as the plugin's message; its commit record is at `lsn`. */
export function transactionLines(xid: number, lsn: bigint, rows: readonly string[], timestampUs = 1760000000000000n): Buffer {
  const lines = [
    `_action\tbegin\t_xid\t${xid}\t_lsn\t${formatLsn(lsn)}\t_ts\t${timestampUs}`,
    ...rows.map((row) => `_table\tt\t_xid\t${xid}\t_action\tinsert\tid\t${row}`),
    `_action\tcommit\t_xid\t${xid}\t_lsn\t${formatLsn(lsn + 48n)}\t_rows\t${rows.length}`,
  ];
  return Buffer.from(lines.join('\n'));
}

export function openWriter(directory: string, options: WriterOptions = {}): Promise<Writer> {
  return Writer.open(directory, IDENTITY, 0x1000n, options);
}

/** Writes `count` small transactions, the first with xid `from`. */
export function appendTransactions(writer: Writer, from: number, count: number): void {
  for (let xid = from; xid < from + count; xid++) writer.append(transactionLines(xid, BigInt(xid) * 0x1000n, [String(xid)]));
}

/** Every unit of a log, read from its start to its end. */
export async function readAll(directory: string, blockBytes?: number): Promise<Unit[]> {
  const folder = new Folder(directory);
  try {
    if ((await folder.list()).length === 0) return []; // the writer has begun nothing yet
    const reader = new LogReader(folder, await seekStart(folder), blockBytes);
    const all: Unit[] = [];
    for (let units = await reader.next(); units.length > 0; units = await reader.next()) {
      for (const unit of units) all.push((unit.kind === 'transaction' || unit.kind === 'copy') && unit.body !== undefined ? { ...unit, body: Buffer.from(unit.body) } : unit);
    }
    return all;
  } finally {
    await folder.close();
  }
}

/** The xids of the transactions among the units. */
export function xidsOf(units: readonly Unit[]): number[] {
  return units.flatMap((unit) => (unit.kind === 'transaction' ? [Number(unit.xid)] : []));
}
