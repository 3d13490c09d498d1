/** `deltastream setup`: event triggers, so that schema changes are told in the transactions that make them. */
import type { command } from '../cli.js';
import { connect, placeOf } from '../postgres/connection.js';
import { installTriggers, readTriggers, removeTriggers } from '../postgres/triggers.js';
import { INSTALL, REMOVE } from '../postgres/triggers-sql.js';
import { explain, schemaChangesOf, type SchemaChanges } from './schema-changes.js';

type Program = ReturnType<typeof command>;

interface SetupOptions {
  readonly pg?: string;
  readonly undo?: boolean;
  readonly print?: boolean;
  readonly json?: boolean;
}

/** Adds the subcommand. */
export function addSetup(program: Program): void {
  program.command('setup')
    .description('install event triggers that tell each schema change in its own transaction')
    .option('--pg <url>', 'postgres://user@host:port/database; else the PG* environment and the password file')
    .option('--undo', 'remove them')
    .option('--print', 'print the SQL and do nothing, for whoever may run it')
    .option('--json', 'print one JSON object')
    .addHelpText('after', `
Examples:
  deltastream setup --pg postgres://admin@db/app          install them, as a superuser
  deltastream setup --print | psql -1 -U postgres app     the same, by somebody else
  deltastream setup --undo                                remove them`)
    .action((options: SetupOptions) => setup(options, (line) => process.stdout.write(`${line}\n`)));
}

async function setup(options: SetupOptions, print: (line: string) => void): Promise<void> {
  if (options.print === true) return print((options.undo === true ? REMOVE : INSTALL).trimEnd());
  const client = await connect(options.pg, { applicationName: 'deltastream' });
  try {
    const done = await (options.undo === true ? removeTriggers(client) : installTriggers(client));
    const changes = schemaChangesOf(await readTriggers(client));
    print(options.json === true ? JSON.stringify({ done, schemaChanges: changes }) : describe(options, done, changes, placeOf(client), client.user ?? ''));
  } finally {
    await client.end();
  }
}

function describe({ undo }: SetupOptions, done: boolean, changes: SchemaChanges, place: string, role: string): string {
  if (done) return undo === true ? `${place}: event triggers removed; ${explain('polling')}` : `${place}: event triggers installed; they tell schema changes in their own transactions`;
  const flags = undo === true ? '--undo --print' : '--print';
  return `${place}: role "${role}" may not ${undo === true ? 'remove' : 'make'} event triggers; ${explain(changes)} — deltastream setup ${flags} | psql -1 as a superuser`;
}
