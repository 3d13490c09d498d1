/** Control messages: what makes the plugin look, or the log carry a copy (docs/format.md). */
import type pg from 'pg';

/** `look`: compare with what was told; `stale`: rows changed without a record; `reload`, `offer`: a copy for everybody, or for who lacks the table. */
export type ControlWord = 'look' | 'stale' | 'reload' | 'offer';

export interface Control {
  readonly word: ControlWord;
  readonly oids: readonly number[];
}

/** When it was told: the transaction's xid, and the oldest one that was running then. */
export interface Told {
  readonly xid: bigint;
  readonly oldestXid: bigint;
}

/** The prefix that the plugin hears on. */
export const CONTROL_PREFIX = 'deltastream';

/** Emits them all in one transaction, and waits until it is committed. */
export async function tellControls(client: pg.Client, controls: readonly Control[]): Promise<Told> {
  const texts = controls.filter(({ oids }) => oids.length > 0).map(({ word, oids }) => [word, ...oids].join(' '));
  const { rows: [{ xid, oldest }] } = await client.query<{ xid: string; oldest: string }>(TELL, [CONTROL_PREFIX, texts]);
  return { xid: BigInt(xid), oldestXid: BigInt(oldest) };
}

const TELL = `
  select pg_current_xact_id()::text as xid, pg_snapshot_xmin(pg_current_snapshot())::text as oldest,
         (select count(pg_logical_emit_message(true, $1::text, content)) from unnest($2::text[]) content) as told`;
