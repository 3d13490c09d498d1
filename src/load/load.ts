/**
 * Copies tables side by side: several connections that send, one file that takes. The largest table goes first, so that none is left running alone at the end.
 *
 * One table is not split over connections, by ranges of ctid. Taking the rows in is the longer part (1 M rows of
 * 12 columns: 0.7 s of the server's CPU, 0.9 s of ours), and what comes in two places at a time costs a third
 * more: SQLite appends faster than it inserts.
 */
import type pg from 'pg';
import { DeltaError } from '../errors.js';
import type { BoundFilter } from '../filter/bind.js';
import type { SourceTable } from '../postgres/catalog.js';
import { placeOf } from '../postgres/connection.js';
import { BLOCK_BYTES, copyOut } from '../postgres/copy.js';
import { copyMessages, HEADER_BYTES } from '../postgres/copy-messages.js';
import { translate } from '../postgres/failure.js';
import { filterSql } from '../postgres/filter.js';
import { fromClause, type SharedSnapshot } from '../postgres/snapshot.js';
import { BulkTable } from '../sqlite/bulk.js';
import type { Cache } from '../sqlite/open.js';
import { heldColumns, type CacheTable } from '../sqlite/tables.js';
import { valueOf } from '../sqlite/values.js';
import { NativeRows } from './native.js';
import type { Progress, TableProgress } from './progress.js';
import { readRows, type Convert } from './rows.js';

/** A table of Postgres and what becomes of it in the file. */
export interface Load {
  readonly source: SourceTable;
  readonly table: CacheTable;
  readonly filter: BoundFilter | undefined;
  /** Indexes that the file does not get, and why. */
  readonly leftOut: readonly LeftOut[];
}

export interface LeftOut { readonly name: string; readonly reason: string }

export interface CopyJob {
  readonly cache: Cache;
  readonly path: string;
  readonly snapshot: Pick<SharedSnapshot, 'clients'>;
  readonly plans: readonly Load[];
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** What a table's copy came to. */
export interface Copied {
  readonly schema: string;
  readonly name: string;
  readonly table: string;
  readonly rows: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly indexes: number;
  readonly leftOut: Load['leftOut'];
}

export async function copyTables(job: CopyJob): Promise<Copied[]> {
  const waiting = [...job.plans].sort((a, b) => b.source.estimatedBytes - a.source.estimatedBytes);
  const copied: Copied[] = [];
  const work = async (client: pg.Client): Promise<void> => {
    for (let plan = waiting.shift(); plan !== undefined; plan = waiting.shift()) {
      job.signal.throwIfAborted();
      copied.push(await copyTable(job, client, plan));
    }
  };
  const results = await Promise.allSettled(job.snapshot.clients.map(async (client) => {
    try {
      await work(client);
    } catch (error) {
      waiting.length = 0; // the others finish their table and stop
      for (const other of job.snapshot.clients) void other.end();
      throw error;
    }
  }));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return copied;
}

async function copyTable(job: CopyJob, client: pg.Client, plan: Load): Promise<Copied> {
  const started = performance.now();
  const { source, table } = plan;
  const bulk = new BulkTable(job.path, job.cache, table);
  const bar = job.progress.table(`${source.schema}.${source.table}`, source.estimatedRows);
  const { rows, bytes } = await copyRows(client, plan, bulk, bar);
  bulk.finish();
  for (const index of table.indexes ?? []) {
    bar.doing(`index ${index.name}`);
    await new Promise(setImmediate); // an index takes its time: let a signal in between
    job.signal.throwIfAborted();
    bulk.createIndex(index);
  }
  bar.done(rows);
  return { schema: source.schema, name: source.table, table: table.table, rows, bytes, seconds: (performance.now() - started) / 1000, indexes: table.indexes?.length ?? 0, leftOut: plan.leftOut };
}

async function copyRows(client: pg.Client, { source, table, filter }: Load, bulk: BulkTable, bar: TableProgress): Promise<{ rows: number; bytes: number }> {
  const held = heldColumns(table);
  const columns = held.map(({ type, numeric }) => valueOf(type, numeric));
  const names = held.map(({ name }) => client.escapeIdentifier(name)).join(', ');
  const where = filter === undefined ? '' : ` WHERE ${filterSql(filter)}`;
  const sql = `COPY (SELECT ${names} FROM ${fromClause(client, source)}${where}) TO STDOUT`;
  const native = bulk.native();
  try {
    const copied = await (native === undefined ? byTypeScript(client, sql, bulk, columns, bar) : byEngine(client, sql, new NativeRows(bulk, native, columns), bar));
    if (copied.sent !== copied.rows) throw new MissingRows(`${source.schema}.${source.table}: ${copied.rows} of ${copied.sent} rows were read`);
    return copied;
  } catch (error) {
    throw named(error, `${placeOf(client)}: table ${source.schema}.${source.table}`);
  } finally {
    native?.close();
  }
}

interface Sent { readonly rows: number; readonly bytes: number; /** By Postgres's count. */ readonly sent: number }

async function byTypeScript(client: pg.Client, sql: string, bulk: BulkTable, columns: readonly Convert[], bar: TableProgress): Promise<Sent> {
  const push = bulk.push.bind(bulk);
  let rows = 0;
  let bytes = 0;
  const sent = await copyOut(client, sql, (block) => {
    rows += readRows(block, columns, push);
    if (block.length > BLOCK_BYTES) bulk.flush(); // a row of this size is not kept for others to come
    bytes += block.length;
    bar.at(rows);
  });
  return { rows, bytes, sent };
}

async function byEngine(client: pg.Client, sql: string, native: NativeRows, bar: TableProgress): Promise<Sent> {
  let bytes = 0;
  const sent = await copyMessages(client, sql, (messages) => {
    const taken = native.take(messages);
    bytes += taken;
    bar.at(native.rows);
    return taken;
  });
  const { rows } = native;
  return { rows, bytes: bytes - rows * HEADER_BYTES, sent };
}

/** The error with the table in front; what SQLite says already begins with the file. */
function named(error: unknown, place: string): unknown {
  if (error instanceof MissingRows) return error;
  if (!(error instanceof DeltaError)) return withHint(translate(error, place));
  return error.code === 'postgres' ? new DeltaError('postgres', `${place} ${error.message}`, { hint: error.hint, cause: error.cause }) : error;
}

function withHint(error: DeltaError): DeltaError {
  const { cause, code, message } = error;
  return error.hint === undefined && code === 'postgres' ? new DeltaError(code, message, { cause, hint: 'cure that in Postgres, or leave the table out of --tables' }) : error;
}

/** A bug of ours: COPY sent more rows than were read. */
class MissingRows extends Error {}
