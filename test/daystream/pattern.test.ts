import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeltaError } from '../../src/errors.js';
import { matches, parsePatterns } from '../../src/daystream/pattern.js';

function halves(text: string): (string | undefined)[][] {
  return parsePatterns(text).map(({ schema, table }) => [schema, table]);
}

test('a bare name is in public, and names fold to lower case unless quoted', () => {
  assert.deepEqual(halves('t'), [['public', 't']]);
  assert.deepEqual(halves('Sales.Orders'), [['sales', 'orders']]);
  assert.deepEqual(halves('"Sales"."a.b, ""c"""'), [['Sales', 'a.b, "c"']]);
  assert.deepEqual(halves('Ünder_1$'), [['public', 'Ünder_1$']]);
});

test('a star stands for every name, a quoted star for itself', () => {
  assert.deepEqual(halves('sales.*'), [['sales', undefined]]);
  assert.deepEqual(halves('*'), [['public', undefined]]);
  assert.deepEqual(halves('*.*'), [[undefined, undefined]]);
  assert.deepEqual(halves('"*"'), [['public', '*']]);
});

test('patterns are separated by commas, with blanks around them', () => {
  assert.deepEqual(halves(' a ,\tb.c , "d" '), [['public', 'a'], ['b', 'c'], ['public', 'd']]);
});

test('a pattern matches by schema and name', () => {
  const [named, wild] = parsePatterns('sales.orders, ops.*');
  assert.ok(matches(named, 'sales', 'orders'));
  assert.ok(!matches(named, 'sales', 'Orders'));
  assert.ok(!matches(named, 'public', 'orders'));
  assert.ok(matches(wild, 'ops', 'anything'));
});

for (const text of ['', ' ', 'a,', ',a', 'a,,b', 'a b', '.a', 'a.', 'a..b', 'a.b.c', '*.a', 'a*', '1a', '"a', '""', 'a."" ', 'a-b', "'a'", 'x'.repeat(64), 'a . b', 'a;drop']) {
  test(`${JSON.stringify(text.slice(0, 10))} is refused as a pattern`, () => {
    assert.throws(() => parsePatterns(text), (error) => error instanceof DeltaError && error.code === 'usage' && error.hint !== undefined);
  });
}
