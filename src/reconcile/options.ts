import type pg from 'pg';
import type { Following } from '../daystream/following.js';
import type { PluginChoice, PluginName } from '../postgres/slot.js';

/** Reads at a snapshot what deltastream keeps of the server that it follows; gives what writes it into the log's folder. */
export type KnowSince = (client: pg.Client, folder: string, following: Following & { readonly slot: string }, plugin: PluginName) => Promise<() => Promise<void>>;

/** What a reconciliation is asked to do. */
export interface ReconcileOptions extends Following {
  /** The folder of the log. */
  readonly out: string;
  readonly slot: string;
  /** A URL; undefined: the PG* environment. */
  readonly pg: string | undefined;
  readonly plugin: PluginChoice;
  /** A cache of the followed tables; undefined: every table is copied through the log. */
  readonly cache: string | undefined;
  /** Only says what differs. */
  readonly dryRun: boolean;
  readonly knowSince: KnowSince;
}
