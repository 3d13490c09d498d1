import assert from 'node:assert/strict';
import { test } from 'node:test';
import { likePattern } from '../../src/filter/like.js';
import { Random } from '../support/random.js';

test('LIKE is what its definition says, on random patterns and texts', () => {
  const random = new Random();
  for (let round = 0; round < 20_000; round++) {
    const text = word(random, ['a', 'b', '😀', '%', '\\', '\n'], 7);
    const pattern = word(random, ['a', 'b', '%', '_', '😀', '\\%', '\\\\', '\\_', '\\a'], 6);
    assert.equal(likePattern(pattern)(text), definition([...pattern], [...text]), `${JSON.stringify([pattern, text])}, seed ${random.seed}`);
  }
});

test('a pattern of many wildcards takes no longer than the product of the lengths', () => {
  assert.equal(likePattern(`${'%a_'.repeat(500)}%b`)('a'.repeat(20_000)), false);
});

function word(random: Random, letters: readonly string[], length: number): string {
  return Array.from({ length: random.below(length) }, () => random.pick(letters)).join('');
}

/** The definition, letter by letter. */
function definition(pattern: readonly string[], text: readonly string[]): boolean {
  const [head, ...rest] = pattern;
  if (head === undefined) return text.length === 0;
  if (head === '%') return definition(rest, text) || (text.length > 0 && definition(pattern, text.slice(1)));
  if (text.length === 0) return false;
  if (head === '_') return definition(rest, text.slice(1));
  const [letter, ...behind] = head === '\\' ? rest : pattern;
  return letter === text[0] && definition(behind, text.slice(1));
}
