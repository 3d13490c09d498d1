/** The load that decode and stream are measured on: a slot that holds all of it. */
import type pg from 'pg';
import { TABLE, updateRows } from './flights.js';
import { makeSlot, walEnd } from './slots.js';
import type { Sizes } from './sizes.js';

/** What the last transaction writes, into the row with the id 1. */
export const LAST_ALTITUDE = -1;

export interface Load {
  readonly slot: string;
  /** Right before the last commit: who has confirmed more than this has confirmed all. */
  readonly beforeLastCommit: string;
  /** Behind the last commit. */
  readonly end: string;
}

/** Makes a slot and commits the load behind it. */
export async function prepareLoad(client: pg.Client, slot: string, sizes: Sizes): Promise<Load> {
  await makeSlot(client, slot);
  await client.query(updateRows(sizes, 'contiguous'));
  return { slot, beforeLastCommit: await commitLast(client), end: await walEnd(client) };
}

/** Commits one more transaction, and gives where the WAL was right before: what is confirmed beyond it is confirmed with it. */
export async function commitLast(client: pg.Client, table = TABLE): Promise<string> {
  await client.query('begin');
  await client.query(`update ${table} set altitude = ${LAST_ALTITUDE} where id = 1`);
  const before = await walEnd(client);
  await client.query('commit');
  return before;
}
