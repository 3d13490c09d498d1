/**
 * Every test, or those whose path holds one of the words given: `npm test -- mirror format`.
 * `npm run long` runs those that take longer than a suite should. Lists the sources, so that
 * what is left in dist/ of a test that is gone does not run. Tests of one cache that rows go
 * into run a second time, by TypeScript; where caches are compared, they are of both engines.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Server } from './postgres.js';

const ROOT = resolve(import.meta.dirname, '../..');
/** Three files at a time: most start a Postgres and processes of their own, and wait for them. */
const CONCURRENCY = 3;
/** More than any test starts that tells systems apart. */
const SYSTEMS = 4;
/** Below test/. */
const ONE_CACHE = /^(deltamirror\/(?!wal)|load\/|import\/import\.)/;
/** Files that run a test by TypeScript. */
const BY_TYPESCRIPT = 'dist/test-by-typescript';

const words = process.argv.slice(2).filter((word) => word !== '--long');
const suffix = process.argv.includes('--long') ? '.long.ts' : '.test.ts';
const sources = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith(suffix) && (words.length === 0 || words.some((word) => file.includes(word))))
  .sort();

if (sources.length === 0) {
  process.stderr.write(`test: no file under test/ whose path holds ${words.join(' or ')}\n`);
  process.exit(1);
}
rmSync(join(ROOT, BY_TYPESCRIPT), { recursive: true, force: true });
const files = sources.flatMap((source) => (ONE_CACHE.test(source) ? [compiled(source), byTypeScript(source)] : [compiled(source)]));
const remove = Server.prepare(SYSTEMS);
const { status } = spawnSync(process.execPath, ['--test', `--test-concurrency=${CONCURRENCY}`, '--test-reporter=spec', ...files], { cwd: ROOT, stdio: 'inherit' });
remove();
process.exit(status ?? 1);

function compiled(source: string): string {
  return join('dist/test', source.replace(/\.ts$/, '.js'));
}

/** A file that runs a test by TypeScript. */
function byTypeScript(source: string): string {
  const file = join(BY_TYPESCRIPT, source.replace(/\.ts$/, '.js'));
  mkdirSync(join(ROOT, dirname(file)), { recursive: true });
  writeFileSync(join(ROOT, file), `process.env.DELTAMIRROR_ENGINE = 'ts';\nawait import('${join(ROOT, compiled(source))}');\n`);
  return file;
}
