/**
 * The native engine: a SQLite extension (native/) that is loaded into the connection which writes, and
 * applies what it is sure of. Where it is not there, TypeScript does all of it. Which of the two is decided
 * once, when a program begins; the cache comes out the same.
 */
import Database from 'better-sqlite3';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DeltaError, reasonOf } from '../errors.js';
import type { Cache } from './open.js';

export type EngineName = 'native' | 'ts';

export interface Engine {
  /** The path of the extension; undefined where TypeScript does its work. */
  readonly extension: string | undefined;
}

export const TYPESCRIPT: Engine = { extension: undefined };

const VARIABLE = 'DELTAMIRROR_ENGINE';
const BUILD_HINT = 'build it with a C compiler: npm rebuild deltamirror; or leave out --engine native';

/**
 * The engine that was asked for by --engine, else by DELTAMIRROR_ENGINE, else the native one where it loads;
 * that it does not is told in one line. Throws DeltaError config where it was asked for and does not load.
 */
export function chooseEngine(asked: EngineName | undefined, tell: (text: string) => void): Engine {
  const wanted = asked ?? ofEnvironment();
  if (wanted === 'ts') return TYPESCRIPT;
  const found = findEngine();
  if (typeof found !== 'string') return found;
  if (wanted === 'native') throw new DeltaError('config', `the native engine cannot be used: ${found}`, { hint: BUILD_HINT });
  tell(`the native engine cannot be used, so TypeScript does its work, slower: ${found}; to build it: npm rebuild deltamirror`);
  return TYPESCRIPT;
}

/** Loads the extension into a connection that writes, whose close() then lets go of the extension's statements first; nothing where TypeScript does its work. */
export function loadEngine(cache: Cache, { extension }: Engine): void {
  if (extension === undefined) return;
  cache.loadExtension(extension);
  const letGo = cache.prepare('SELECT deltamirror_close()');
  const close = cache.close.bind(cache);
  // SQLite does not close a connection whose statements are open, and better-sqlite3 does not say so.
  cache.close = () => {
    if (cache.open) letGo.get();
    return close();
  };
  loaded.add(cache);
}

const loaded = new WeakSet<Cache>();

/** Whether the extension is loaded into this connection. */
export function hasNative(cache: Cache): boolean {
  return loaded.has(cache);
}

function ofEnvironment(): EngineName | undefined {
  const name = process.env[VARIABLE];
  if (name === undefined || name === '' || name === 'native' || name === 'ts') return name || undefined;
  throw new DeltaError('usage', `${VARIABLE} is ${JSON.stringify(name)}`, { hint: `write ${VARIABLE}=native or ${VARIABLE}=ts` });
}

let known: Engine | string | undefined;

/** The extension that loads here, or why there is none. Asked once: it does not change while a program runs. */
function findEngine(): Engine | string {
  return (known ??= probe());
}

function probe(): Engine | string {
  let why = `there is none for ${process.platform}-${process.arch}`;
  for (const extension of candidates()) {
    const trial = new Database(':memory:');
    try {
      loadEngine(trial, { extension });
      return { extension };
    } catch (error) {
      why = reasonOf(error);
    } finally {
      trial.close();
    }
  }
  return why;
}

/** What was built here, else what came with the package; of another C library's binary SQLite says that it does not load. */
function candidates(): string[] {
  const room = fileURLToPath(new URL('../../../native/', import.meta.url));
  const built = join(room, 'build/Release/deltamirror.node');
  const travelled = join(room, 'prebuilds', `${process.platform}-${process.arch}`);
  const names = existsSync(travelled) ? readdirSync(travelled).filter((name) => name.endsWith('.node')).sort() : [];
  return [...(existsSync(built) ? [built] : []), ...names.map((name) => join(travelled, name))];
}
