/**
 * Whether a slot goes on where the log ends. A slot has no mark of its own: one that was dropped and made
 * again, copied, moved or restored bears the same name, so it is known by where it stands. What cannot be
 * so for the log's own slot is refused before a line is written, since the log would have a hole.
 */
import { formatLsn, parseLsn, type Lsn } from '../daystream/lsn.js';
import { reconcileHint } from '../daystream/reconcile-hint.js';
import { DeltaError } from '../errors.js';
import type { StreamOptions } from './options.js';
import type { SlotMemory } from './slot-memory.js';
import type { Source } from './source.js';

type Place = Pick<StreamOptions, 'slot' | 'out'>;
type Facts = Pick<Source, 'place' | 'identity' | 'health' | 'confirmedLsn'>;

/** Throws DeltaError `slot` or `log-foreign` when the log and the slot no longer meet. Gives what is worth a word. */
export function checkContinuity(source: Facts, logLsn: Lsn, place: Place, memory: SlotMemory | undefined): string | undefined {
  const { slot, out } = place;
  const hint = reconcileHint(slot, out);
  // A slot forgets only what was confirmed, so one that is ahead of the log was moved or made anew.
  if (source.confirmedLsn > logLsn) {
    throw new DeltaError('slot', `slot "${slot}": begins at ${formatLsn(source.confirmedLsn)}, the log in ${out} ends at ${formatLsn(logLsn)}: it was moved or made anew, and what lies between is in neither`, { hint });
  }
  if (parseLsn(source.identity.walLsn) < logLsn) {
    if (source.health.standby) throw new DeltaError('connection', `${source.place}: a standby that has replayed up to ${source.identity.walLsn}, and the log in ${out} ends at ${formatLsn(logLsn)}: it has yet to come there`);
    throw new DeltaError('log-foreign', `${source.place}: its WAL ends at ${source.identity.walLsn}, before the log in ${out} (${formatLsn(logLsn)}): the server was restored, or lost commits in a failover`, { hint });
  }
  if (memory === undefined || memory.system !== source.identity.system || memory.timeline !== source.identity.timeline) return undefined;
  return checkMemory(source, place, memory);
}

/** Against what was seen of the slot on this timeline. */
function checkMemory(source: Facts, { slot, out }: Place, memory: SlotMemory): string | undefined {
  const { restartLsn, confirmedFlushLsn, serverStarted } = source.health;
  const began = beganOf(source);
  if (began !== null && memory.began !== null && began !== memory.began) {
    throw new DeltaError('log-foreign', `${source.place}: its timeline ${memory.timeline} began at ${began}, the one of the log in ${out} at ${memory.began}: two servers were promoted`, { hint: reconcileHint(slot, out) });
  }
  const other = (what: string) => new DeltaError('slot', `slot "${slot}": ${what}: it is another slot of that name, or the server was restored`, { hint: reconcileHint(slot, out) });
  // Saved before it takes effect, so not even a crash of the server sets it back.
  if (restartLsn !== null && parseLsn(restartLsn) < parseLsn(memory.restart)) throw other(`reads from ${restartLsn} on, and had come to ${memory.restart}`);
  if (confirmedFlushLsn === null || parseLsn(confirmedFlushLsn) >= parseLsn(memory.confirmed)) return undefined;
  if (serverStarted === memory.started) throw other(`begins at ${confirmedFlushLsn}, and had come to ${memory.confirmed}`);
  // What a crash brings back was saved before that look, so it reads from no later than was seen then: one that was made anew does.
  if (restartLsn === null || parseLsn(restartLsn) > parseLsn(memory.restartThen)) throw other(`begins at ${confirmedFlushLsn}, before ${memory.confirmed}, where it had come to, but reads from ${restartLsn} on, behind ${memory.restartThen}`);
  return `slot "${slot}": begins at ${confirmedFlushLsn} again, and had come to ${memory.confirmed}: the server was started anew and forgot it; what comes twice is compared with the log`;
}

/** Where the server's timeline left the one before; null for the first. */
export function beganOf({ identity }: Pick<Source, 'identity'>): string | null {
  const last = [...identity.ancestors.values()].at(-1);
  return last === undefined ? null : formatLsn(last);
}

/**
 * Once the stream has begun nobody else can touch the slot: it must be the one that was checked.
 * Throws DeltaError `connection`, and all is asked again, where it is not.
 */
export async function requireCheckedSlot(source: Source, slot: string): Promise<void> {
  const health = await source.beside.health(slot);
  // Where decoding begins the server itself may move on meanwhile, as far as what is confirmed lets it.
  const readsFrom = ({ restartLsn }: { readonly restartLsn: string | null }) => parseLsn(restartLsn ?? '0/0');
  if (health !== undefined && health.confirmedFlushLsn === source.health.confirmedFlushLsn && readsFrom(health) >= readsFrom(source.health)) return;
  throw new DeltaError('connection', `slot "${slot}": was moved while it was being opened, or cannot be asked for`);
}
