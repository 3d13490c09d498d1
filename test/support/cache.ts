/** Caches made by hand, and the mirror run on them within the test's process. */
import Database from 'better-sqlite3';
import { Applier } from '../../src/deltamirror/applier.js';
import { mirror } from '../../src/deltamirror/mirror.js';
import { Report } from '../../src/deltamirror/report.js';
import { Folder } from '../../src/daystream/folder.js';
import { parsePatterns, written } from '../../src/daystream/pattern.js';
import { ORIGIN, type Position } from '../../src/daystream/position.js';
import { chooseEngine, loadEngine, type EngineName } from '../../src/sqlite/native.js';
import { openCache } from '../../src/sqlite/open.js';
import { createOwnTables } from '../../src/sqlite/own.js';
import { writePosition } from '../../src/sqlite/position.js';
import { createTableSql } from '../../src/sqlite/schema.js';
import { writePatterns } from '../../src/sqlite/patterns.js';
import { writeTable, type CacheTable } from '../../src/sqlite/tables.js';
import { engineOf } from './engine.js';
import { IDENTITY } from './log.js';

/** A table of a single text or integer key `id` and further text columns. */
export function keyedTable(name: string, columns: readonly string[] = [], idType = 'integer'): CacheTable {
  return {
    schema: 'public', name, table: name, oid: name === 'other' ? 2 : 1, kind: 'ordinary', identity: 'default', key: [1], pattern: name, choice: {},
    columns: [{ attnum: 1, name: 'id', type: idType, notNull: true }, ...columns.map((column, i) => ({ attnum: i + 2, name: column, type: 'text', notNull: false }))],
  };
}

/** An empty cache that stands before the log's first line. */
export function makeCache(path: string, source: string, tables: readonly CacheTable[], snapshot: string | null = null): void {
  const cache = new Database(path);
  createOwnTables(cache);
  writePatterns(cache, tables.map(({ schema, name }) => ({ pattern: parsePatterns(written(schema, name))[0], numeric: undefined })));
  for (const table of tables) {
    cache.exec(createTableSql(table));
    writeTable(cache, table);
  }
  writePosition(cache, { position: ORIGIN, crc: 0, lsn: 0x1000n, commitTimeUs: 0, sourceTimeUs: 0, appliedAtUs: 0, behindBytes: 0, bytesPerSecond: 0, ...IDENTITY, epoch: 1, source, snapshot });
  cache.close();
}

export interface Run {
  readonly applier: Applier;
  /** What was said, line by line. */
  readonly said: string[];
}

/** Runs the mirror in this process; from the log's start while the cache stands nowhere yet. */
export async function runMirror(path: string, source: string, options: { from?: Position; signal?: AbortSignal; strict?: boolean; keepDropped?: boolean; engine?: EngineName } = {}): Promise<Run> {
  const said: string[] = [];
  const report = new Report({ write: (text) => said.push(text) });
  const cache = openCache(path);
  loadEngine(cache, chooseEngine(options.engine ?? engineOf(path), () => {}));
  const folder = new Folder(source);
  try {
    const from = options.from ?? (query(path, 'SELECT clock FROM _daystream_position')[0].clock === 0 ? ORIGIN : undefined);
    const applier = await mirror(path, cache, folder, { from, once: options.signal === undefined, strict: options.strict === true, keepDropped: options.keepDropped === true, signal: options.signal ?? new AbortController().signal }, report);
    return { applier, said };
  } finally {
    await folder.close();
    cache.close();
  }
}

/** Rows of a query, read by a connection of its own, as any application would. */
export function query(path: string, sql: string): Record<string, unknown>[] {
  const reader = new Database(path, { readonly: true });
  try {
    return reader.prepare<[], Record<string, unknown>>(sql).all();
  } finally {
    reader.close();
  }
}
