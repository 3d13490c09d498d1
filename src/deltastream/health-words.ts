/** How a slot is, in words: always the same ones, for people and for what reads logs. */
import { reconcileHint } from '../daystream/reconcile-hint.js';
import { isLost, usedShare, type SlotHealth } from '../postgres/slot-health.js';
import { sizeText } from '../cli.js';

/** Something that wants to be seen to: what, and what to type. */
export interface Complaint {
  readonly what: string;
  readonly cure: string;
}

/** One line: what it holds back, what makes Postgres remove it, and what to type to remove it. */
export function describeSlot(health: SlotHealth): string {
  const { slot, walStatus, retainedBytes, lagBytes, catalogAge, active } = health;
  return [
    `slot "${slot}": wal_status ${walStatus ?? 'none'}`,
    `${active ? 'is read' : 'nobody reads it'}`,
    `keeps ${bytesText(retainedBytes)} of WAL`,
    `unconfirmed ${bytesText(lagBytes)}`,
    `keeps catalog rows for ${catalogAge ?? 0} transactions`,
    `${limitText(health)}`,
  ].join(', ') + `; when it is no longer wanted: ${removal(slot)}`;
}

/** The command that removes the slot and what belongs to it. */
export function removal(slot: string): string {
  return `deltastream drop --slot ${slot}`;
}

/** For a terminal's one line: `keeps 1.2 GB (2%)`. */
export function brief(health: SlotHealth): string {
  const share = usedShare(health);
  return `slot keeps ${bytesText(health.retainedBytes)}${share === undefined ? '' : ` (${percent(share)})`}`;
}

/** What is wrong with it, the worst first; `out` is the folder of its log, where that is known. */
export function complaintsOf(health: SlotHealth, warningShare: number, out: string | undefined): Complaint[] {
  const { slot, walStatus, invalidationReason } = health;
  if (isLost(health)) return [{ what: lostText(slot, invalidationReason), cure: reconcileHint(slot, out) }];
  const share = usedShare(health);
  const room = 'let its reader catch up, or ALTER SYSTEM SET max_slot_wal_keep_size = …; SELECT pg_reload_conf();';
  if (walStatus === 'unreserved') return [{ what: `slot "${slot}": the next checkpoint may remove WAL that it needs, and it is lost then`, cure: room }];
  if (share === undefined || share < warningShare) return [];
  return [{ what: `slot "${slot}": uses ${percent(share)} of max_slot_wal_keep_size, and is lost beyond it`, cure: room }];
}

export function lostText(slot: string, reason: string | null): string {
  return `slot "${slot}": is lost (${reason ?? 'its WAL was removed'}), changes are missing for good`;
}

function limitText({ limitBytes, safeBytes, idleTimeout, ...health }: SlotHealth): string {
  const idle = idleTimeout === null ? '' : `, and after ${idleTimeout} without a reader`;
  const share = usedShare({ limitBytes, ...health });
  if (limitBytes === null || share === undefined) return `no max_slot_wal_keep_size: it is kept until the disk is full${idle}`;
  return `${percent(share)} of max_slot_wal_keep_size ${bytesText(limitBytes)}: it is lost after ${bytesText(safeBytes)} more${idle}`;
}

function bytesText(bytes: number | null): string {
  return sizeText(Math.max(0, bytes ?? 0));
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}
