import type { Following } from '../daystream/following.js';
import { parsePatterns } from '../daystream/pattern.js';
import { checkTarget } from '../postgres/connection.js';
import { checkSlotName, PGOUTPUT, type PluginChoice } from '../postgres/slot.js';

/** What a run of deltastream is asked to do. */
export interface StreamOptions extends Following {
  /** The folder of the log. */
  readonly out: string;
  readonly slot: string;
  /** A URL; undefined: the PG* environment. */
  readonly pg: string | undefined;
  readonly createSlot: boolean;
  /** True: a slot is made that goes with its session, so there is one session; what is made for it goes too. */
  readonly temporarySlot?: boolean;
  /** A slot that is made is one that standbys keep a copy of, where the server can. */
  readonly failover: boolean;
  /** In a session the one that it is, never `auto`. */
  readonly plugin: PluginChoice;
  /** Handed to the plugin as it is, as the tables are. */
  readonly messages: string | undefined;
  /** A sync begins at the earliest so long after the one before; 0: as soon as that one is done. */
  readonly fsyncIntervalMs: number;
  /** A larger table is not copied into the log. */
  readonly reloadLimitBytes: number;
  /** So often the catalog is compared with what the log was told, where no event trigger tells. */
  readonly schemaIntervalMs: number;
  /** From this part of max_slot_wal_keep_size on the slot is warned of. */
  readonly slotWarning: number;
}

/** Throws DeltaError `usage` for what is malformed, so that a mistyped option leaves no folder behind. `connects`: there will be a connection. */
export function checkOptions({ slot, tables, pg }: StreamOptions, connects: boolean): void {
  checkSlotName(slot);
  if (tables !== undefined) parsePatterns(tables);
  if (connects) checkTarget(pg);
}

/** The publication that decides what the slot sends, which bears its name; undefined with our plugin. */
export function publicationOf({ plugin, slot }: Pick<StreamOptions, 'plugin' | 'slot'>): string | undefined {
  return plugin === PGOUTPUT ? slot : undefined;
}

/** The options of the plugin: those that were given. */
export function pluginOptions(options: StreamOptions): Record<string, string> {
  return {
    ...(options.tables === undefined ? {} : { tables: options.tables }),
    ...(options.partitions === 'root' ? {} : { partitions: options.partitions }),
    ...(options.messages === undefined ? {} : { messages: options.messages }),
  };
}
