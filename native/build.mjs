/**
 * Builds the extension where it is not newer than its sources: `node native/build.mjs`. One call of the C
 * compiler does it, with the flags of binding.gyp, since no header of Node is needed; who has
 * no `cc` but what node-gyp finds builds the same with it (`npx node-gyp rebuild`, in this folder).
 *   --prebuild   lays the result where it travels with the package: prebuilds/<platform>-<arch>/
 *   --install    where the package has brought one, does nothing; where none can be built, says so and goes on
 *   --headers, --sources   only print them, for binding.gyp
 * It runs where the package is installed too, so it is plain JavaScript over node: alone.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const ROOM = import.meta.dirname;
const BUILT = join(ROOM, 'build/Release/deltamirror.node');
const asked = new Set(process.argv.slice(2));
const KNOWN = ['--prebuild', '--install', '--headers', '--sources'];
const unknown = [...asked].find((word) => !KNOWN.includes(word));
if (unknown !== undefined) {
  process.stderr.write(`native: ${unknown} is none of ${KNOWN.join(', ')}\n`);
  process.exit(2);
}

if (asked.has('--headers')) {
  process.stdout.write(headers());
} else if (asked.has('--sources')) {
  process.stdout.write(sources().join('\n'));
} else {
  if (!asked.has('--install') || !travelled()) build();
  if (asked.has('--prebuild')) layForPackage();
}

/** The folder of sqlite3ext.h: the headers have to be those of the SQLite that loads the extension. */
function headers() {
  return join(dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json')), 'deps/sqlite3');
}

function sources() {
  return readdirSync(ROOM).filter((name) => name.endsWith('.c')).sort();
}

function build() {
  const { cflags } = JSON.parse(readFileSync(join(ROOM, 'binding.gyp'), 'utf8')).targets[0];
  if (isFresh()) return;
  mkdirSync(dirname(BUILT), { recursive: true });
  // Beside it first: a program that runs has the old file in its memory.
  const draft = `${BUILT}.${process.pid}`;
  const platform = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const compiled = spawnSync(process.env.CC ?? 'cc', [...cflags, '-shared', '-fPIC', ...platform, `-I${headers()}`, '-o', draft, ...sources()], { cwd: ROOM, encoding: 'utf8' });
  if (compiled.status !== 0) {
    rmSync(draft, { force: true });
    return refuse(compiled.error === undefined ? compiled.stderr : `no C compiler (${compiled.error.code})`);
  }
  process.stderr.write(compiled.stderr);
  renameSync(draft, BUILT);
}

/** True where the package has brought a binary for this platform. */
function travelled() {
  return existsSync(prebuilds()) && readdirSync(prebuilds()).some((name) => name.endsWith('.node'));
}

function isFresh() {
  if (!existsSync(BUILT)) return false;
  const made = statSync(BUILT).mtimeMs;
  const inputs = [...readdirSync(ROOM).filter((name) => /\.[ch]$|^binding\.gyp$/.test(name)).map((name) => join(ROOM, name)), join(headers(), 'sqlite3ext.h')];
  return inputs.every((path) => statSync(path).mtimeMs <= made);
}

function refuse(why) {
  process.stderr.write(`native: cannot be built, so TypeScript does its work, slower: ${asked.has('--install') ? why.trim().split('\n')[0] : why}\n`);
  process.exitCode = asked.has('--install') ? 0 : 1;
}

/** node-gyp-build's layout; its tags say which C library. */
function layForPackage() {
  if (!existsSync(BUILT)) return;
  mkdirSync(prebuilds(), { recursive: true });
  const tag = process.platform === 'linux' ? (process.report.getReport().header.glibcVersionRuntime === undefined ? '.musl' : '.glibc') : '';
  copyFileSync(BUILT, join(prebuilds(), `deltamirror${tag}.node`));
}

function prebuilds() {
  return join(ROOM, 'prebuilds', `${process.platform}-${process.arch}`);
}
