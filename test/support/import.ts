/** What tests of the import share: a log that a copy can join, and an import without a terminal. */
import { programPath } from '../../dev/programs.js';
import type { Server } from '../../dev/postgres.js';
import { parseLsn } from '../../src/daystream/lsn.js';
import { Writer } from '../../src/daystream/writer.js';
import type { Asked } from '../../src/import/asked.js';
import { importTables, type ImportResult } from '../../src/import/import.js';
import type { Progress } from '../../src/load/progress.js';
import { parsePatterns } from '../../src/daystream/pattern.js';
import { chooseEngine } from '../../src/sqlite/native.js';
import { engineOf } from './engine.js';

export const ENTRY = programPath('import');

const SILENT: Progress = { say: () => {}, stop: () => {}, table: () => ({ at: () => {}, doing: () => {}, done: () => {} }) };

/** Makes a log of this server in a folder, with one horizon as of now. */
export async function writeLog(server: Server, directory: string): Promise<void> {
  await appendHorizon(server, directory);
}

/** Appends a horizon to the server's log; `snapshot` instead of the one as of now. */
export async function appendHorizon(server: Server, directory: string, snapshot?: string): Promise<void> {
  const [now] = await server.query<{ system: string; lsn: string; snapshot: string }>(
    'SELECT system_identifier::text AS system, pg_current_wal_lsn()::text AS lsn, pg_current_snapshot()::text AS snapshot FROM pg_control_system()');
  const writer = await Writer.open(directory, { system: now.system, timeline: 1, slot: 'test', plugin: 'deltastream', database: '' }, parseLsn(now.lsn));
  writer.horizon(parseLsn(now.lsn), BigInt(Date.now()) * 1000n, snapshot ?? now.snapshot);
  await writer.sync();
  writer.close();
}

/** What is asked of tables where nothing is. */
export const NOTHING_ASKED: Asked = { rename: [], columns: [], where: [], numeric: undefined };

export interface RunOptions {
  readonly database?: string;
  readonly into?: boolean;
  readonly asked?: Partial<Asked>;
}

/** Imports in this process, silently. */
export function runImport(server: Server, tables: string, source: string | undefined, cache: string, { database = 'postgres', into = false, asked = {} }: RunOptions = {}): Promise<ImportResult> {
  const engine = chooseEngine(engineOf(cache), () => {});
  return importTables({ engine, patterns: parsePatterns(tables), source, postgres: server.url(database), jobs: 2, cache, into, asked: { ...NOTHING_ASKED, ...asked } }, SILENT, new AbortController().signal);
}
