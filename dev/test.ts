/**
 * Every test, or those whose path holds one of the words given: `npm test -- mirror format`.
 * Lists the sources, so that what is left in dist/ of a test that is gone does not run. Tests of one cache
 * that rows go into run a second time, by TypeScript; where caches are compared, they are of both engines.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
/** Three files at a time: most start a Postgres and processes of their own, and wait for them. */
const CONCURRENCY = 3;
/** Below test/. */
const ONE_CACHE = ['deltamirror/', 'import/', 'load/'];

const words = process.argv.slice(2);
const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts') && (words.length === 0 || words.some((word) => file.includes(word))))
  .sort();

if (files.length === 0) {
  process.stderr.write(`test: no file under test/ whose path holds ${words.join(' or ')}\n`);
  process.exit(1);
}
const statuses = [run(files, {}), run(files.filter((file) => ONE_CACHE.some((room) => file.startsWith(room))), { DELTAMIRROR_ENGINE: 'ts' })];
process.exit(Math.max(...statuses));

function run(sources: readonly string[], environment: NodeJS.ProcessEnv): number {
  if (sources.length === 0) return 0;
  const paths = sources.map((file) => join('dist/test', file.replace(/\.ts$/, '.js')));
  const { status } = spawnSync(process.execPath, ['--test', `--test-concurrency=${CONCURRENCY}`, '--test-reporter=spec', ...paths], { cwd: ROOT, env: { ...process.env, ...environment }, stdio: 'inherit' });
  return status ?? 1;
}
