/** A slot that goes with its session, for who only wants to look: what is made for it goes too, and a log cannot go on with it. */
import type pg from 'pg';
import { DeltaError, reasonOf, shellWord } from '../errors.js';
import { connect } from '../postgres/connection.js';
import { preparePublication } from '../postgres/publication-change.js';
import { dropPublication } from '../postgres/publication-drop.js';
import { readPublication } from '../postgres/publication.js';
import { PGOUTPUT, readSlot, type PluginName } from '../postgres/slot.js';
import { makeTemporarySlot } from './make-slot.js';
import type { StreamOptions } from './options.js';

/** What to say of a folder that holds a log. */
export function requireNew(out: string): DeltaError {
  return new DeltaError('slot', `${out}: holds a log, and a temporary slot begins now: what lies between would be in neither`, { hint: `take another folder, or clear it: rm -r ${shellWord(out)}` });
}

/** The publication before the slot, as for one that stays. Throws DeltaError `slot` where anything of that name is there. */
export async function makeTemporary(sql: pg.Client, replication: pg.Client, { slot, tables, partitions, plugin }: StreamOptions & { readonly plugin: PluginName }, because: string, tell: (text: string) => void, publishes: () => void): Promise<void> {
  if (await readSlot(sql, slot) !== undefined) throw new DeltaError('slot', `slot "${slot}": is there, and a temporary one is to be made`, { hint: 'use another --slot' });
  tell(`plugin ${plugin}: ${because}`);
  if (plugin === PGOUTPUT) {
    if (await readPublication(sql, slot) !== undefined) throw new DeltaError('slot', `publication "${slot}": is there, and would go with the temporary slot`, { hint: 'use another --slot' });
    publishes();
    await preparePublication(sql, { name: slot, tables, partitions }, false);
  }
  await makeTemporarySlot(replication, sql, slot, plugin, tell);
}

/** What else was made for the slot. Says so where it cannot be removed. */
export async function removeMade({ pg, slot }: StreamOptions, tell: (text: string) => void): Promise<void> {
  try {
    const client = await connect(pg, { applicationName: 'deltastream' });
    try {
      await dropPublication(client, slot);
    } finally {
      await client.end();
    }
  } catch (error) {
    tell(`publication "${slot}": is left behind: ${reasonOf(error)} — deltastream drop --slot ${slot}`);
  }
}
