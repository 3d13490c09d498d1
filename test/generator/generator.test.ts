import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../support/random.js';
import { runSeeds } from './seeds.js';

const SEEDS = 200;

test('random schemas, values and changes: a live mirror, a late one, a fresh import and test_decoding all see what Postgres has', async (t) => {
  const { seed } = new Random();
  const alone = process.env.SEED !== undefined;
  t.diagnostic(`${alone ? '' : `${SEEDS} seeds from `}SEED=${seed}`);
  const { failures, rows, changes } = await runSeeds(seed, alone ? 1 : SEEDS, (text) => t.diagnostic(text));
  assert.deepEqual(failures, []);
  assert.ok(rows > 0 && changes > 0, 'nothing was compared');
});
