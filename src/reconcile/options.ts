import type { Following } from '../daystream/following.js';
import type { PluginChoice } from '../postgres/slot.js';

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
  /** In the log's folder: what is known of a server that the log no longer follows. */
  readonly forget: readonly string[];
}
