/** deltamirror through a log of which its host chose nothing: how fast it passes over it, checking the chain. The log is in the page cache. */
import { copyFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { formatLsn, type Lsn } from '../src/daystream/lsn.js';
import { Writer } from '../src/daystream/writer.js';
import { openReader } from '../src/sqlite/open.js';
import { readPosition } from '../src/sqlite/position.js';
import type { Figure } from './figure.js';
import { TABLE } from './flights.js';
import { follow, unfollow } from './pipeline.js';
import { UPDATES_PER_TRANSACTION } from './sizes.js';
import type { Workbench } from './workbench.js';

const LIMIT_GB_PER_SECOND = 1;
/** 2 GB at the full size, so that the start of the program is a small part. */
const BYTES_PER_ROW = 2000;
const CHOSEN = 'airports';

export async function scan(bench: Workbench): Promise<Figure[]> {
  const { cache, log } = await record(bench);
  const bytes = await lengthen(cache, log, bench.sizes.rows * BYTES_PER_ROW);
  bench.tell(`a log of ${(bytes / 1e9).toFixed(2)} GB is written`);
  const seconds: number[] = [];
  const peaks: number[] = [];
  for (let run = 0; run < bench.sizes.runs; run++) {
    const copy = bench.path('cache.db');
    copyFileSync(cache, copy);
    bench.settle();
    const program = bench.own('deltamirror', ['--once', copy]);
    const ended = await program.ended;
    seconds.push(ended.seconds);
    peaks.push(ended.peakBytes / 1e6);
    bench.tell(`run ${run + 1} of ${bench.sizes.runs}: ${ended.seconds.toFixed(2)} s`);
  }
  const what = `a log of ${(bytes / 1e9).toFixed(2)} GB, no table of it chosen`;
  return [
    { benchmark: 'scan', what, unit: 's', values: seconds },
    { benchmark: 'scan', what, unit: 'GB/s', values: seconds.map((taken) => bytes / 1e9 / taken), requirement: { kind: 'at least', limit: LIMIT_GB_PER_SECOND } },
    { benchmark: 'scan', what: `${what}, peak memory`, unit: 'MB', values: peaks },
  ];
}

/** A cache of a small table, and the log that it follows. */
async function record(bench: Workbench): Promise<{ cache: string; log: string }> {
  const followed = await follow(bench, 'scan');
  await bench.withClient(followed.database, (client) => client.query(`create table ${CHOSEN} (id integer primary key)`));
  const cache = bench.path('cache.db');
  await bench.own('import', ['--tables', CHOSEN, '--source', followed.log, '--pg', bench.server.url(followed.database), cache]).ended;
  await unfollow(bench, followed);
  return { cache, log: followed.log };
}

/** Appends updates of the other table as the plugin writes them, until there are so many bytes; gives how many there are. */
async function lengthen(cache: string, log: string, bytes: number): Promise<number> {
  const reader = openReader(cache);
  const { system, slot, timeline, lsn } = readPosition(reader)!;
  reader.close();
  const writer = await Writer.open(log, { system, slot, timeline, plugin: 'deltastream', database: 'scan' }, lsn);
  for (let i = 1; writer.stats.bytes < bytes; i++) {
    writer.append(transaction(i, lsn + BigInt(i) * 0x100000n));
    writer.write();
  }
  await writer.sync();
  writer.close();
  return readdirSync(log).filter((name) => name.endsWith('.daystream')).reduce((sum, name) => sum + statSync(join(log, name)).size, 0);
}

function transaction(i: number, lsn: Lsn): Buffer {
  const xid = 1_000_000 + i;
  const schema = `_table\t${TABLE}\t_xid\t${xid}\t_action\tschema\t_oid\t999999\t_identity\tdefault\t_key\t1\tid\t1 notnull integer\taltitude\t2 notnull integer\ticao\t3 notnull bigint\tcallsign\t4 notnull text\troute\t5 notnull text\tseen\t6 notnull timestamp with time zone\ton_ground\t7 notnull boolean\tlat\t8 notnull double precision\tlon\t9 notnull double precision`;
  const rows = Array.from({ length: UPDATES_PER_TRANSACTION }, (_, row) => `_table\t${TABLE}\t_xid\t${xid}\t_action\tupdate\tid\t${i * UPDATES_PER_TRANSACTION + row}\taltitude\t${1000 + row}\ticao\t${10_000_000_000 + row * 7}\tcallsign\tUAL${row}\troute\t0cc175b9c0f1b6a831c399e269772661 ${row % 10}\tseen\t2026-01-01 00:00:01+00\ton_ground\tf\tlat\t-45.123\tlon\t12.345`);
  return Buffer.from([
    `_action\tbegin\t_xid\t${xid}\t_lsn\t${formatLsn(lsn)}\t_ts\t1760000000000000`,
    ...(i === 1 ? [schema] : []), ...rows,
    `_action\tcommit\t_xid\t${xid}\t_lsn\t${formatLsn(lsn + 48n)}\t_rows\t${rows.length}${i === 1 ? '\t_schemas\t1' : ''}`,
  ].join('\n'));
}
