import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChange, parseTransactions, UNCHANGED } from './test-decoding.js';

test('bare numbers, booleans and bits, NULL and unchanged are told apart from the texts that look like them', () => {
  assert.deepEqual(
    parseChange("table public.t: INSERT: i[integer]:-1 f[double precision]:NaN b[boolean]:true n[text]:null t[text]:'null' u[text]:unchanged-toast-datum v[text]:'unchanged-toast-datum' x[bit]:B'101' e[text]:''"),
    { kind: 'insert', schema: 'public', table: 't', row: new Map<string, unknown>([['i', '-1'], ['f', 'NaN'], ['b', 't'], ['n', null], ['t', 'null'], ['u', UNCHANGED], ['v', 'unchanged-toast-datum'], ['x', '101'], ['e', '']]) },
  );
});

test('doubled quotes, brackets, line feeds and backslashes in names, types and values are kept', () => {
  assert.deepEqual(
    parseChange('table "a.b"."T ""x"": INSERT:": DELETE: "k ]:\'"[s."ty""pe]:["[]]:\'it\'\'s \\ new-tuple: a[integer]:1\n\'\' \' arr[integer[]]:\'{1,2}\''),
    { kind: 'delete', schema: 'a.b', table: 'T "x": INSERT:', old: new Map([["k ]:'", "it's \\ new-tuple: a[integer]:1\n' "], ['arr', '{1,2}']]) },
  );
});

test('an update with an old key has two rows, without it one', () => {
  assert.deepEqual(
    parseChange("table public.t: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 \"new-tuple\"[text]:' new-tuple:'"),
    { kind: 'update', schema: 'public', table: 't', old: new Map([['id', '1']]), row: new Map([['id', '2'], ['new-tuple', ' new-tuple:']]) },
  );
  assert.deepEqual(parseChange('table public.t: UPDATE: id[integer]:2'), { kind: 'update', schema: 'public', table: 't', old: undefined, row: new Map([['id', '2']]) });
  assert.deepEqual(parseChange('table public.t: DELETE: (no-tuple-data)'), { kind: 'delete', schema: 'public', table: 't', old: undefined });
});

test('a truncate names all its tables and its options', () => {
  assert.deepEqual(
    parseChange('table public.a, s."b, c": TRUNCATE: restart_seqs cascade'),
    { kind: 'truncate', tables: [{ schema: 'public', table: 'a' }, { schema: 's', table: 'b, c' }], options: ['restart_seqs', 'cascade'] },
  );
  assert.deepEqual(parseChange('table public.a: TRUNCATE: (no-flags)'), { kind: 'truncate', tables: [{ schema: 'public', table: 'a' }], options: [] });
});

test('transactions are what stands between BEGIN and COMMIT of one xid', () => {
  assert.deepEqual(parseTransactions(['BEGIN 7', 'table public.t: INSERT: id[integer]:1', 'COMMIT 7', 'BEGIN 6', 'COMMIT 6']), [
    { xid: 7n, changes: [{ kind: 'insert', schema: 'public', table: 't', row: new Map([['id', '1']]) }] },
    { xid: 6n, changes: [] },
  ]);
});

test('what does not fit the grammar is refused', () => {
  for (const text of ["table public.t: INSERT: a[text]:'x' y", "table public.t: INSERT: a[text]:'x", 'table public.t: MERGE: a[integer]:1', 'table t: INSERT: a[integer]:1', 'table public.t: INSERT: a[integer:1']) {
    assert.throws(() => parseChange(text), /test_decoding/, text);
  }
  for (const lines of [['BEGIN 1'], ['COMMIT 1'], ['BEGIN 1', 'COMMIT 2'], ['BEGIN 1', 'BEGIN 2'], ['table public.t: INSERT: a[integer]:1']]) {
    assert.throws(() => parseTransactions(lines));
  }
});
