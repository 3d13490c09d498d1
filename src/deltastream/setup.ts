/**
 * `deltastream setup`: event triggers, so that schema changes are told in the transactions that make
 * them; and for a slot of pgoutput its publication.
 */
import type { command } from '../cli.js';
import { parsePatterns } from '../daystream/pattern.js';
import { DeltaError } from '../errors.js';
import { connect, placeOf } from '../postgres/connection.js';
import { dropSql, preparation, preparePublication, type Making } from '../postgres/publication-change.js';
import { dropPublication } from '../postgres/publication-drop.js';
import { checkSlotName, PGOUTPUT, readSlot, type PluginChoice } from '../postgres/slot.js';
import { installTriggers, readTriggers, removeTriggers } from '../postgres/triggers.js';
import { INSTALL, REMOVE } from '../postgres/triggers-sql.js';
import type { StreamOptions } from './options.js';
import { explain, schemaChangesOf, type SchemaChanges } from './schema-changes.js';
import { examine } from './source.js';

type Program = ReturnType<typeof command>;
type Option = Parameters<Program['addOption']>[0];
type Client = Awaited<ReturnType<typeof connect>>;

interface SetupOptions {
  readonly pg: string | undefined;
  readonly slot?: string;
  readonly tables: string | undefined;
  readonly partitions: StreamOptions['partitions'];
  readonly plugin: PluginChoice;
  readonly undo?: boolean;
  readonly print?: boolean;
  readonly json?: boolean;
}

/** Adds the subcommand. */
export function addSetup(program: Program, partitions: Option, plugin: Option): void {
  program.command('setup')
    .description('install event triggers that tell each schema change in its own transaction; with --slot, what its plugin needs besides')
    .option('--pg <url>', 'postgres://user@host:port/database; else the PG* environment and the password file')
    .option('--slot <name>', 'the replication slot that is, or will be, followed')
    .option('--tables <patterns>', 't, schema.t, schema.*, separated by commas; else every table')
    .addOption(partitions)
    .addOption(plugin)
    .option('--undo', 'remove them')
    .option('--print', 'print the SQL and do nothing, for whoever may run it')
    .option('--json', 'print one JSON object')
    .addHelpText('after', `
Examples:
  deltastream setup --pg postgres://admin@db/app          install them, as a superuser
  deltastream setup --print | psql -1 -U postgres app     the same, by somebody else
  deltastream setup --slot fleet --plugin pgoutput        and the publication of slot fleet
  deltastream setup --undo                                remove them`)
    .action((options: SetupOptions) => setup(options, (line) => process.stdout.write(`${line}\n`)));
}

async function setup(options: SetupOptions, print: (line: string) => void): Promise<void> {
  check(options);
  const triggers = options.undo === true ? REMOVE : INSTALL;
  if (options.print === true && options.slot === undefined) return print(triggers.trimEnd());
  const client = await connect(options.pg, { applicationName: 'deltastream' });
  try {
    const making = await makingOf(options);
    if (options.print === true) return print(`${triggers}${making === undefined ? '' : await publicationSql(client, options, making)}`.trimEnd());
    // The publication first: who may not make it is told before anything is done.
    const publication = making === undefined ? undefined : await setPublication(client, options, making);
    const done = await (options.undo === true ? removeTriggers(client) : installTriggers(client));
    const changes = schemaChangesOf(await readTriggers(client));
    if (options.json === true) return print(JSON.stringify({ done, schemaChanges: changes, publication: making?.name }));
    for (const line of [...(publication === undefined ? [] : [`${placeOf(client)}: ${publication}`]), describe(options, done, changes, placeOf(client), client.user ?? '')]) print(line);
  } finally {
    await client.end();
  }
}

function check({ slot, tables, plugin }: SetupOptions): void {
  if (slot !== undefined) checkSlotName(slot);
  if (tables !== undefined) parsePatterns(tables);
  if (slot === undefined && (plugin === PGOUTPUT || tables !== undefined)) throw new DeltaError('usage', '--slot: is missing, and the publication bears its name', { hint: 'deltastream setup --slot NAME --plugin pgoutput' });
}

/** Undefined where the slot needs no publication. */
async function makingOf({ slot, ...options }: SetupOptions): Promise<Making | undefined> {
  if (slot === undefined) return undefined;
  const { sql, replication, plugin } = await examine({ ...options, slot, createSlot: true });
  for (const client of [sql, replication]) await client?.end();
  return plugin === PGOUTPUT ? { name: slot, tables: options.tables, partitions: options.partitions } : undefined;
}

async function publicationSql(client: Client, { undo }: SetupOptions, making: Making): Promise<string> {
  return undo === true ? dropSql(making.name) : preparation(client, making, await readSlot(client, making.name) !== undefined, true);
}

/** In words, what was done. */
async function setPublication(client: Client, { undo }: SetupOptions, making: Making): Promise<string> {
  const hasSlot = await readSlot(client, making.name) !== undefined;
  if (undo !== true) return `publication "${making.name}" ${await preparePublication(client, making, hasSlot) ? 'made, of what is followed and can be published' : 'is as it should be'}`;
  if (hasSlot) throw new DeltaError('slot', `publication "${making.name}": slot "${making.name}" sends nothing without it`, { hint: `deltastream drop --slot ${making.name} removes both` });
  return await dropPublication(client, making.name) ? `publication "${making.name}" removed` : `role "${client.user}" may not drop publication "${making.name}" — deltastream setup --slot ${making.name} --plugin pgoutput --undo --print | psql -1 as its owner`;
}

function describe({ undo }: SetupOptions, done: boolean, changes: SchemaChanges, place: string, role: string): string {
  if (done) return undo === true ? `${place}: event triggers removed; ${explain('polling')}` : `${place}: event triggers installed; they tell schema changes in their own transactions`;
  const flags = undo === true ? '--undo --print' : '--print';
  return `${place}: role "${role}" may not ${undo === true ? 'remove' : 'make'} event triggers; ${explain(changes)} — deltastream setup ${flags} | psql -1 as a superuser`;
}
