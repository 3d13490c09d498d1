/**
 * The four commands, each as one file and a few that they share: a command starts in less than half
 * the time that Node takes to find a hundred modules. Of dist/src, so TypeScript comes first; what is
 * loaded when it is asked for stays apart. It runs in a published package's making too: plain JavaScript.
 */
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '..');
const PROGRAMS = ['inspect', 'deltastream', 'import', 'deltamirror'];
/** What a program starts as a thread. */
const THREADS = ['sqlite/checkpoint-worker.js'];

rmSync(join(ROOT, 'dist/bin'), { recursive: true, force: true });
await build({
  entryPoints: [...PROGRAMS.map((program) => join(program, 'main.js')), ...THREADS].map((path) => join(ROOT, 'dist/src', path)),
  outbase: join(ROOT, 'dist/src'),
  outdir: join(ROOT, 'dist/bin'),
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // With binaries beside them, or not there.
  external: ['better-sqlite3', 'fs-native-extensions', 'pg-native'],
  // Packages that are no ES modules ask for Node's own by require.
  banner: { js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);" },
  // As from Node 21 on. Where there is none, pg asks for Response, which loads all of fetch: 19 ms of each start.
  define: { navigator: JSON.stringify({ userAgent: 'Node.js' }) },
  logLevel: 'warning',
});
