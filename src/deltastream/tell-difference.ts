/** What differs in the catalog, as control messages. */
import type pg from 'pg';
import { tellControls, type Control } from '../postgres/control.js';
import { readUsersOf } from '../postgres/fingerprint.js';
import type { Again, Difference } from './catalog-state.js';

/**
 * Tells it, and gives what has to be copied once more: a transaction that wrote rows before a label was renamed,
 * and commits after the copy was taken, has the old label in the log. `isStaleTold`: event triggers
 * have said that the tables are stale, and nobody knows who was writing then.
 */
export async function tellDifference(client: pg.Client, difference: Difference, due: readonly Again[], isStaleTold: boolean): Promise<Again[]> {
  const { looked, offered, renamedTypes, changedTypes } = difference;
  const renamed = renamedTypes.length === 0 ? [] : await readUsersOf(client, renamedTypes);
  const stale = changedTypes.length === 0 ? [] : await readUsersOf(client, changedTypes);
  const changedThen = due.flatMap(({ types }) => types);
  const users = changedThen.length === 0 ? [] : await readUsersOf(client, changedThen);
  const controls: Control[] = [
    { word: 'look', oids: [...new Set([...looked, ...renamed])] },
    { word: 'stale', oids: isStaleTold ? [] : stale },
    { word: 'reload', oids: [...new Set([...due.flatMap(({ oids }) => oids), ...users])] },
    { word: 'offer', oids: offered },
  ];
  if (changedTypes.length === 0 && controls.every(({ oids }) => oids.length === 0)) return [];
  const { xid, oldestXid } = await tellControls(client, controls);
  return changedTypes.length > 0 && (isStaleTold || oldestXid < xid) ? [{ xid: String(xid), oids: stale, types: changedTypes }] : [];
}
