/** All benchmarks at the smallest size: each gives its figures, and nothing is left behind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { start, TINY } from './support/bench.js';

test('every benchmark measures all its sides and leaves nothing', async (t) => {
  const bench = start(t, ...TINY, '--json');
  await once(bench.child, 'close');
  assert.equal(bench.child.exitCode, 0, bench.stderr);
  const { figures } = JSON.parse(bench.stdout) as { figures: { benchmark: string; values: number[] }[] };
  assert.deepEqual([...new Set(figures.map(({ benchmark }) => benchmark))], ['decode', 'stream', 'pgoutput', 'import', 'replay', 'path', 'latency', 'memory', 'scan', 'keyless', 'scale', 'reload', 'schema', 'reconcile', 'bootstrap', 'readers', 'seek']);
  for (const figure of figures) assert.ok(figure.values.length > 0 && figure.values.every((value) => value > 0), JSON.stringify(figure));
  assert.deepEqual(readdirSync(bench.folder), []);
});
