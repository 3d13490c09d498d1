/** `deltastream status`: how slot and log are, for people and for monitoring; exit code 1 when something wants to be seen to. */
import { share, sizeText, type command } from '../cli.js';
import { Folder } from '../daystream/folder.js';
import { horizonsBackward } from '../daystream/horizons.js';
import { formatLsn, parseLsn, type Lsn } from '../daystream/lsn.js';
import { reconcileHint } from '../daystream/reconcile-hint.js';
import { findLogEnd } from '../daystream/recovery.js';
import { DeltaError, shellWord } from '../errors.js';
import { connect } from '../postgres/connection.js';
import { checkSlotName } from '../postgres/slot.js';
import { readSlotHealth, usedShare, type SlotHealth } from '../postgres/slot-health.js';
import { complaintsOf, describeSlot, type Complaint } from './health-words.js';

type Program = ReturnType<typeof command>;

interface StatusOptions {
  readonly slot: string;
  readonly out?: string;
  readonly pg?: string;
  readonly slotWarning: number;
  readonly json?: boolean;
}

/** A horizon comes every 10 s. */
const STALE_SECONDS = 30;

interface LogHealth {
  readonly lsn: Lsn;
  /** Seconds since the source was last known to be alive; undefined where the log does not tell yet. */
  readonly horizonAge: number | undefined;
  /** Tables that a copy is due of, for everybody or for some. */
  readonly copiesDue: number;
}

/** Adds the subcommand. */
export function addStatus(program: Program): void {
  program.command('status')
    .description('how the slot and the log are; exit code 1 when something wants to be seen to')
    .requiredOption('--slot <name>', 'the replication slot')
    .option('--out <dir>', 'folder of the log; without it only the slot is looked at')
    .option('--pg <url>', 'postgres://user@host:port/database; else the PG* environment and the password file')
    .option('--slot-warning <share>', 'it is unhealthy from this part of max_slot_wal_keep_size on', share, 0.8)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  deltastream status --slot fleet --out /var/daystream')
    .action(async (options: StatusOptions) => {
      checkSlotName(options.slot);
      const before = options.out === undefined ? undefined : await logHealth(options.out);
      const slot = await slotHealth(options);
      const log = options.out === undefined ? undefined : await logHealth(options.out);
      const complaints = [...apart(before, slot, log, options) ?? slotComplaints(slot, options), ...logComplaints(log, options)];
      const behind = log === undefined ? undefined : behindOf(slot, log);
      const lines = options.json === true ? [asJson(slot, log, behind, complaints)] : describe(options, slot, log, behind, complaints);
      for (const line of lines) process.stdout.write(`${line}\n`);
      if (complaints.length > 0) process.exitCode = 1;
    });
}

async function slotHealth({ pg, slot }: StatusOptions): Promise<SlotHealth | undefined> {
  const client = await connect(pg, { applicationName: 'deltastream' });
  try {
    return await readSlotHealth(client, slot);
  } finally {
    await client.end();
  }
}

async function logHealth(out: string): Promise<LogHealth> {
  const folder = new Folder(out);
  try {
    const end = await findLogEnd(folder);
    if (end === undefined) throw new DeltaError('log-missing', `${out}: holds no daystream yet`, { hint: 'give the folder that deltastream --out writes' });
    let horizonAge: number | undefined;
    for await (const { timestampUs } of horizonsBackward(folder)) {
      horizonAge = Math.max(0, Date.now() / 1000 - Number(timestampUs / 1000n) / 1000);
      break;
    }
    return { lsn: end.lsn, horizonAge, copiesDue: end.due.needs.length };
  } finally {
    await folder.close();
  }
}

/** Slot and log that do not meet, which nothing but a reconcile cures. The log is asked before and after the slot, since both move. */
function apart(before: LogHealth | undefined, slot: SlotHealth | undefined, log: LogHealth | undefined, { slot: name, out }: StatusOptions): Complaint[] | undefined {
  if (before === undefined || log === undefined || slot?.confirmedFlushLsn == null) return undefined;
  const confirmed = parseLsn(slot.confirmedFlushLsn);
  const cure = reconcileHint(name, out);
  if (confirmed > log.lsn) return [{ what: `slot "${name}": begins at ${slot.confirmedFlushLsn}, the log in ${out} ends at ${formatLsn(log.lsn)}: what lies between is in neither`, cure }];
  if (slot.standby || slot.lagBytes === null || confirmed + BigInt(slot.lagBytes) >= before.lsn) return undefined;
  return [{ what: `slot "${name}": the WAL of its server ends at ${formatLsn(confirmed + BigInt(slot.lagBytes))}, before the log in ${out} (${formatLsn(before.lsn)})`, cure }];
}

function slotComplaints(slot: SlotHealth | undefined, { slot: name, out, slotWarning }: StatusOptions): Complaint[] {
  if (slot === undefined) return [{ what: `slot "${name}": does not exist`, cure: out === undefined ? `deltastream --slot ${name} --create-slot --out DIR` : reconcileHint(name, out) }];
  const found = complaintsOf(slot, slotWarning, out);
  if (slot.active || found.some(({ cure }) => cure.includes('reconcile'))) return found;
  const since = slot.inactiveSince === null ? '' : ` since ${slot.inactiveSince}`;
  return [...found, { what: `slot "${name}": nobody reads it${since}`, cure: `start it: deltastream --slot ${name} --out ${out === undefined ? 'DIR' : shellWord(out)}` }];
}

function logComplaints(log: LogHealth | undefined, { slot, out }: StatusOptions): Complaint[] {
  if (log === undefined || (log.horizonAge !== undefined && log.horizonAge <= STALE_SECONDS)) return [];
  const age = log.horizonAge === undefined ? 'it has no horizon' : `its newest horizon is ${Math.round(log.horizonAge)} s old`;
  return [{ what: `${out}: ${age}: Postgres, deltastream or the way between them stands still`, cure: `see what deltastream prints; deltastream doctor --slot ${slot}` }];
}

/** Bytes of WAL that the server has and the log does not. */
function behindOf(slot: SlotHealth | undefined, log: LogHealth): number | undefined {
  if (slot?.confirmedFlushLsn == null || slot.lagBytes === null) return undefined;
  return Math.max(0, Number(parseLsn(slot.confirmedFlushLsn) - log.lsn) + slot.lagBytes);
}

function asJson(slot: SlotHealth | undefined, log: LogHealth | undefined, behindBytes: number | undefined, complaints: readonly Complaint[]): string {
  return JSON.stringify({
    healthy: complaints.length === 0,
    complaints,
    slot: slot === undefined ? null : { ...slot, usedShare: usedShare(slot) ?? null },
    log: log === undefined ? null : { lsn: formatLsn(log.lsn), behindBytes: behindBytes ?? null, horizonAgeSeconds: log.horizonAge ?? null, copiesDue: log.copiesDue },
  });
}

function describe({ out }: StatusOptions, slot: SlotHealth | undefined, log: LogHealth | undefined, behind: number | undefined, complaints: readonly Complaint[]): string[] {
  const age = log?.horizonAge === undefined ? 'none' : `${Math.round(log.horizonAge)} s old`;
  return [
    ...(slot === undefined ? [] : [describeSlot(slot)]),
    ...(log === undefined ? [] : [`log ${out}: complete up to ${formatLsn(log.lsn)}, behind ${behind === undefined ? 'unknown' : sizeText(behind)}, newest horizon ${age}, copies due ${log.copiesDue}`]),
    ...complaints.map(({ what, cure }) => `unhealthy: ${what} — ${cure}`),
    ...(complaints.length === 0 ? ['healthy'] : []),
  ];
}
