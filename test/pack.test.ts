/** What `npm pack` makes, in an empty folder: commands that run, a library with types, and the plugin's sources. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import { keyedTable, makeCache, query } from './support/cache.js';
import { temporaryFolder } from './support/folder.js';
import { appendTransactions, openWriter } from './support/log.js';

const ROOT = resolve(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string; bin: Record<string, string> };

let app: string;
let files: readonly string[];

before((t) => {
  app = temporaryFolder(t as TestContext);
  // Without the scripts: they would build anew what is being tested, but for this.
  execFileSync(process.execPath, ['native/build.mjs', '--prebuild'], { cwd: ROOT });
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', app], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as [{ filename: string; files: { path: string }[] }];
  files = packed.files.map(({ path }) => path);
  install(join(app, packed.filename));
});

/** As npm would, with the packages that are here already: better-sqlite3 takes a minute to compile. */
function install(tarball: string): void {
  const modules = join(app, 'node_modules');
  mkdirSync(join(modules, 'deltamirror'), { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', join(modules, 'deltamirror'), '--strip-components=1']);
  for (const name of readdirSync(join(ROOT, 'node_modules'))) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  writeFileSync(join(app, 'package.json'), '{ "type": "module" }');
}

test('the package holds the programs, the docs, the sources of plugin and native engine, and of what was built of them the engine alone', () => {
  const sources = ['plugin-c', 'native'].flatMap((room) => readdirSync(join(ROOT, room)).filter((name) => /\.[ch]$|^Makefile$|^b\w+\.(gyp|mjs)$/.test(name)).map((name) => `${room}/${name}`));
  for (const path of [...Object.values(manifest.bin), ...sources, 'README.md', 'LICENSE', 'docs/format.md']) assert.ok(files.includes(path), path);
  assert.match(files.filter((path) => path.endsWith('.node')).join(), new RegExp(`^native/prebuilds/${process.platform}-${process.arch}/deltamirror[.\\w]*\\.node$`));
  for (const path of files) assert.doesNotMatch(path, /\.(o|so|bc|tgz)$|^(test|dev|bench|src|node_modules)\/|^native\/(build|fuzz)\/|^dist\/(?!(src|bin)\/)/);
});

test('each installed command runs', () => {
  for (const [command, path] of Object.entries(manifest.bin)) {
    const installed = join(app, 'node_modules/deltamirror', path);
    assert.match(readFileSync(installed, 'utf8'), /^#!\/usr\/bin\/env node\n/, command);
    assert.equal(execFileSync(process.execPath, [installed, '--version'], { cwd: app, encoding: 'utf8' }), `${manifest.version}\n`);
  }
});

test('where there is no compiler the installed mirror uses the native engine, and without its file does the same by TypeScript and says so once', async (t) => {
  const folder = temporaryFolder(t);
  const log = join(folder, 'log');
  const writer = await openWriter(log);
  appendTransactions(writer, 700, 3);
  await writer.sync();
  writer.close();
  const mirror = (...args: string[]) => {
    const cache = join(temporaryFolder(t), 'cache.db');
    makeCache(cache, log, [keyedTable('t')]);
    const { status, stderr } = installed(manifest.bin.deltamirror, '--once', '--from', '0:0', ...args, cache);
    return { status, rows: query(cache, 'SELECT id FROM t ORDER BY id'), said: stderr.split('\n').filter((line) => line.includes('native')) };
  };
  const rows = [{ id: 700 }, { id: 701 }, { id: 702 }];
  assert.deepEqual(mirror(), { status: 0, rows, said: [] });
  assert.deepEqual(mirror('--engine', 'native'), { status: 0, rows, said: [] });
  assert.equal(installed('native/build.mjs', '--install').stderr, '');
  const prebuilds = join(app, 'node_modules/deltamirror/native/prebuilds');
  renameSync(prebuilds, `${prebuilds}.away`);
  t.after(() => renameSync(`${prebuilds}.away`, prebuilds));
  const why = `there is none for ${process.platform}-${process.arch}`;
  assert.deepEqual(mirror(), { status: 0, rows, said: [`deltamirror: the native engine cannot be used, so TypeScript does its work, slower: ${why}; to build it: npm rebuild deltamirror`] });
  assert.deepEqual(mirror('--engine', 'ts'), { status: 0, rows, said: [] });
  assert.deepEqual(mirror('--engine', 'native'), { status: 1, rows: [], said: [`deltamirror: the native engine cannot be used: ${why} — build it with a C compiler: npm rebuild deltamirror; or leave out --engine native`] });
  const { status, stderr } = installed('native/build.mjs', '--install');
  assert.deepEqual({ status, stderr }, { status: 0, stderr: 'native: cannot be built, so TypeScript does its work, slower: no C compiler (ENOENT)\n' });
});

/** Runs a program of the installed package with nothing else on the PATH. */
function installed(program: string, ...args: string[]): { status: number | null; stderr: string } {
  const { DELTAMIRROR_ENGINE: _, CC: __, ...environment } = process.env;
  return spawnSync(process.execPath, [join(app, 'node_modules/deltamirror', program), ...args], { cwd: app, env: { ...environment, PATH: app }, encoding: 'utf8' });
}

test('the installed library reads a log', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder);
  appendTransactions(writer, 700, 3);
  await writer.sync();
  writer.close();
  writeFileSync(join(app, 'read.js'), "import { readTransactions } from 'deltamirror';\nfor await (const { xid } of readTransactions(process.argv[2])) console.log(String(xid));\n");
  assert.equal(execFileSync(process.execPath, ['read.js', folder], { cwd: app, encoding: 'utf8' }), '700\n701\n702\n');
});

test("the README's example compiles against the installed types", () => {
  const [, example] = /^```ts\n([\s\S]*?)^```$/m.exec(readFileSync(join(app, 'node_modules/deltamirror/README.md'), 'utf8'))!;
  writeFileSync(join(app, 'example.ts'), example);
  const options = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext', '--types', 'node'];
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...options, 'example.ts'], { cwd: app, encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});
