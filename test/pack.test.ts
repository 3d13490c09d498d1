/** What `npm pack` makes, in an empty folder: commands that run, a library with types, and the plugin's sources. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import { temporaryFolder } from './support/folder.js';
import { appendTransactions, openWriter } from './support/log.js';

const ROOT = resolve(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string; bin: Record<string, string> };

let app: string;
let files: readonly string[];

before((t) => {
  app = temporaryFolder(t as TestContext);
  // Without the scripts: they would build anew what is being tested.
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

test('the package holds the programs, the docs and the sources of the plugin, and nothing that was built of it', () => {
  const sources = readdirSync(join(ROOT, 'plugin-c')).filter((name) => /\.[ch]$|^Makefile$/.test(name)).map((name) => `plugin-c/${name}`);
  for (const path of [...Object.values(manifest.bin), ...sources, 'README.md', 'LICENSE', 'docs/format.md']) assert.ok(files.includes(path), path);
  for (const path of files) assert.doesNotMatch(path, /\.(o|so|bc|tgz)$|^(test|dev|bench|src|node_modules)\/|^dist\/(?!(src|bin)\/)/);
});

test('each installed command runs', () => {
  for (const [command, path] of Object.entries(manifest.bin)) {
    const installed = join(app, 'node_modules/deltamirror', path);
    assert.match(readFileSync(installed, 'utf8'), /^#!\/usr\/bin\/env node\n/, command);
    assert.equal(execFileSync(process.execPath, [installed, '--version'], { cwd: app, encoding: 'utf8' }), `${manifest.version}\n`);
  }
});

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
