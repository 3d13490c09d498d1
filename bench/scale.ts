/**
 * Many tables of many columns, and one table of many partitions: what each piece costs
 * in time and memory, and whether four times as many cost four times as much.
 */
import { readFileSync } from 'node:fs';
import type pg from 'pg';
import type { Figure, Unit } from './figure.js';
import { walEnd } from './slots.js';
import type { Workbench } from './workbench.js';

const COLUMNS = 100;
const TYPES = ['integer', 'text', 'numeric', 'timestamptz'];
const ROWS_A_TABLE = 10;
/** Of the smaller size, against which the growth is measured. */
const SHARE = 4;
/** What is quadratic grows by 16. */
const GROWTH_LIMIT = 6;
/** Each table is changed so often; from the second time on, everybody knows it. */
const ROUNDS = 2;
/** Relations that are made, or changed, in one transaction. */
const AT_ONCE = 100;

interface Layout {
  readonly what: string;
  readonly tables: string;
  readonly partitions: 'root' | 'leaf';
  /** SQL that makes relations `first` to `last`, with rows. */
  make(first: number, last: number): string;
  /** SQL that changes each of them once. */
  change(first: number, last: number): string;
}

const columns = Array.from({ length: COLUMNS - 1 }, (_, i) => `c${i} ${TYPES[i % TYPES.length]}`).join(', ');

const TABLES: Layout = {
  what: 'tables',
  tables: 'many.*',
  partitions: 'root',
  make: (first, last) => `do $$ begin for i in ${first} .. ${last} loop
    execute format('create table many.t%s (id integer primary key, ${columns})', i);
    execute format('insert into many.t%s (id, c0, c1) select n, n, n from generate_series(1, ${ROWS_A_TABLE}) n', i);
  end loop; end $$`,
  change: (first, last) => `do $$ begin for i in ${first} .. ${last} loop execute format('update many.t%s set c0 = c0 + 1 where id = 1', i); end loop; end $$`,
};

function partitioned(partitions: 'root' | 'leaf'): Layout {
  return {
    what: `partitions by ${partitions}`,
    tables: partitions === 'root' ? 'many.parted' : 'many.*',
    partitions,
    // A level in between, since Postgres reads all that are beside it for each new one.
    make: (first, last) => `do $$ begin
      create table many.sub${first} partition of many.parted for values from (${first * ROWS_A_TABLE}) to (${(last + 1) * ROWS_A_TABLE}) partition by range (id);
      for i in ${first} .. ${last} loop
        execute format('create table many.p%s partition of many.sub${first} for values from (%s) to (%s)', i, i * ${ROWS_A_TABLE}, (i + 1) * ${ROWS_A_TABLE});
      end loop;
      insert into many.parted select n, n::text from generate_series(${first * ROWS_A_TABLE}, ${(last + 1) * ROWS_A_TABLE - 1}) n;
    end $$`,
    // Each by its own name: a plan over all partitions would take Postgres most of the time.
    change: (first, last) => `do $$ begin for i in ${first} .. ${last} loop execute format('update many.p%s set v = v || ''x'' where id = %s', i, i * ${ROWS_A_TABLE}); end loop; end $$`,
  };
}

export async function scale(bench: Workbench): Promise<Figure[]> {
  const tables = Math.max(SHARE, Math.round(bench.sizes.rows / 1000));
  return [
    ...(await grow(bench, TABLES, tables)),
    ...(await grow(bench, partitioned('root'), tables * 10)),
    ...(await grow(bench, partitioned('leaf'), tables * 10)),
  ];
}

/** The larger size's figures, and how many times the smaller one's they are. */
async function grow(bench: Workbench, layout: Layout, count: number): Promise<Figure[]> {
  const few = await measure(bench, layout, Math.floor(count / SHARE));
  const many = await measure(bench, layout, count);
  return many.flatMap(({ piece, unit, value }, i): Figure[] => {
    const what = `${count} ${layout.what}, ${piece}`;
    const figure: Figure = { benchmark: 'scale', what, unit, values: [value] };
    if (unit !== 's') return [figure];
    return [figure, { benchmark: 'scale', what: `${what}: of a quarter`, unit: '×', values: [value / few[i].value], requirement: { kind: 'at most', limit: GROWTH_LIMIT } }];
  });
}

interface Measured { readonly piece: string; readonly unit: Unit; readonly value: number }

async function measure(bench: Workbench, layout: Layout, count: number): Promise<Measured[]> {
  const database = `scale_${layout.what.replaceAll(' ', '_')}_${count}`;
  bench.tell(`${count} ${layout.what}`);
  await bench.server.query(`create database ${database}`);
  return bench.withClient(database, async (client) => {
    await client.query('create schema many; create table many.parted (id integer primary key, v text) partition by range (id)');
    for (const [first, last] of parts(count)) await client.query(layout.make(first, last));
    const log = bench.directory('log');
    const stream = ['--slot', database, '--out', log, '--partitions', layout.partitions, '--pg', bench.server.url(database)];
    const begin = bench.own('deltastream', ['--create-slot', ...stream]);
    await begin.said(/following slot/);
    const cache = bench.path('cache.db');
    const copied = await bench.own('import', ['--tables', layout.tables, '--source', log, '--pg', bench.server.url(database), cache]).ended;
    await begin.stop();
    let end = '';
    for (let round = 0; round < ROUNDS; round++) {
      for (const [first, last] of parts(count)) {
        await client.query('begin');
        await client.query(layout.change(first, last));
        end = await walEnd(client);
        await client.query('commit');
      }
    }
    bench.settle();
    const started = performance.now();
    const deltastream = bench.own('deltastream', stream);
    const server = await decoded(client, database, end);
    const seconds = (performance.now() - started) / 1000;
    await deltastream.stop();
    await client.query('select pg_drop_replication_slot($1)', [database]);
    const mirrored = await bench.own('deltamirror', ['--once', '--json', cache]).ended;
    return [
      { piece: 'import', unit: 's', value: copied.seconds },
      { piece: 'import, peak memory', unit: 'MB', value: copied.peakBytes / 1e6 },
      { piece: 'plugin and deltastream', unit: 's', value: seconds },
      { piece: 'plugin, peak memory', unit: 'MB', value: server / 1e6 },
      { piece: 'deltastream, peak memory', unit: 'MB', value: deltastream.peakBytes / 1e6 },
      { piece: 'deltamirror', unit: 's', value: mirrored.seconds },
      { piece: 'deltamirror, peak memory', unit: 'MB', value: mirrored.peakBytes / 1e6 },
    ];
  });
}

function parts(count: number): [first: number, last: number][] {
  return Array.from({ length: Math.ceil(count / AT_ONCE) }, (_, i) => [i * AT_ONCE, Math.min((i + 1) * AT_ONCE, count) - 1]);
}

/** Waits until all before `lsn` is confirmed; gives the memory of the process of Postgres that decoded it. */
async function decoded(client: pg.Client, slot: string, lsn: string): Promise<number> {
  for (;;) {
    const { rows: [{ done, pid }] } = await client.query<{ done: boolean; pid: number | null }>('select confirmed_flush_lsn > $2 as done, active_pid as pid from pg_replication_slots where slot_name = $1', [slot, lsn]);
    if (done && pid !== null) return privateBytes(pid);
  }
}

/** What a process has for itself: shared buffers, which it only looks into, are not counted. */
function privateBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}
