/** The rules of architecture (docs/architecture.md) that no compiler checks, read off the sources. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import { test } from 'node:test';

const SRC = resolve(import.meta.dirname, '../../src');
const NATIVE = resolve(import.meta.dirname, '../../native');
const LINES_AT_MOST = 300;
/** Of the C library, and of the processor. */
const OF_C = new Set(['float.h', 'math.h', 'stddef.h', 'stdint.h', 'stdlib.h', 'string.h', 'immintrin.h']);

/** Which other rooms a room may import from. The files that stand in src/ itself are rooms of their own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  lock: ['errors'],
  metrics: ['errors'],
  cli: ['errors'],
  daystream: ['errors'],
  filter: ['errors'],
  postgres: ['errors', 'daystream', 'filter'],
  sqlite: ['errors', 'lock', 'daystream', 'filter'],
  load: ['errors', 'cli', 'daystream', 'postgres', 'sqlite', 'filter'],
  // Of reconcile and try their command lines alone, which load the rest when they are asked for.
  deltastream: ['errors', 'lock', 'cli', 'daystream', 'metrics', 'postgres', 'reconcile', 'try'],
  // It starts the programs as processes, and imports none.
  try: ['errors', 'lock', 'cli', 'daystream', 'postgres', 'sqlite'],
  reconcile: ['errors', 'lock', 'cli', 'daystream', 'postgres', 'sqlite', 'load'],
  published: ['errors', 'lock', 'daystream', 'sqlite', 'filter'],
  deltamirror: ['errors', 'lock', 'cli', 'daystream', 'metrics', 'sqlite', 'filter', 'published'],
  import: ['errors', 'lock', 'cli', 'daystream', 'postgres', 'sqlite', 'filter', 'load', 'published'],
  // Of serve and retention the command lines alone, which load the rest when they are asked for.
  inspect: ['errors', 'cli', 'daystream', 'serve', 'retention'],
  retention: ['errors', 'cli', 'lock', 'daystream'],
  serve: ['errors', 'cli', 'daystream', 'metrics'],
  index: ['errors', 'daystream', 'sqlite'],
};

/** Where a package may be imported; the start of the path below src/. */
const PACKAGE_IN: Readonly<Record<string, readonly string[]>> = {
  'better-sqlite3': ['sqlite/'],
  'cli-progress': ['load/'],
  commander: ['cli.ts', 'deltastream/main.ts', 'deltamirror/main.ts', 'import/main.ts', 'inspect/main.ts'],
  'fs-native-extensions': ['lock.ts'],
  'prom-client': ['metrics/'],
  pg: ['postgres/', 'deltastream/', 'import/', 'load/', 'reconcile/', 'try/'],
  'pg-cursor': ['postgres/'],
  split2: ['deltastream/'],
};

interface Source {
  /** Path below src/. */
  readonly path: string;
  readonly text: string;
}

const sources: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  .map((path) => ({ path, text: readFileSync(join(SRC, path), 'utf8') }));

test('a room imports only from the rooms that the table allows', () => {
  for (const { path, specifier } of imports()) {
    if (!specifier.startsWith('.')) continue;
    const [from, to] = [roomOf(path), roomOf(normalize(join(dirname(path), specifier)))];
    assert.ok(from === to || MAY_IMPORT[from]?.includes(to), `src/${path} imports ${specifier}: ${from} may not import ${to}`);
  }
});

test('a package is imported only in the room that it serves', () => {
  for (const { path, specifier } of imports()) {
    if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
    assert.ok(PACKAGE_IN[specifier]?.some((place) => path.startsWith(place)), `src/${path} imports ${specifier}`);
  }
});

test('every import of our own ends in .js, and none is computed', () => {
  for (const { path, specifier } of imports()) {
    if (specifier.startsWith('.')) assert.match(specifier, /\.js$/, `src/${path} imports ${specifier}`);
  }
  for (const { path, text } of sources) assert.ok(!/\bimport\((?!'[^']+'\))|(?<![#.])\brequire\(/.test(text), `src/${path} computes what it imports`);
});

test(`no file of src is longer than ${LINES_AT_MOST} lines`, () => {
  for (const { path, text } of sources) {
    const lines = text.split('\n').length - 1;
    assert.ok(lines <= LINES_AT_MOST, `src/${path} has ${lines} lines`);
  }
});

test('no type is switched off and nothing is left to do', () => {
  for (const { path, text } of sources) {
    const found = /(?:[:<|,(]|\bas)\s*any\b(?=\s*[\])>,;=|&[{]|$)|@ts-\w+|\b(?:TODO|FIXME|XXX)\b/m.exec(text);
    assert.equal(found, null, `src/${path}: ${found?.[0]}`);
  }
});

test('the native engine knows SQLite and C alone, and the cache\'s room alone knows of it', () => {
  for (const name of readdirSync(NATIVE).filter((each) => /\.[ch]$/.test(each))) {
    const text = readFileSync(join(NATIVE, name), 'utf8');
    const included = [...text.matchAll(/^\s*#\s*include\s+(?:<(.+)>|"(.+)")/gm)].map(([, system, own]) => system ?? own);
    for (const header of included) assert.ok(OF_C.has(header) || header === 'sqlite3ext.h' || existsSync(join(NATIVE, header)), `native/${name} includes ${header}`);
    assert.ok(text.split('\n').length - 1 <= LINES_AT_MOST, `native/${name} is too long`);
  }
  for (const { path, text } of sources) assert.ok(path.startsWith('sqlite/') || !/\bdeltamirror_[a-z]/.test(text), `src/${path} names a function of native/`);
});

function roomOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path.replace(/\.[jt]s$/, '');
}

function* imports(): Generator<{ path: string; specifier: string }> {
  for (const { path, text } of sources) {
    for (const [, from, alone, late] of text.matchAll(/^(?:import|export)\b[^;'"]*?\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm)) yield { path, specifier: from ?? alone ?? late };
  }
}
