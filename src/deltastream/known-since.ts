/**
 * What is kept of the catalog where a log begins, or goes on on another server, before anybody reads
 * it: whatever changes from there on differs from it at the first look.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import type { Following } from '../daystream/following.js';
import { readDigest, readTablePrints, readTypeItems } from '../postgres/fingerprint.js';
import type { PluginName } from '../postgres/slot.js';
import { readTriggers } from '../postgres/triggers.js';
import { onlyFollowed, stateOf, writeCatalogState, type CatalogState } from './catalog-state.js';
import { readPublicationState } from './keep-publication.js';
import { publicationOf, type StreamOptions } from './options.js';
import { forgetLeafNotes } from './pgoutput/leaf-notes.js';
import { SLOT_FILE } from './slot-memory.js';
import { seeMarks } from './watch-marks.js';

type Known = Following & Pick<StreamOptions, 'slot' | 'plugin'>;

/** Reads it as the client sees it now. */
export async function readKnown(client: pg.Client, options: Known): Promise<CatalogState> {
  const { tables, partitions } = options;
  const name = publicationOf(options);
  const triggers = await readTriggers(client) === 'installed';
  const { digest } = await readDigest(client);
  const prints = await readTablePrints(client, partitions);
  const state = stateOf(options, digest, triggers, onlyFollowed(prints, tables), await readTypeItems(client));
  if (name === undefined) return state;
  const { names, marks } = await seeMarks(client, prints, options);
  const publication = await readPublicationState(client, { name, tables, partitions });
  return { ...state, seen: { names, marks }, ...(publication === undefined ? {} : { publication }) };
}

/** Reads the catalog as the client's snapshot sees it; gives what writes it into the log's folder, and forgets the slot of before. */
export async function knowSince(client: pg.Client, folder: string, following: Following & { readonly slot: string }, plugin: PluginName): Promise<() => Promise<void>> {
  const state = await readKnown(client, { ...following, plugin });
  return async () => {
    await writeCatalogState(folder, state);
    await rm(join(folder, SLOT_FILE), { force: true });
    forgetLeafNotes(folder);
  };
}
