/** Timelines: each promotion begins one, and its history says where it left the one before. */
import type pg from 'pg';
import { parseLsn, type Lsn } from '../daystream/lsn.js';
import { placeOf } from './connection.js';
import { codeOf, translate } from './failure.js';

/** By timeline, the LSN at which the history of a server left it. */
export type Ancestors = ReadonlyMap<number, Lsn>;

const FIRST_TIMELINE = 1;
const NO_SUCH_FILE = '58P01';

/** The timelines that this one comes from, asked on a replication connection; none where the server has lost their history. */
export async function readAncestors(client: pg.Client, timeline: number): Promise<Ancestors> {
  if (timeline === FIRST_TIMELINE) return new Map();
  try {
    const { rows } = await client.query<{ content: Buffer | string }>(`TIMELINE_HISTORY ${timeline}`);
    return parseHistory(rows[0].content.toString());
  } catch (cause) {
    if (codeOf(cause) === NO_SUCH_FILE) return new Map();
    throw translate(cause, placeOf(client));
  }
}

/** A timeline history file: a line for each ancestor, `timeline TAB LSN TAB reason` (PostgreSQL source, timeline.c). */
export function parseHistory(text: string): Ancestors {
  const ancestors = new Map<number, Lsn>();
  for (const line of text.split('\n')) {
    const match = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line);
    if (match !== null) ancestors.set(Number(match[1]), parseLsn(match[2]));
  }
  return ancestors;
}
