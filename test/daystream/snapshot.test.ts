import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contains, isVisible, parseSnapshot } from '../../src/daystream/snapshot.js';

/** What a snapshot sees, by the definition in Postgres's manual. */
const VISIBLE: readonly [snapshot: string, seen: readonly number[], unseen: readonly number[]][] = [
  ['10:10:', [1, 9], [10, 11]],
  ['10:15:10,13', [9, 11, 12, 14], [10, 13, 15, 16]],
  ['10:11:10', [9], [10, 11]],
  ['4294967300:4294967303:4294967300', [4, 4294967299, 4294967301, 4294967302], [4294967300, 4294967303]],
];

for (const [text, seen, unseen] of VISIBLE) {
  test(`${text} sees ${seen} and not ${unseen}`, () => {
    const snapshot = parseSnapshot(text);
    for (const xid of seen) assert.equal(isVisible(snapshot, BigInt(xid)), true, `${xid}`);
    for (const xid of unseen) assert.equal(isVisible(snapshot, BigInt(xid)), false, `${xid}`);
  });
}

const CONTAINED: readonly [outer: string, inner: string, contained: boolean, why: string][] = [
  ['10:10:', '10:10:', true, 'the same'],
  ['12:12:', '10:10:', true, 'later'],
  ['10:10:', '11:11:', false, 'earlier'],
  ['10:12:10', '10:10:', true, 'later, with what came since still running'],
  ['10:12:10', '10:12:10', true, 'the same, with one running'],
  ['10:12:10', '12:12:', false, 'one runs that the inner one sees'],
  ['12:12:', '10:12:10', true, 'what the inner one lacks has ended'],
  ['10:15:10,13', '10:15:13', false, 'one more runs'],
  ['10:15:13', '10:15:10,13', true, 'one fewer runs'],
  ['5:20:5', '10:10:', false, 'one below the inner xmin runs'],
  ['10:15:10', '10:16:10,14', false, 'the inner one sees one more at its end'],
];

for (const [outer, inner, contained, why] of CONTAINED) {
  test(`${outer} ${contained ? 'contains' : 'does not contain'} ${inner}: ${why}`, () => {
    assert.equal(contains(parseSnapshot(outer), parseSnapshot(inner)), contained);
  });
}

const FIRST = 3;
const LAST = 9;

/** Every snapshot that Postgres can take while only the xids from FIRST to LAST differ: the newest below xmax has ended, xmin is the oldest that runs. */
function* snapshots(): Generator<{ text: string; sees: readonly boolean[] }> {
  for (let xmax = FIRST; xmax <= LAST; xmax++) {
    const candidates = Array.from({ length: Math.max(0, xmax - 1 - FIRST) }, (_, i) => FIRST + i);
    for (let bits = 0; bits < 1 << candidates.length; bits++) {
      const running = candidates.filter((_, i) => (bits >> i) & 1);
      const text = `${running[0] ?? xmax}:${xmax}:${running}`;
      yield { text, sees: Array.from({ length: LAST + 2 }, (_, xid) => xid < xmax && !running.includes(xid)) };
    }
  }
}

test('one snapshot contains another exactly where it sees all that the other sees', () => {
  const all = [...snapshots()];
  for (const outer of all) {
    for (const inner of all) {
      const wanted = inner.sees.every((seen, xid) => !seen || outer.sees[xid]);
      assert.equal(contains(parseSnapshot(outer.text), parseSnapshot(inner.text)), wanted, `${outer.text} and ${inner.text}`);
    }
  }
});

test('what is not a snapshot is refused', () => {
  for (const text of ['', '10', '10:10', 'x:10:', '10:10:x', '10:10:1,', '10:10:1 2', '-1:10:']) {
    assert.throws(() => parseSnapshot(text), { code: 'postgres' }, text);
  }
});
