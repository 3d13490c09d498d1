/** `deltastream doctor`: what stands in the way, each with its cure. */
import type { Following } from '../daystream/following.js';
import type { Finding } from '../postgres/finding.js';
import type { PluginChoice } from '../postgres/slot.js';
import { readTriggers } from '../postgres/triggers.js';
import { describeSchemaChanges, schemaChangesOf } from './schema-changes.js';
import { examine } from './source.js';

export interface DoctorOptions extends Following {
  readonly pg: string | undefined;
  readonly slot: string | undefined;
  readonly createSlot: boolean;
  readonly plugin: PluginChoice;
  readonly json: boolean;
}

/** Prints the findings and gives true when nothing stands in the way. */
export async function doctor(options: DoctorOptions, print: (line: string) => void): Promise<boolean> {
  const { findings, sql, replication, plugin, because } = await examine(options);
  const triggers = await readTriggers(sql);
  for (const client of [sql, replication]) await client?.end();
  const followable = !findings.some(({ severity }) => severity === 'error');
  if (options.json) print(JSON.stringify({ followable, plugin, schemaChanges: schemaChangesOf(triggers), findings }));
  else for (const line of describe(findings, [`plugin ${plugin}: ${because}`, describeSchemaChanges(triggers)], followable)) print(line);
  return followable;
}

function describe(findings: readonly Finding[], notes: readonly string[], followable: boolean): string[] {
  const lines = findings.map(({ severity, what, cure }) => `${severity}: ${what} — ${cure}`);
  return [...lines, ...notes.map((note) => `info: ${note}`), followable ? 'ok: this Postgres can be followed' : 'this Postgres cannot be followed yet'];
}
