/**
 * The four commands, each as one file: a command starts in less than half the time that Node takes to
 * find a hundred modules. Of dist/src, so TypeScript comes first. It runs in a published package's making
 * too: plain JavaScript.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '..');
const SOURCES = join(ROOT, 'dist/src');
const BUNDLES = join(ROOT, 'dist/bin');
const PROGRAMS = ['inspect', 'deltastream', 'import', 'deltamirror'];
/** What a program starts as a thread. */
const THREADS = ['sqlite/checkpoint-worker.js'];

rmSync(BUNDLES, { recursive: true, force: true });
mkdirSync(BUNDLES, { recursive: true });
writeFileSync(join(BUNDLES, 'package.json'), '{ "type": "commonjs" }\n');
await build({
  entryPoints: [...PROGRAMS.map((program) => join(program, 'main.js')), ...THREADS].map((path) => join(SOURCES, path)),
  outbase: SOURCES,
  outdir: BUNDLES,
  bundle: true,
  platform: 'node',
  // Node reads one file in less time than it finds and links as many as ES modules would be.
  format: 'cjs',
  // What is loaded when it is asked for is in the file too, and run then.
  supported: { 'dynamic-import': false },
  target: 'node20',
  // With binaries beside them, or not there.
  external: ['better-sqlite3', 'fs-native-extensions', 'pg-native'],
  // As from Node 21 on. Where there is none, pg asks for Response, which loads all of fetch: 19 ms of each start.
  define: { navigator: JSON.stringify({ userAgent: 'Node.js' }) },
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [{ name: 'places', setup: ({ onLoad }) => onLoad({ filter: /\.js$/ }, inPlace) }],
});

/** A module finds files beside it as if it stood in dist/bin as it does in dist/src. */
function inPlace({ path }) {
  if (!path.startsWith(SOURCES)) return undefined;
  const url = `require('node:url').pathToFileURL(require('node:path').resolve(__dirname, '..', '${relative(SOURCES, path)}')).href`;
  return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url), loader: 'js' };
}
