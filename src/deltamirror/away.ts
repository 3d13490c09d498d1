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
import { isBehind, type Log } from '../published/find.js';
import { draftOf, removeDrafts } from '../sqlite/drafts.js';
import { openReader } from '../sqlite/open.js';
import { readPatterns } from '../sqlite/patterns.js';
import { readPosition } from '../sqlite/position.js';
import { replaceTables } from '../sqlite/replace.js';
import { readTables } from '../sqlite/tables.js';
import { planForHost, type Host, type HostPlan } from './host-plan.js';
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
  let plan: HostPlan | undefined;
  try {
    const snapshot = await draftFromNewest(log, draft, (held, newest) => (plan = planForHost(host, held, newest)), {
      say: (text) => report.note(text),
      came: ({ name, head }, bytes) => report.note(`${name}: ${sizeText(bytes)} of ${sizeText(head.bytes)}`),
    }, signal);
    const { tables, added, ended, left, gone } = plan!;
    const lost = replaceTables(path, draft, { at: snapshot.head.position, tables: tables.map(({ to }) => to), patterns: added, ended });
    for (const { schema, name, as } of left) report.note(`${schema}.${name} was dropped; its rows stay in ${as}`);
    for (const { schema, name } of gone) report.note(`${schema}.${name} is gone: the log no longer has it`);
    for (const { kind, name, reason } of lost) report.note(`${kind} ${name} could not be kept: ${reason}`);
    report.note(`began again with ${snapshot.name}`);
  } finally {
    removeDrafts(path);
  }
}
