/**
 * Makes a fresh clone ready, and does nothing where it is: Node packages, the TypeScript and, where there
 * is a compiler, the native engine; for all but the demo the system's Postgres and the plugin too. Then it becomes the module it is
 * given: `node dev/setup.mjs dist/dev/demo.js --seconds 10`. It runs before anything is built,
 * so it is plain JavaScript over node: alone.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const NODE_AT_LEAST = [20, 19];
const ROOT = resolve(import.meta.dirname ?? '.', '..');
const POSTGRES_BASE = '/usr/lib/postgresql';
const COMPILER_PACKAGES = ['build-essential', 'python3'];
/** The module that brings its own Postgres, which decodes with what every Postgres has. */
const DEMO = 'dist/dev/demo.js';
/** The module that reads logs through others' servers too, each started in a temporary folder. */
const TESTS = 'dist/dev/test.js';
/** The module that needs clang with libFuzzer, and no Postgres. */
const FUZZ = 'dist/dev/fuzz.js';
const SERVER_PACKAGES = ['nginx', 'openssh-server', 'openssh-client'];

const [module, ...rest] = process.argv.slice(2);
const needsPlugin = module !== DEMO && module !== FUZZ;

requireNode();
if (needsPlugin) installPostgres();
if (module === TESTS) install(missingServers, () => SERVER_PACKAGES);
if (module === FUZZ) install(missingFuzzer, () => ['clang'], () => (missingFuzzer().length > 0 ? ['libclang-rt-dev'] : []));
installNodePackages();
run('TypeScript does not compile', process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.']);
run('the commands cannot be bundled', process.execPath, ['dev/bundle.mjs']);
if (isProgram(process.env.CC ?? 'cc')) run('the native engine does not compile', process.execPath, ['native/build.mjs']);
if (needsPlugin) run('the plugin does not compile', 'make', ['-C', 'plugin-c', '-s', `PG_CONFIG=${join(postgresBinaries(), 'pg_config')}`]);
await become();

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [wantedMajor, wantedMinor] = NODE_AT_LEAST;
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  fail(`Node ${process.versions.node} is too old: install Node ${NODE_AT_LEAST.join('.')} or later from https://nodejs.org`);
}

/** Postgres with its server headers, and a compiler: for the plugin. */
function installPostgres() {
  const missing = () => [...missingCompiler(), ...missingServer()];
  // The headers' package is named after the version that comes first.
  install(missing, () => ['postgresql', ...COMPILER_PACKAGES], () => [`postgresql-server-dev-${/(\d+)\/bin$/.exec(postgresBinaries() ?? '')?.[1] ?? 'all'}`]);
}

/** Installs what is missing, where we may; else says what to type. What to install may depend on what came before. */
function install(missing, ...packages) {
  const wanted = missing();
  if (wanted.length === 0) return;
  const mayInstall = process.getuid?.() === 0 && isProgram('apt-get');
  if (!mayInstall) fail(`missing: ${wanted.join(', ')} — type: sudo apt-get install ${packages.flatMap((names) => names()).join(' ')} (or what your system calls them)`);
  tell(`installing by apt-get, for ${wanted.join(', ')}`);
  apt('update', '-q');
  for (const names of packages) apt('install', '-y', '-q', '--no-install-recommends', ...names());
  const left = missing();
  if (left.length > 0) fail(`still missing after apt-get install: ${left.join(', ')}`);
}

function missingCompiler() {
  return ['gcc', 'g++', 'make', 'python3'].filter((name) => !isProgram(name));
}

/** What Debian keeps in /usr/sbin is not on everybody's path. */
function missingServers() {
  return [...['nginx', 'sshd'].filter((name) => !existsSync(join('/usr/sbin', name)) && !isProgram(name)), ...['ssh'].filter((name) => !isProgram(name))];
}

/** Some packages of clang come without its libraries for fuzzing. */
function missingFuzzer() {
  const linked = spawnSync('clang', ['-fsanitize=fuzzer,address,undefined', '-x', 'c', '-', '-o', '/dev/null'], { input: 'int LLVMFuzzerTestOneInput(const char *data, unsigned long size) { return data == 0 && size > 0; }' });
  return linked.status === 0 ? [] : ['clang with libFuzzer'];
}

function missingServer() {
  const binaries = postgresBinaries();
  if (binaries === undefined) return ['a PostgreSQL server'];
  return hasServerHeaders(binaries) ? [] : ['the PostgreSQL server headers'];
}

/** The folder of the server's programs: $PG_BIN, or the newest version in Debian's layout, as in dev/postgres.ts. */
function postgresBinaries() {
  if (process.env.PG_BIN !== undefined) return process.env.PG_BIN;
  const versions = existsSync(POSTGRES_BASE) ? readdirSync(POSTGRES_BASE).filter((version) => existsSync(join(POSTGRES_BASE, version, 'bin/initdb'))) : [];
  versions.sort((a, b) => Number(b) - Number(a));
  return versions.length === 0 ? undefined : join(POSTGRES_BASE, versions[0], 'bin');
}

function hasServerHeaders(binaries) {
  const asked = spawnSync(join(binaries, 'pg_config'), ['--includedir-server', '--pgxs'], { encoding: 'utf8' });
  if (asked.status !== 0) return false;
  const [headers, pgxs] = asked.stdout.trim().split('\n');
  return existsSync(join(headers, 'postgres.h')) && existsSync(pgxs);
}

/** better-sqlite3's script, which fetches a binary or compiles one, is the only one that has to run. */
function installNodePackages() {
  if (!areInstalled()) {
    tell('installing the Node packages (npm ci)');
    run('npm ci failed', 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  }
  if (sqliteLoads()) return;
  tell('fetching better-sqlite3; where there is no binary to fetch it is compiled, which takes a minute');
  if (missingCompiler().length > 0) {
    spawnSync('npm', ['rebuild', 'better-sqlite3'], { cwd: ROOT, stdio: 'ignore' });
    if (sqliteLoads()) return;
    install(missingCompiler, () => COMPILER_PACKAGES);
  }
  run('better-sqlite3 cannot be built', 'npm', ['rebuild', 'better-sqlite3'], headersOfNode());
  if (!sqliteLoads()) fail('better-sqlite3 does not load');
}

/** True where every package that this machine needs is there in the version of package-lock.json. */
function areInstalled() {
  const hidden = join(ROOT, 'node_modules/.package-lock.json');
  if (!existsSync(hidden)) return false;
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const held = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, optional }]) => path === '' || (held[path] === undefined ? optional === true : held[path].version === version));
}

/** False after a change of Node's version too: the binary belongs to one. */
function sqliteLoads() {
  try {
    new (createRequire(join(ROOT, 'package.json'))('better-sqlite3'))(':memory:').close();
    return true;
  } catch {
    return false;
  }
}

/** Node's own headers where they are installed with it, so that compiling downloads nothing. */
function headersOfNode() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node.h')) ? { npm_package_config_node_gyp_nodedir: prefix } : {};
}

/** Goes on as the module, in this process, so that a signal reaches it and its exit code is ours. */
async function become() {
  if (module === undefined) return;
  const path = join(ROOT, module);
  process.argv.splice(1, process.argv.length, path, ...rest);
  await import(pathToFileURL(path).href);
}

function apt(...args) {
  run(`apt-get ${args[0]} failed`, 'apt-get', args, { DEBIAN_FRONTEND: 'noninteractive' });
}

function isProgram(name) {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

function run(otherwise, program, args, environment = {}) {
  try {
    execFileSync(program, args, { cwd: ROOT, env: { ...process.env, ...environment }, stdio: 'inherit' });
  } catch {
    fail(`${otherwise}: see above`);
  }
}

function tell(text) {
  process.stderr.write(`setup: ${text}\n`);
}

function fail(text) {
  tell(text);
  process.exit(1);
}
