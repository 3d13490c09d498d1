/** The benchmarks: some at the smallest size give their figures, and nothing is left behind. All of them: bench.long.ts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Figure, Unit } from '../bench/figure.js';
import type { Machine } from '../bench/machine.js';
import { draw } from '../bench/plots.js';
import { QUICK } from '../bench/sizes.js';
import { start, TINY } from './support/bench.js';
import { temporaryFolder } from './support/folder.js';
import { until } from './support/wait.js';

const MACHINE: Machine = { processors: '', memory: '', system: '', node: '', postgres: '', sqlite3: '', deltamirror: '', load: '' };

test('benchmarks measure all their sides and leave nothing, but the figures that they were to keep', async (t) => {
  const kept = temporaryFolder(t);
  const bench = start(t, ...TINY, '--json', '--save', kept, 'decode', 'import', 'path');
  await once(bench.child, 'close');
  assert.equal(bench.child.exitCode, 0, bench.stderr);
  const { figures } = JSON.parse(bench.stdout) as { figures: { benchmark: string; values: number[] }[] };
  assert.deepEqual([...new Set(figures.map(({ benchmark }) => benchmark))], ['decode', 'import', 'path']);
  for (const figure of figures) assert.ok(figure.values.length > 0 && figure.values.every((value) => value > 0), JSON.stringify(figure));
  assert.deepEqual(readdirSync(bench.folder), []);
  assert.deepEqual(readdirSync(kept).sort(), ['compared.svg', 'results.json']);
  rmSync(join(kept, 'compared.svg'));
  const again = start(t, '--plot', kept);
  await once(again.child, 'close');
  assert.equal(again.child.exitCode, 0, again.stderr);
  assert.match(readFileSync(join(kept, 'compared.svg'), 'utf8'), /^<svg[^]*decode, seconds[^]*<\/svg>\n$/);
  for (const { benchmark } of figures) assert.match(again.stdout, new RegExp(`^\\| ${benchmark} `, 'm'));
});

test('a growth is drawn with a line for each piece and a dot for each step', (t) => {
  const folder = temporaryFolder(t);
  const figure = (what: string, unit: Unit, value: number, measured: number): Figure => ({ benchmark: 'growth', what, unit, values: [measured], at: { of: 'tables', value } });
  const figures = ['deltamirror', 'deltaimport'].flatMap((what) => [1, 10, 100].flatMap((value) => [figure(what, 'rows/s', value, 1e5 / value), figure(what, 'MB', value, 100)]));
  assert.deepEqual(draw({ growth: { machine: MACHINE, sizes: QUICK, figures } }, folder), ['growth-by-tables.svg']);
  const svg = readFileSync(join(folder, 'growth-by-tables.svg'), 'utf8');
  assert.equal(svg.match(/<polyline [^>]*stroke-width="2"/g)?.length, 4);
  assert.equal(svg.match(/<circle /g)?.length, 12);
});

test('benchmarks that are interrupted leave nothing', async (t) => {
  const bench = start(t, ...TINY, '--runs', '2', 'latency');
  await until('the second run has begun', () => /run 1 of 2/.test(bench.stderr));
  bench.child.kill('SIGINT');
  await once(bench.child, 'close');
  assert.equal(bench.child.exitCode, 130, bench.stderr);
  assert.deepEqual(readdirSync(bench.folder), []);
});

test('a benchmark that there is not is refused in one line', async (t) => {
  const bench = start(t, 'speed');
  await once(bench.child, 'close');
  assert.equal(bench.child.exitCode, 2);
  assert.equal(bench.stderr, 'bench: speed: no such benchmark — one of: decode, stream, pgoutput, import, replay, path, latency, memory, scan, keyless, scale, reload, schema, reconcile, bootstrap, readers, seek, peer, growth\n');
});
