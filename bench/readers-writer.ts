/**
 * The writer of the readers' measurement, a process of its own: transactions of one row at a
 * fixed rate, each stamped when it is appended, by the clock that all processes share. As
 * deltastream does, it syncs one time after the other, and what comes meanwhile is the next group.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { formatLsn } from '../src/daystream/lsn.js';
import { Writer } from '../src/daystream/writer.js';
import { percentile } from './figure.js';

export const LOG_IDENTITY = { system: '7300000000000000001', timeline: 1, slot: 'readers', plugin: 'deltastream', database: 'bench' };
/** The last transaction's row: readers end behind it. */
export const LAST_ROW = 'the last of all';

export interface Written {
  /** Transactions a second. */
  readonly rate: number;
  readonly seconds: number;
  /** Milliseconds from append to sync, the median. */
  readonly durable: number;
}

async function write(folder: string, rate: number, seconds: number): Promise<Written> {
  const writer = await Writer.open(folder, LOG_IDENTITY, 0x1000n);
  const count = rate * seconds;
  const durable: number[] = [];
  const startMs = nowMs();
  for (let done = 0; done < count;) {
    const fromMs = nowMs();
    const due = Math.min(count, Math.floor(((fromMs - startMs) * rate) / 1000));
    if (due === done) {
      await sleep(1);
      continue;
    }
    for (let i = done; i < due; i++) writer.append(transaction(i, i === count - 1));
    await writer.sync();
    durable.push(...Array<number>(due - done).fill(nowMs() - fromMs));
    done = due;
  }
  const took = (nowMs() - startMs) / 1000;
  writer.close();
  return { rate: count / took, seconds: took, durable: percentile(durable, 0.5) };
}

function transaction(i: number, isLast: boolean): Buffer {
  const lsn = 0x2000n + BigInt(i) * 0x100n;
  return Buffer.from([
    `_action\tbegin\t_xid\t${1000 + i}\t_lsn\t${formatLsn(lsn)}\t_ts\t${Math.floor(nowMs() * 1000)}`,
    `_table\tflights\t_xid\t${1000 + i}\t_action\tupdate\tid\t${i}\taltitude\t${1000 + (i % 40_000)}\ticao\t${10_000_000_000 + i * 7}\tcallsign\tUAL${i % 10_000}\troute\t${isLast ? LAST_ROW : '0cc175b9c0f1b6a831c399e269772661 1'}\ton_ground\tf`,
    `_action\tcommit\t_xid\t${1000 + i}\t_lsn\t${formatLsn(lsn + 48n)}\t_rows\t1`,
  ].join('\n'));
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, rate, seconds] = process.argv.slice(2);
  process.stdout.write(JSON.stringify(await write(folder, Number(rate), Number(seconds))));
}
