/** Making the slot, with a word of what was made. */
import type pg from 'pg';
import { createSlot, createTemporarySlot, knowsFailover, type PluginName } from '../postgres/slot.js';
import { whileWaiting } from '../postgres/slot-wait.js';
import { removal } from './health-words.js';

/** `other` is a second connection, free to ask while the first one waits. */
export async function makeSlot(client: pg.Client, other: pg.Client, slot: string, plugin: PluginName, failover: boolean, tell: (text: string) => void): Promise<void> {
  await whileWaiting(client, other, slot, tell, async () => {
    const copied = failover && await knowsFailover(client);
    await createSlot(client, slot, plugin, copied);
    tell(`made slot "${slot}"${copied ? ', a failover slot' : ''}; when it is no longer wanted: ${removal(slot)}`);
  });
}

/** Of the connection that will read it: the slot goes with that one. */
export async function makeTemporarySlot(replication: pg.Client, other: pg.Client, slot: string, plugin: PluginName, tell: (text: string) => void): Promise<void> {
  await whileWaiting(replication, other, slot, tell, () => createTemporarySlot(replication, slot, plugin));
  tell(`made slot "${slot}", which goes with this process`);
}
