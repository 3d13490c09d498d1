/**
 * `npm run fuzz -- 60`: looks for inputs that break the native engine, for so many seconds, all targets
 * side by side. It begins with what is in native/fuzz/corpus/ and what it has found before. An input that
 * breaks something is kept in native/build/sanitized/, and belongs into the corpus when that is cured.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { relative } from 'node:path';
import { buildTarget, corpusOf, findingsOf, FUZZER, TARGETS, type Target } from './sanitized.js';

const SECONDS_DEFAULT = 60;
/** Larger than a row of the corpus, small enough for many a second. */
const INPUT_LIMIT_BYTES = 8192;
const MEMORY_LIMIT_MB = 1024;

const seconds = Number(process.argv[2] ?? SECONDS_DEFAULT);
if (!Number.isInteger(seconds) || seconds < 1) {
  process.stderr.write('fuzz: for how many seconds? try: npm run fuzz -- 60\n');
  process.exit(2);
}
process.stderr.write('fuzz: building\n');
const programs = TARGETS.map((target) => ({ target, path: buildTarget(target, FUZZER) }));
const held = await Promise.all(programs.map(({ target, path }) => fuzz(target, path)));
process.exit(held.every((each) => each) ? 0 : 1);

/** False where something broke. */
async function fuzz(target: Target, path: string): Promise<boolean> {
  const kept = `${path}-`;
  const child = spawn(path, [`-max_total_time=${seconds}`, `-max_len=${INPUT_LIMIT_BYTES}`, `-rss_limit_mb=${MEMORY_LIMIT_MB}`, '-timeout=10', '-print_final_stats=1', `-artifact_prefix=${kept}`, findingsOf(target), corpusOf(target)], { stdio: ['ignore', 'inherit', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text; });
  const [status] = (await once(child, 'close')) as [number | null];
  const [, runs] = /number_of_executed_units: (\d+)/.exec(said) ?? [];
  if (status === 0) {
    const [, edges] = [.../ cov: (\d+)/g.exec(said.slice(said.lastIndexOf(' cov: '))) ?? []];
    process.stdout.write(`${target}: ${runs} inputs, ${edges} edges, nothing broke\n`);
    return true;
  }
  const [, input] = /Test unit written to (\S+)/.exec(said) ?? [];
  process.stdout.write(`${said.slice(-6000)}\n${target}: broke — again: ${relative(process.cwd(), path)} ${input ?? ''}\n`);
  return false;
}
