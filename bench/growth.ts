/**
 * How the pieces grow: with the rows of a table, with the number of tables, with the rows of a
 * transaction. Each step is measured once: an import, then updates through deltastream and deltamirror.
 */
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type pg from 'pg';
import type { Axis, Figure, Unit } from './figure.js';
import { CREATE_TABLE, insertRows, SCATTER, TABLE } from './flights.js';
import { commitLast } from './load.js';
import { confirmed, dropSlot } from './slots.js';
import { UPDATES_PER_TRANSACTION, updatesOf } from './sizes.js';
import type { Workbench } from './workbench.js';

/** Of the disk, at its fullest: table, WAL, cache. */
const BYTES_PER_ROW = 900;
const TIMES_THE_ROWS = [1, 10, 100];
const TABLES = [1, 10, 100, 1000];
const TRANSACTION_ROWS = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000];
/** Of the updates in transactions of one row, since Postgres takes long to make them. */
const SMALLEST_SHARE = 5;

interface Step {
  readonly of: Axis;
  readonly value: number;
  /** Of all tables. */
  readonly rows: number;
  readonly tables: string;
  readonly last: string;
  make(client: pg.Client): Promise<unknown>;
  readonly updates: number;
  /** SQL that makes them. */
  readonly change: string;
}

export async function growth(bench: Workbench): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const step of [...rowSteps(bench), ...tableSteps(bench), ...transactionSteps(bench)]) figures.push(...(await measure(bench, step)));
  return figures;
}

function rowSteps(bench: Workbench): Step[] {
  const { bavail, bsize } = statfsSync(tmpdir());
  return TIMES_THE_ROWS.map((times) => times * bench.sizes.rows).filter((rows) => {
    const fits = rows * BYTES_PER_ROW <= bavail * bsize;
    if (!fits) bench.tell(`${tmpdir()} has no room for ${rows} rows: they are left out`);
    return fits;
  }).map((rows) => single('rows', rows, rows, updatesOf(bench.sizes), UPDATES_PER_TRANSACTION));
}

function transactionSteps(bench: Workbench): Step[] {
  const { rows } = bench.sizes;
  return TRANSACTION_ROWS.filter((each) => each <= rows).map((each) => single('rows a transaction', each, rows, Math.max(each, each === 1 ? rows / 2 / SMALLEST_SHARE : rows / 2), each));
}

/** One table, and updates all over it. */
function single(of: Axis, value: number, rows: number, updates: number, each: number): Step {
  return {
    of, value, rows, updates, tables: TABLE, last: TABLE,
    make: (client) => client.query(`${CREATE_TABLE}; ${insertRows(1, rows)}`),
    change: inTransactions(Math.floor(updates / each), `update ${TABLE} set altitude = altitude + 1, lat = lat + 0.001, seen = seen + interval '1 second'
      where id in (select n::bigint * ${SCATTER} % ${rows} + 1 from generate_series(t * ${each}, (t + 1) * ${each} - 1) n)`),
  };
}

/** As many rows as ever, and updates that go round the tables. */
function tableSteps(bench: Workbench): Step[] {
  const { rows } = bench.sizes;
  const updates = updatesOf(bench.sizes);
  return TABLES.filter((count) => rows / count >= 1).map((count) => {
    const each = Math.floor(rows / count);
    const perTable = Math.min(UPDATES_PER_TRANSACTION, each);
    return {
      of: 'tables', value: count, rows: each * count, updates: Math.floor(updates / perTable) * perTable, tables: 'many.*', last: 'many.t0',
      make: (client) => client.query(`${CREATE_TABLE}; ${insertRows(1, each)}; create schema many;
        do $$ begin for t in 0 .. ${count - 1} loop
          execute format('create table many.t%s (like ${TABLE} including all)', t);
          execute format('insert into many.t%s select * from ${TABLE}', t);
        end loop; end $$`),
      change: inTransactions(Math.floor(updates / perTable), `execute format('update many.t%s set altitude = altitude + 1, seen = seen + interval ''1 second'' where id <= ${perTable}', t % ${count})`),
    };
  });
}

/** `statement` once in each transaction, which is number `t`. */
function inTransactions(count: number, statement: string): string {
  return `do $$ begin for t in 0 .. ${count - 1} loop ${statement}; commit; end loop; end $$`;
}

async function measure(bench: Workbench, step: Step): Promise<Figure[]> {
  const { of, value, rows, updates } = step;
  bench.tell(`${value} ${of}`);
  const database = `growth_${of.replaceAll(' ', '_')}_${value}`;
  await bench.server.query(`create database ${database}`);
  const figures = await bench.withClient(database, async (client) => {
    await step.make(client);
    await client.query('vacuum analyze');
    const log = bench.directory('log');
    const stream = ['--slot', database, '--out', log, '--pg', bench.server.url(database)];
    const begin = bench.own('deltastream', ['--create-slot', ...stream]);
    await begin.said(/following slot/);
    const cache = bench.path('cache.db');
    bench.settle();
    const copied = await bench.own('import', ['--tables', step.tables, '--source', log, '--pg', bench.server.url(database), cache]).ended;
    await begin.stop();
    await client.query('set synchronous_commit = off'); // how long Postgres takes to make them is no matter here
    await client.query(step.change);
    const end = await commitLast(client, step.last);
    bench.settle();
    const startedMs = performance.now();
    const deltastream = bench.own('deltastream', stream);
    await Promise.race([confirmed(client, database, end), deltastream.ended]);
    const streamed = { seconds: (performance.now() - startedMs) / 1000, peakBytes: deltastream.peakBytes };
    await deltastream.stop();
    await dropSlot(client, database);
    const mirrored = await bench.own('deltamirror', ['--once', cache]).ended;
    const figure = (what: string, unit: Unit, measured: number): Figure => ({ benchmark: 'growth', what, unit, values: [measured], at: { of, value } });
    // The same import at every size of a transaction says nothing.
    const pieces = [...(of === 'rows a transaction' ? [] : [['deltaimport', rows, copied] as const]), ['plugin and deltastream', updates, streamed] as const, ['deltamirror', updates, mirrored] as const];
    return pieces.flatMap(([piece, count, { seconds, peakBytes }]) => [
      figure(piece, 'rows/s', count / seconds),
      figure(piece, 'MB', peakBytes / 1e6),
    ]);
  });
  await bench.server.query(`drop database ${database}`);
  bench.clear();
  return figures;
}
