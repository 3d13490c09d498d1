import { shellWord } from '../errors.js';

/** What to type where the log and its Postgres no longer meet: differences are found and written, and hosts go on. */
export function reconcileHint(slot: string, out = 'DIR'): string {
  return `deltastream reconcile --slot ${slot} --out ${shellWord(out)} --cache FILE`;
}
