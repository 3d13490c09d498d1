/**
 * Every test, or those whose path holds one of the words given: `npm test -- mirror format`.
 * Lists the sources, so that what is left in dist/ of a test that is gone does not run.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
/** Three files at a time: most start a Postgres and processes of their own, and wait for them. */
const CONCURRENCY = 3;

const words = process.argv.slice(2);
const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts') && (words.length === 0 || words.some((word) => file.includes(word))))
  .sort()
  .map((file) => join('dist/test', file.replace(/\.ts$/, '.js')));

if (files.length === 0) {
  process.stderr.write(`test: no file under test/ whose path holds ${words.join(' or ')}\n`);
  process.exit(1);
}
const { status } = spawnSync(process.execPath, ['--test', `--test-concurrency=${CONCURRENCY}`, '--test-reporter=spec', ...files], { cwd: ROOT, stdio: 'inherit' });
process.exit(status ?? 1);
