/** What a log that is brought on to another server was told of its catalog: a session begins with it as with what an earlier one left. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import type { Following } from '../daystream/following.js';
import { readDigest, readTablePrints, readTypeItems } from '../postgres/fingerprint.js';
import { PGOUTPUT, type PluginName } from '../postgres/slot.js';
import { readTriggers } from '../postgres/triggers.js';
import { onlyFollowed, stateOf, writeCatalogState } from './catalog-state.js';
import { SLOT_FILE } from './slot-memory.js';
import { seeMarks } from './watch-marks.js';

/** Reads the catalog as the client's snapshot sees it; gives what writes it into the log's folder, and forgets the slot of before. */
export async function knowSince(client: pg.Client, folder: string, following: Following, plugin: PluginName): Promise<() => Promise<void>> {
  const triggers = await readTriggers(client) === 'installed';
  const { digest } = await readDigest(client);
  const prints = await readTablePrints(client, following.partitions);
  const state = stateOf(following, digest, triggers, onlyFollowed(prints, following.tables), await readTypeItems(client));
  const seen = plugin === PGOUTPUT ? await seeMarks(client, prints, following) : undefined;
  return async () => {
    await writeCatalogState(folder, { ...state, ...(seen === undefined ? {} : { seen: { names: seen.names, marks: seen.marks } }) });
    await rm(join(folder, SLOT_FILE), { force: true });
  };
}
