/** What was last seen of the slot: kept in a file of the log's folder, to know another slot of that name. */
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A log that is brought on to another slot forgets it. */
export const SLOT_FILE = '.slot.json';
const VERSION = 2;

/** LSNs in Postgres's own spelling. */
export interface SlotMemory {
  readonly system: string;
  readonly timeline: number;
  /** Where this timeline left the one before; null for the first. */
  readonly began: string | null;
  /** Where it read from, a look before. */
  readonly restart: string;
  /** Seen at one look: what was confirmed, and where it read from. */
  readonly confirmed: string;
  readonly restartThen: string;
  /** When the server was started. */
  readonly started: string;
}

/** Undefined where there is none, or one that is not ours: then less is noticed. */
export function readSlotMemory(folder: string): SlotMemory | undefined {
  try {
    const { version, ...memory } = JSON.parse(readFileSync(join(folder, SLOT_FILE), 'utf8')) as SlotMemory & { version: number };
    return version === VERSION ? memory : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all. Not synced: an older one notices less, and nothing that is not so. */
export async function writeSlotMemory(folder: string, memory: SlotMemory): Promise<void> {
  const path = join(folder, SLOT_FILE);
  await writeFile(`${path}.new`, JSON.stringify({ version: VERSION, ...memory }));
  await rename(`${path}.new`, path);
}
