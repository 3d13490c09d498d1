/** `deltastream drop`: removes all that setup and --create-slot made, and says each thing. */
import type pg from 'pg';
import type { command } from '../cli.js';
import { DeltaError } from '../errors.js';
import { connect, placeOf } from '../postgres/connection.js';
import { isOurs } from '../postgres/publication-change.js';
import { dropPublication, readOthers } from '../postgres/publication-drop.js';
import { readPublication } from '../postgres/publication.js';
import { checkSlotName, dropSlot, PGOUTPUT, PLUGIN, readerOf, readSlot } from '../postgres/slot.js';
import { readTriggers, removeTriggers } from '../postgres/triggers.js';

type Program = ReturnType<typeof command>;

interface DropOptions {
  readonly pg?: string;
  readonly slot: string;
  readonly json?: boolean;
}

/** What was removed, and what is left, with why or for whom. */
interface Done { readonly removed: readonly string[]; readonly left: readonly string[] }

/** Adds the subcommand. */
export function addDrop(program: Program): void {
  program.command('drop')
    .description('remove the slot, its publication and the event triggers; the log and the caches stay')
    .option('--pg <url>', 'postgres://user@host:port/database; else the PG* environment and the password file')
    .requiredOption('--slot <name>', 'the replication slot')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  deltastream drop --slot fleet --pg postgres://admin@db/app')
    .action(async (options: DropOptions) => {
      checkSlotName(options.slot);
      const client = await connect(options.pg, { applicationName: 'deltastream' });
      try {
        const { removed, left } = await drop(client, options.slot);
        const lines = [...removed.map((what) => `removed ${what}`), ...left.map((what) => `left ${what}`)];
        const nothing = `${placeOf(client)}: nothing of slot "${options.slot}" is there`;
        for (const line of options.json === true ? [JSON.stringify({ removed, left })] : lines.length === 0 ? [nothing] : lines) process.stdout.write(`${line}\n`);
        if (left.some((what) => what.includes(' — '))) process.exitCode = 1;
      } finally {
        await client.end();
      }
    });
}

/** The slot first: as long as it is there, the server keeps WAL for it. */
async function drop(client: pg.Client, name: string): Promise<Done> {
  const removed: string[] = [];
  const left: string[] = [];
  if (await removeSlot(client, name)) removed.push(`slot "${name}"`);
  const publication = await readPublication(client, name);
  if (publication !== undefined) {
    if (!isOurs(publication)) left.push(`publication "${name}": deltastream did not make it`);
    else if (await dropPublication(client, name)) removed.push(`publication "${name}"`);
    else left.push(`publication "${name}": belongs to role "${publication.owner}" — as that role: DROP PUBLICATION "${name}";`);
  }
  await dropTriggers(client, removed, left);
  return { removed, left };
}

/** False where there is none. Throws DeltaError `busy` where somebody reads it, and before anything is removed. */
async function removeSlot(client: pg.Client, name: string): Promise<boolean> {
  const slot = await readSlot(client, name);
  if (slot === undefined) return false;
  if (slot.plugin !== PLUGIN && slot.plugin !== PGOUTPUT) {
    throw new DeltaError('slot', `slot "${name}": belongs to ${slot.plugin === null ? 'a standby' : `the plugin ${slot.plugin}`}, deltastream did not make it`, { hint: 'choose another --slot' });
  }
  if (slot.activePid !== null) {
    throw new DeltaError('busy', `slot "${name}": is being read by ${readerOf(slot)}; nothing was removed`, { hint: 'stop that process, then drop again' });
  }
  if (slot.database !== client.database) {
    throw new DeltaError('slot', `slot "${name}": belongs to database "${slot.database}", this one is "${client.database}"; nothing was removed`, { hint: `connect to "${slot.database}"` });
  }
  await dropSlot(client, name);
  return true;
}

/** They serve every slot of the database. */
async function dropTriggers(client: pg.Client, removed: string[], left: string[]): Promise<void> {
  if (await readTriggers(client) === 'absent') return;
  const others = await readOthers(client);
  const what = 'the event triggers, their functions and the schema deltastream';
  if (others.length > 0) left.push(`${what}: they serve ${others.join(', ')} too; without these: deltastream setup --undo`);
  else if (await removeTriggers(client)) removed.push(what);
  else left.push(`${what}: role "${client.user}" may not remove them — deltastream setup --undo --print | psql -1 as a superuser`);
}
