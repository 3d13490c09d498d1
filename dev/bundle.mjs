/**
 * The four commands, each as one file: a command starts in less than half the time that Node takes to
 * find a hundred modules. Of dist/src, so TypeScript comes first. Beside each stands what V8 has kept of
 * compiling it, which Node of the same version uses. It runs in a published package's making too: plain JavaScript.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { Script } from 'node:vm';
import { build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '..');
const SOURCES = join(ROOT, 'dist/src');
const BUNDLES = join(ROOT, 'dist/bin');
const PROGRAMS = ['inspect', 'deltastream', 'import', 'deltamirror'];
/** What a program starts as a thread. */
const THREADS = ['sqlite/checkpoint-worker.js'];

const OPTIONS = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  // With binaries beside them, or not there.
  external: ['better-sqlite3', 'fs-native-extensions', 'pg-native'],
  // As from Node 21 on. Where there is none, pg asks for Response, which loads all of fetch: 19 ms of each start.
  define: { navigator: JSON.stringify({ userAgent: 'Node.js' }) },
  // What is loaded when it is asked for is in the bundle too.
  supported: { 'dynamic-import': false },
  legalComments: 'none',
  logLevel: 'warning',
  // A module finds files beside it as if it stood in dist/bin as it does in dist/src.
  plugins: [{
    name: 'places',
    setup: ({ onLoad }) => onLoad({ filter: /\.js$/ }, ({ path }) => {
      if (!path.startsWith(SOURCES)) return undefined;
      const contents = readFileSync(path, 'utf8').replace(/^#!.*/, '').replaceAll('import.meta.url', `require('node:url').pathToFileURL(require('node:path').resolve(folder, '..', '${relative(SOURCES, path)}')).href`);
      return { contents, loader: 'js' };
    }),
  }],
};

rmSync(BUNDLES, { recursive: true, force: true });
mkdirSync(BUNDLES, { recursive: true });
writeFileSync(join(BUNDLES, 'package.json'), '{ "type": "commonjs" }\n');
copyFileSync(join(ROOT, 'dev/start.cjs'), join(BUNDLES, 'start.js'));
await Promise.all([...PROGRAMS.map(bundleProgram), ...THREADS.map(bundleThread)]);

async function bundleProgram(room) {
  const outfile = join(BUNDLES, room, 'bundle.js');
  await build({ ...OPTIONS, entryPoints: [join(SOURCES, room, 'main.js')], outfile, banner: { js: '(function (require, folder) {' }, footer: { js: '})' } });
  writeFileSync(`${outfile}.cache`, new Script(readFileSync(outfile, 'latin1'), { filename: outfile }).createCachedData());
  writeFileSync(join(BUNDLES, room, 'main.js'), `#!/usr/bin/env node\nrequire('../start.js')('${room}');\n`, { mode: 0o755 });
}

async function bundleThread(path) {
  const outfile = join(BUNDLES, path);
  await build({ ...OPTIONS, entryPoints: [join(SOURCES, path)], outfile, banner: { js: 'const folder = __dirname;' } });
}
