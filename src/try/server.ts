/** What is asked of Postgres meanwhile: where its WAL is, and what its clock says. */
import type pg from 'pg';
import { parseLsn, type Lsn } from '../daystream/lsn.js';

const CLOCK_LOOKS = 7;
const PAGE_BYTES = 8192n;
/** A page of WAL begins with a header of at most so much: a place within it is the page's start. */
const HEADER_LIMIT_BYTES = 40n;

/** Behind everything that was visible before the call. */
export async function walEnd(client: pg.Client): Promise<Lsn> {
  const { rows: [{ lsn }] } = await client.query<{ lsn: string }>(END);
  const end = parseLsn(lsn);
  const within = end % PAGE_BYTES;
  return within <= HEADER_LIMIT_BYTES ? end - within : end;
}

/** By how much the server's clock is ahead of ours, in milliseconds: from the quickest of some answers. */
export async function clockOffsetMs(client: pg.Client): Promise<number> {
  let best = { tripMs: Infinity, offsetMs: 0 };
  for (let i = 0; i < CLOCK_LOOKS; i++) {
    const before = performance.now();
    const { rows: [{ ms }] } = await client.query<{ ms: number }>("select extract(epoch from clock_timestamp())::float8 * 1000 as ms");
    const after = performance.now();
    const tripMs = after - before;
    if (tripMs < best.tripMs) best = { tripMs, offsetMs: ms + tripMs / 2 - (performance.timeOrigin + after) };
  }
  // The drift of performance.now() from Date.now(), which the lags are measured by.
  return best.offsetMs + performance.timeOrigin + performance.now() - Date.now();
}

const END = "select (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end)::text as lsn";
