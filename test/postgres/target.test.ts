import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutPassword } from '../../src/postgres/target.js';

const CASES: readonly (readonly [given: string, url: string, password: string | undefined])[] = [
  ['postgres://u:p@h:5432/d', 'postgres://u@h:5432/d', 'p'],
  ['postgresql://u:p%40%2F@h/d?sslmode=require', 'postgresql://u@h/d?sslmode=require', 'p@/'],
  ['postgres://u:a:b@h/d', 'postgres://u@h/d', 'a:b'],
  ['postgres://u:a@b@h/d', 'postgres://u@h/d', 'a@b'],
  ['postgres://a@b:p@h/d', 'postgres://a@b@h/d', 'p'],
  ['postgres://u:@h/d', 'postgres://u@h/d', ''],
  ['postgres://:p@h/d', 'postgres://@h/d', 'p'],
  ['postgres://u@h/d?password=p&application_name=x', 'postgres://u@h/d?application_name=x', 'p'],
  ['postgres://u:q@h/d?pass%77ord=p', 'postgres://u@h/d', 'p'],
  ['postgres://u@/d?host=%2Ftmp', 'postgres://u@/d?host=%2Ftmp', undefined],
  ['postgres://h:5432/d', 'postgres://h:5432/d', undefined],
  ['postgres://h', 'postgres://h', undefined],
];

test('a URL without its password says all else that it said', () => {
  for (const [given, url, password] of CASES) assert.deepEqual(withoutPassword(given), { url, password }, given);
  assert.deepEqual(withoutPassword(undefined), { url: undefined, password: undefined });
});

test('what is no URL is refused, and not repeated', () => {
  for (const given of ['postgres://u:se/cret@h/d', 'postgres://u:se?cret@h/d', 'mysql://u:secret@h/d']) {
    assert.throws(() => withoutPassword(given), (error: Error) => !error.message.includes('cret'), given);
  }
});
