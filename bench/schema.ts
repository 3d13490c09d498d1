/** From a change of a table to the moment when a reader of the cache sees it: with event triggers, and by looking at the catalog. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openReader } from '../src/sqlite/open.js';
import type { Figure } from './figure.js';
import { TABLE } from './flights.js';
import { nowMs } from './latency.js';
import type { Program } from './program.js';
import { FULL } from './sizes.js';
import type { Workbench } from './workbench.js';

const TRIGGERS_LIMIT_MS = 1000;
const POLL_MS = 1;

/** What is changed, and how the cache tells that it was. */
interface Change { readonly what: string; sql(n: number): string; seen(n: number): string }

const CHANGES: readonly Change[] = [
  { what: 'ADD COLUMN', sql: (n) => `alter table ${TABLE} add column added_${n} integer default ${n}`, seen: (n) => `SELECT count(*) FROM pragma_table_info('${TABLE}') WHERE name = 'added_${n}'` },
  { what: 'COMMENT ON', sql: (n) => `comment on table ${TABLE} is 'comment ${n}'`, seen: (n) => `SELECT count(*) FROM _daystream_tables WHERE comments LIKE '%"comment ${n}"%'` },
];

export async function schema(bench: Workbench): Promise<Figure[]> {
  // The default; small sizes are to see that it works.
  const intervalSeconds = bench.sizes.rows >= FULL.rows ? 10 : 1;
  return [
    ...(await measure(bench, 'event triggers', '1h', TRIGGERS_LIMIT_MS)),
    ...(await measure(bench, `a look every ${intervalSeconds} s`, `${intervalSeconds}s`, intervalSeconds * 1000 + TRIGGERS_LIMIT_MS)),
  ];
}

async function measure(bench: Workbench, how: string, interval: string, limit: number): Promise<Figure[]> {
  const database = await bench.database(`schema_${interval}`);
  const url = bench.server.url(database);
  if (interval === '1h') await bench.own('deltastream', ['setup', '--pg', url]).ended;
  const log = bench.directory('log');
  const deltastream = bench.own('deltastream', ['--slot', database, '--create-slot', '--out', log, '--pg', url, '--schema-interval', interval]);
  await deltastream.said(/following slot/);
  const cache = bench.path('cache.db');
  await bench.own('import', ['--tables', TABLE, '--source', log, '--pg', url, cache]).ended;
  const mirror = bench.own('deltamirror', [cache]);
  await mirror.said(/caught up/);
  const figures: Figure[] = [];
  for (const change of CHANGES) {
    const values: number[] = [];
    for (let n = 0; n < bench.sizes.runs; n++) values.push(await toVisible(bench, database, cache, mirror, change, n));
    bench.tell(`${how}: ${change.what} at most ${Math.max(...values).toFixed(0)} ms`);
    figures.push({ benchmark: 'schema', what: `${change.what} to visible, ${how}`, unit: 'ms', values, requirement: { kind: 'at most', limit } });
  }
  await mirror.stop();
  await deltastream.stop();
  await bench.server.query(`select pg_drop_replication_slot('${database}')`);
  return figures;
}

async function toVisible(bench: Workbench, database: string, cache: string, mirror: Program, change: Change, n: number): Promise<number> {
  const reader = openReader(cache);
  try {
    const seen = reader.prepare<[], number>(change.seen(n)).pluck();
    const started = nowMs();
    await bench.withClient(database, (client) => client.query(change.sql(n)));
    const failed = mirror.ended.then(() => { throw new Error('deltamirror ended too early'); });
    failed.catch(() => {}); // it ends at last, when nobody waits for it
    while (seen.get() === 0) await Promise.race([sleep(POLL_MS), failed]);
    return nowMs() - started;
  } finally {
    reader.close();
  }
}
