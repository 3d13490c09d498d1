import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { EVERYTHING } from '../../src/daystream/following.js';
import type { Writer } from '../../src/daystream/writer.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter, readAll, transactionLines, xidsOf } from '../support/log.js';

/** A log of transactions 1 to 5, open again; Postgres was told to forget the first two. */
async function restarted(t: TestContext, tables?: string): Promise<{ folder: string; writer: Writer }> {
  const folder = temporaryFolder(t);
  const before = await openWriter(folder);
  appendTransactions(before, 1, 5);
  await before.sync();
  before.close();
  const writer = await openWriter(folder, { tables });
  t.after(() => writer.close());
  await writer.expectRepeats(0x2030n, 0x5030n);
  return { folder, writer };
}

test('P1: what comes again as the log has it is dropped, and what follows is new', async (t) => {
  const { folder, writer } = await restarted(t);
  appendTransactions(writer, 3, 5);
  await writer.sync();
  assert.deepEqual(xidsOf(await readAll(folder)), [1, 2, 3, 4, 5, 6, 7]);
});

test('P1: another transaction at a place that the log is past is a server that was restored, not a repeat', async (t) => {
  const { folder, writer } = await restarted(t);
  appendTransactions(writer, 3, 1);
  assert.throws(() => writer.append(transactionLines(99, 0x4000n, ['lost otherwise'])), { code: 'log-foreign', message: /transaction 99/ });
  assert.deepEqual(xidsOf(await readAll(folder)), [1, 2, 3, 4, 5]);
});

test('P1: a transaction of the same xid at the same place is another one where its commit time or its rows are others', async (t) => {
  const { writer } = await restarted(t);
  assert.throws(() => writer.append(transactionLines(3, 0x3000n, ['3'], 1760000000000001n)), { code: 'log-foreign', message: /transaction 3/ });
  const again = await restarted(t);
  assert.throws(() => again.writer.append(transactionLines(3, 0x3000n, ['3', 'one more'])), { code: 'log-foreign', message: /transaction 3/ });
});

test('P1: a transaction of the log that does not come again is a commit that the server lost', async (t) => {
  const { writer } = await restarted(t);
  appendTransactions(writer, 3, 2);
  assert.throws(() => appendTransactions(writer, 6, 1), { code: 'log-foreign', message: /transaction 5/ });
});

test('P1: once something new has come, nothing may be dropped any more', async (t) => {
  const { writer } = await restarted(t);
  appendTransactions(writer, 3, 4);
  assert.throws(() => writer.append(transactionLines(99, 0x4000n, ['too late'])), { code: 'log-foreign', message: /transaction 99/ });
});

test('P1: until the server is past the log it is told to forget nothing: refused, it is refused again', async (t) => {
  const { writer } = await restarted(t);
  assert.equal(await writer.sync(), 0x2030n);
  appendTransactions(writer, 3, 3);
  assert.equal(await writer.sync(), 0x2030n);
  appendTransactions(writer, 6, 1);
  assert.equal(await writer.sync(), 0x6030n);
});

test('P1: the same is found when nothing new comes but the server says that it is past the log', async (t) => {
  const { writer } = await restarted(t);
  appendTransactions(writer, 3, 1);
  assert.equal(writer.horizon(0x4000n, 1n, undefined), false);
  assert.throws(() => writer.horizon(0x9000n, 1n, undefined), { code: 'log-foreign' });
});

test('P1: with other tables asked for, what is followed stays as it was until all has come again', async (t) => {
  const { folder, writer } = await restarted(t, 't');
  assert.deepEqual(writer.following, EVERYTHING);
  appendTransactions(writer, 3, 2);
  assert.throws(() => writer.append(transactionLines(77, 0x4800n, ['of another history'])), { code: 'log-foreign', message: /transaction 77/ });
  appendTransactions(writer, 5, 2);
  assert.equal(writer.hasAllAgain, true);
  await writer.sync();
  await writer.expectRepeats(0x6030n, 0x6030n);
  assert.deepEqual(writer.following, { tables: 't', partitions: 'root' });
  appendTransactions(writer, 7, 1);
  await writer.sync();
  const said = (await readAll(folder)).map((unit) => unit.kind === 'transaction' ? Number(unit.xid) : unit.kind === 'horizon' ? unit.line.own.get('_tables') : unit.kind);
  assert.deepEqual(said.slice(-4), [5, 6, 't', 7]);
});

test('a transaction without rows may be new among the repeats, as when more messages are asked for', async (t) => {
  const { folder, writer } = await restarted(t);
  appendTransactions(writer, 3, 1);
  writer.append(transactionLines(77, 0x3800n, []));
  appendTransactions(writer, 4, 3);
  writer.write();
  assert.deepEqual(xidsOf(await readAll(folder)), [1, 2, 3, 4, 5, 6]);
});
