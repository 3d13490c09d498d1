/** `deltastream reload TABLE`: asks for a copy of a table, by a message in the log of whoever follows this database. */
import type { command } from '../cli.js';
import type { Partitions } from '../daystream/following.js';
import { isExact, parsePatterns, written } from '../daystream/pattern.js';
import { DeltaError } from '../errors.js';
import { chooseTables } from '../postgres/choice.js';
import { connect, placeOf } from '../postgres/connection.js';
import { tellControls } from '../postgres/control.js';
import { translate } from '../postgres/failure.js';

type Program = ReturnType<typeof command>;

interface ReloadOptions {
  readonly pg?: string;
  readonly partitions: Partitions;
}

/** Adds the subcommand. */
export function addReload(program: Program, partitions: Parameters<Program['addOption']>[0]): void {
  program.command('reload')
    .description('copy a table anew into the log, for every cache that has it')
    .argument('<table>', 't, or schema.t')
    .option('--pg <url>', 'postgres://user@host:port/database; else the PG* environment and the password file')
    .addOption(partitions)
    .addHelpText('after', '\nExample:\n  deltastream reload sales.orders --pg postgres://me@db.example/app')
    .action(async (table: string, options: ReloadOptions) => {
      process.stdout.write(`${await askForReload(table, options)}\n`);
    });
}

/** Gives what was done, in words. Throws DeltaError `usage` where no such table can be followed, `config` on a standby. */
export async function askForReload(table: string, { pg, partitions }: ReloadOptions): Promise<string> {
  const patterns = parsePatterns(table);
  if (patterns.length !== 1 || !isExact(patterns[0])) throw new DeltaError('usage', `${table}: is not one table`, { hint: 'write t or schema.t, and run it once for each table' });
  const client = await connect(pg, { applicationName: 'deltastream' });
  try {
    const { rows: [{ standby }] } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    if (standby) throw new DeltaError('config', `${placeOf(client)}: a hot standby, where nothing can be asked for`, { hint: 'give --pg the address of the primary' });
    const { chosen: [chosen] } = await chooseTables(client, patterns, partitions);
    await tellControls(client, [{ word: 'reload', oids: [chosen.oid] }]);
    return `${placeOf(client)}: asked for a copy of ${written(chosen.schema, chosen.table)}; the deltastream that follows this database writes it into its log`;
  } catch (error) {
    throw translate(error, placeOf(client));
  } finally {
    await client.end();
  }
}
