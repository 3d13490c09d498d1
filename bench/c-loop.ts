/** Builds bench/loop/replay.c over the SQLite that better-sqlite3 is made of, with its defines and as it is optimised; once, beside the compiled benchmarks. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { QUICK } from './sizes.js';
import type { Workbench } from './workbench.js';

const SOURCE = resolve(import.meta.dirname, '../../bench/loop/replay.c');
const BUILT = join(import.meta.dirname, 'loop');
const LIBRARIES = ['-lm', '-lpthread', '-ldl'];

/** The path of the built loop; undefined, and said, where there is no C compiler. */
export async function buildLoop(bench: Workbench): Promise<string | undefined> {
  const sqlite = join(dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json')), 'deps');
  // It takes a compiler a minute. The smallest sizes, which show nothing of speed, are spared it.
  const optimise = bench.sizes.rows > QUICK.rows ? '-O3' : '-O0';
  try {
    mkdirSync(BUILT, { recursive: true });
    const object = await compile(bench, [optimise, '-c', ...definesOf(sqlite), join(sqlite, 'sqlite3/sqlite3.c')], [join(sqlite, 'sqlite3/sqlite3.c')], '.o');
    return await compile(bench, [optimise, `-I${join(sqlite, 'sqlite3')}`, SOURCE, object, ...LIBRARIES], [SOURCE, object], '');
  } catch (error) {
    if (bench.isClosing) throw error;
    bench.tell(`the loop in C cannot be built, so there is nothing to compare with: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Gives the path of what these arguments make of these files, and makes it where it is not there. */
async function compile(bench: Workbench, args: readonly string[], files: readonly string[], suffix: string): Promise<string> {
  const hash = createHash('sha256').update(args.join(' '));
  for (const file of files) hash.update(readFileSync(file));
  const path = join(BUILT, hash.digest('hex').slice(0, 16) + suffix);
  if (existsSync(path)) return path;
  bench.tell(`compiling ${files[0]}`);
  const unfinished = `${path}.${process.pid}`;
  await bench.program('cc', [...args, '-o', unfinished], 'postgres').ended;
  renameSync(unfinished, path);
  return path;
}

function definesOf(sqlite: string): string[] {
  return [...readFileSync(join(sqlite, 'defines.gypi'), 'utf8').matchAll(/'([A-Z][A-Z0-9_]*(?:=[^']*)?)'/g)].map(([, define]) => `-D${define}`);
}
