/**
 * A host that was away for longer than the log reaches. What stood between is gone, so its
 * cache begins again with the newest published snapshot. Its readers keep the old state,
 * under the same path, until all of the new one is there.
 */
import { sizeText } from '../cli.js';
import { formatPosition } from '../daystream/position.js';
import { snapshotsOf } from '../daystream/snapshot-name.js';
import { DeltaError, shellWord } from '../errors.js';
import { draftFromNewest } from '../published/bootstrap.js';
import { isBehind, type Log, type Snapshot } from '../published/find.js';
import { draftOf, removeDrafts } from '../sqlite/drafts.js';
import { tableKey } from '../sqlite/names.js';
import { isTaken } from '../sqlite/objects.js';
import { openReader } from '../sqlite/open.js';
import { readPatterns } from '../sqlite/patterns.js';
import { readPosition } from '../sqlite/position.js';
import { replaceTables } from '../sqlite/replace.js';
import { readTables } from '../sqlite/tables.js';
import { planForHost, QuarantinedThere, type Host, type HostPlan } from './host-plan.js';
import type { Report } from './report.js';

/**
 * Runs `follow`, and where the log no longer reaches back to the cache, takes the newest snapshot and runs it again. The
 * caller holds the cache's lock and has no connection to it open. Without `bootstrap` throws DeltaError log-missing that says what to type.
 */
export async function followFromNewest<T>(path: string, log: Log, bootstrap: boolean, report: Report, signal: AbortSignal, follow: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await follow();
    } catch (error) {
      if (!(error instanceof DeltaError) || error.code !== 'log-missing') throw error;
      const host = hostOf(path);
      if (host === undefined || !(await isBehind(log, host.at.position).catch(() => false))) throw error;
      if (!bootstrap) throw await told(error, log, path);
      await begin(host, log, report, signal);
    }
  }
}

function hostOf(path: string): Host | undefined {
  const cache = openReader(path);
  try {
    const at = readPosition(cache);
    return at && { path, at, tables: readTables(cache), patterns: readPatterns(cache) };
  } finally {
    cache.close();
  }
}

/** The same with what to type here. */
async function told(error: DeltaError, log: Log, path: string): Promise<DeltaError> {
  const [newest] = snapshotsOf(await log.files());
  if (newest === undefined) return error;
  return new DeltaError(error.code, error.message, { cause: error, hint: `to begin with the snapshot ${newest}: deltamirror --bootstrap ${shellWord(path)}` });
}

async function begin(host: Host, log: Log, report: Report, signal: AbortSignal): Promise<void> {
  const { path, at } = host;
  report.note(`${log.place} no longer reaches back to ${formatPosition(at.position)}: taking the newest published snapshot; readers keep what is there until it is whole`);
  removeDrafts(path);
  const draft = draftOf(path);
  try {
    const { snapshot, plan: { tables, added, ended, left, gone } } = await drafted(host, log, draft, report, signal);
    const lost = replaceTables(path, draft, { at: snapshot.head.position, tables: tables.map(({ to }) => to), patterns: added, ended });
    for (const { schema, name, as } of left) report.note(`${schema}.${name} was dropped; its rows stay in ${as}`);
    const names = new Set(tables.map(({ to }) => tableKey(to.schema, to.name)));
    for (const { schema, name } of gone) report.note(`${schema}.${name} is gone: ${names.has(tableKey(schema, name)) ? 'another table has its name by now' : 'the log no longer has it'}`);
    for (const { kind, name, reason } of lost) report.note(`${kind} ${name} could not be kept: ${reason}`);
    report.note(`began again with ${snapshot.name}`);
  } finally {
    removeDrafts(path);
  }
}

/** The draft, of the newest snapshot in which all tables are well that are so here; where none is left, of the newest. */
async function drafted(host: Host, log: Log, draft: string, report: Report, signal: AbortSignal): Promise<{ snapshot: Snapshot; plan: HostPlan }> {
  const telling = {
    say: (text: string) => report.note(text),
    came: ({ name, head }: Snapshot, bytes: number) => report.note(`${name}: ${sizeText(bytes)} of ${sizeText(head.bytes)}`),
  };
  let plan: HostPlan | undefined;
  let isQuarantined = false;
  const take = (takesQuarantined: boolean) => draftFromNewest(log, draft, (held, newest) => {
    try {
      return (plan = planForHost(host, held, newest, takesQuarantined));
    } catch (error) {
      isQuarantined ||= error instanceof QuarantinedThere;
      throw error;
    }
  }, telling, signal);
  const snapshot = await take(false).catch((error: unknown) => {
    if (!isQuarantined || !(error instanceof DeltaError) || error.code !== 'log-missing') throw error;
    report.note('no published snapshot has every table in order: what went into quarantine meanwhile comes as it stood then, and stays so');
    return take(true);
  });
  requireRows(draft, plan!, host);
  return { snapshot, plan: plan! };
}

/** What stands still in a snapshot may have lost its rows there, to somebody who removed them: the host's are not given away for it. */
function requireRows(draft: string, { tables }: HostPlan, host: Host): void {
  const well = new Set(host.tables.filter(({ quarantine }) => quarantine === undefined).map(({ oid }) => oid));
  const cache = openReader(draft);
  try {
    for (const { to } of tables) {
      if (to.quarantine === undefined || !well.has(to.oid) || isTaken(cache, to.table)) continue;
      throw new DeltaError('config', `the snapshot has table ${to.schema}.${to.name} in quarantine, and no rows of it`, { hint: 'on the host that published it copy the table again with deltaimport, and publish again' });
    }
  } finally {
    cache.close();
  }
}
