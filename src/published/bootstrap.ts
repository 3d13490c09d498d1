/** A cache out of the newest published snapshot of a log, or the part of it that a host wants: no connection to Postgres. */
import { renameSync } from 'node:fs';
import { removeDatabase } from '../sqlite/publish.js';
import { takeTables, takeWhole, type Held, type Taken } from '../sqlite/take.js';
import { fetchSnapshot } from './fetch.js';
import { withNewest, type Log, type Snapshot } from './find.js';

/** What a host wants of a snapshot; undefined: all of it, as it is. Throws where the snapshot does not have that. */
export type Plan = (held: Pick<Held, 'tables' | 'patterns'>, snapshot: Snapshot) => Taken | undefined;

export interface Telling {
  /** A line for whoever waits. */
  say(text: string): void;
  /** So many bytes of the snapshot's file are here. */
  came(snapshot: Snapshot, bytes: number): void;
}

/**
 * Makes the file `draft`, synced: a cache that follows this log from the snapshot's position on. `plan` is asked before
 * anything is fetched. Throws DeltaError; the draft, and all else whose name begins with its name, is then to be removed.
 */
export async function draftFromNewest(log: Log, draft: string, plan: Plan, telling: Telling, signal: AbortSignal): Promise<Snapshot> {
  const fetched = `${draft}-fetched`;
  return withNewest(log, (text) => telling.say(text), async (snapshot) => {
    const taken = plan(snapshot.head, snapshot);
    removeDatabase(fetched);
    await fetchSnapshot(log, snapshot, fetched, (bytes) => telling.came(snapshot, bytes), signal);
    if (taken === undefined) {
      takeWhole(fetched, log.place);
      renameSync(fetched, draft);
    } else {
      // Planned anew, since the tables in the file say more than those in the snapshot's head: how they join.
      takeTables(draft, fetched, (held) => ({ ...plan(held, snapshot)!, source: log.place }));
      removeDatabase(fetched);
    }
    return snapshot;
  });
}
