/** The native engine with sanitizers in it, linked with better-sqlite3's SQLite and a fuzz target (native/fuzz/). */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
export const NATIVE = join(ROOT, 'native');
export const TARGETS = ['copy', 'rows'] as const;
export type Target = (typeof TARGETS)[number];

const BUILD = join(NATIVE, 'build/sanitized');
const SQLITE = join(dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json')), 'deps/sqlite3');
/** As better-sqlite3 compiles it, where it matters here. */
const DEFINES = ['-DSQLITE_THREADSAFE=0', '-DSQLITE_DQS=0', '-DSQLITE_DEFAULT_MEMSTATUS=0', '-DSQLITE_OMIT_LOAD_EXTENSION'];
/** The extension's calls go straight to the SQLite beside it; what is wrong ends the program. */
const FLAGS = ['-std=c11', '-g', '-Wall', '-Wextra', '-Werror=implicit-function-declaration', '-DSQLITE_CORE', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer', `-I${SQLITE}`, `-I${NATIVE}`];

export interface Toolchain {
  readonly compiler: string;
  /** For SQLite itself, which takes a while. */
  readonly sqlite: readonly string[];
  readonly target: readonly string[];
  /** Beside the target: its main, where libFuzzer does not bring it. */
  readonly sources: readonly string[];
}

/** Runs the inputs of files it is given. SQLite as it is, since it is compiled while somebody waits. */
export const REPLAY: Toolchain = { compiler: 'gcc', sqlite: ['-O0'], target: ['-O1'], sources: ['replay.c'] };

/** Looks for inputs. What SQLite still reads of what was given back shows itself, since its memcpy is the sanitizer's. */
export const FUZZER: Toolchain = { compiler: 'clang', sqlite: ['-O1'], target: ['-O1', '-fsanitize=fuzzer'], sources: [] };

/** Builds a target where its sources are newer; gives its path. Throws what the compiler says. */
export function buildTarget(target: Target, toolchain: Toolchain): string {
  const { compiler } = toolchain;
  mkdirSync(BUILD, { recursive: true });
  const sqlite = join(BUILD, `sqlite3-${compiler}.o`);
  make(sqlite, [join(SQLITE, 'sqlite3.c')], (to) => compile(compiler, ['-w', '-g1', ...DEFINES, ...toolchain.sqlite, '-c', join(SQLITE, 'sqlite3.c'), '-o', to]));
  const program = join(BUILD, `${target}-${compiler}`);
  const sources = [...cSources(NATIVE), ...[`${target}.c`, 'harness.c', 'log.c', ...toolchain.sources].map((name) => join(NATIVE, 'fuzz', name))];
  const headers = [NATIVE, join(NATIVE, 'fuzz')].flatMap((folder) => readdirSync(folder).filter((name) => name.endsWith('.h')).map((name) => join(folder, name)));
  make(program, [sqlite, ...sources, ...headers], (to) => compile(compiler, [...FLAGS, ...toolchain.target, ...sources, sqlite, '-lm', '-o', to]));
  return program;
}

/** Inputs that are in the repository: what each case is about is its name. */
export function corpusOf(target: Target): string {
  return join(NATIVE, 'fuzz/corpus', target);
}

/** Where a fuzzer keeps what it finds. */
export function findingsOf(target: Target): string {
  const folder = join(BUILD, `${target}-found`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function cSources(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.c')).sort().map((name) => join(folder, name));
}

/** Beside the file first: who runs the old one goes on, and what was stopped halfway is not taken for whole. */
function make(path: string, inputs: readonly string[], how: (draft: string) => void): void {
  const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (inputs.every((input) => statSync(input).mtimeMs <= made)) return;
  const draft = `${path}.${process.pid}.o`;
  how(draft);
  renameSync(draft, path);
}

function compile(compiler: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(compiler, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${compiler} ${args.at(-1)}: ${error?.message ?? stderr}`);
}
