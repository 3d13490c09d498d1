/** What was last seen of the slot: kept in a file of the log's folder, to know another slot of that name. */
import { readFileSync, rmSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILE = '.slot.json';
const VERSION = 1;

/** LSNs in Postgres's own spelling. */
export interface SlotMemory {
  readonly system: string;
  readonly timeline: number;
  /** Where this timeline left the one before; null for the first. */
  readonly began: string | null;
  readonly restart: string;
  readonly confirmed: string;
  /** When the server was started. */
  readonly started: string;
}

/** Undefined where there is none, or one that is not ours: then less is noticed. */
export function readSlotMemory(folder: string): SlotMemory | undefined {
  try {
    const { version, ...memory } = JSON.parse(readFileSync(join(folder, FILE), 'utf8')) as SlotMemory & { version: number };
    return version === VERSION ? memory : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all. Not synced: an older one notices less, and nothing that is not so. */
export async function writeSlotMemory(folder: string, memory: SlotMemory): Promise<void> {
  const path = join(folder, FILE);
  await writeFile(`${path}.new`, JSON.stringify({ version: VERSION, ...memory }));
  await rename(`${path}.new`, path);
}

/** The slot that is there now is the log's, whatever was seen before. */
export function forgetSlot(folder: string): void {
  rmSync(join(folder, FILE), { force: true });
}
