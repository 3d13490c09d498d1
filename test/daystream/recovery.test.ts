import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Folder } from '../../src/daystream/folder.js';
import { LogReader } from '../../src/daystream/reader.js';
import { seekStart } from '../../src/daystream/seek.js';
import { realFiles } from '../../src/daystream/writer-files.js';
import { Writer } from '../../src/daystream/writer.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, IDENTITY, openWriter, transactionLines, xidsOf } from '../support/log.js';

const T0 = 1_760_000_000;
const DAY = 86_400;

test('what cannot be read is not cut away where Postgres was told that it is durable', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder, { clock: () => T0 });
  appendTransactions(writer, 1, 9);
  const confirmed = await writer.sync();
  writer.close();
  const path = join(folder, readdirSync(folder)[0]);
  const bytes = readFileSync(path);
  bytes.fill(0, bytes.indexOf('_xid\t4'), bytes.indexOf('_xid\t4') + 16);
  writeFileSync(path, bytes);
  await assert.rejects(Writer.open(folder, IDENTITY, confirmed), { code: 'log-damaged', message: /was told/ });
  assert.deepEqual(readFileSync(path), bytes);
});

test('P2: a segment whose maker died before its name was durable is made so by the next run', async (t) => {
  const folder = temporaryFolder(t);
  const died = { ...realFiles, syncFolder: () => { throw new Error('died'); } };
  const first = await openWriter(folder, { files: died });
  assert.throws(() => appendTransactions(first, 1, 1), { code: 'io' });
  const synced: string[] = [];
  const again = await openWriter(folder, { files: { ...realFiles, syncFolder: (path) => { synced.push(path); realFiles.syncFolder(path); } } });
  assert.deepEqual(synced, [folder]);
  again.close();
});

for (const bytes of [100, 3 << 20]) {
  test(`a reader in the middle of a transaction of ${bytes} bytes that the writer gives up goes on with the next, also in the next segment`, async (t) => {
    const folder = temporaryFolder(t);
    let clock = T0;
    const writer = await openWriter(folder, { clock: () => clock });
    appendTransactions(writer, 1, 1);
    writer.write();
    const log = new Folder(folder);
    t.after(() => log.close());
    const reader = new LogReader(log, await seekStart(log));
    const seen: number[] = [];
    const drain = async () => { for (let units = await reader.next(); units.length > 0; units = await reader.next()) seen.push(...xidsOf(units)); };
    for (const pause of [0, DAY]) {
      const half = transactionLines(50, 0x50000n, ['x'.repeat(bytes), 'y']);
      writer.append(half.subarray(0, half.lastIndexOf(10)));
      writer.write();
      await drain();
      writer.abandon();
      clock += pause;
      const next = seen.length + 1;
      appendTransactions(writer, next, 1);
      writer.write();
      while (!seen.includes(next)) {
        await reader.wait(50);
        await drain();
      }
    }
    assert.deepEqual(seen, [1, 2, 3]);
    writer.close();
  });
}

test('a copy of the log whose newest segment has only begun is waited for', async (t) => {
  const folder = temporaryFolder(t);
  const [source, copy] = [join(folder, 'source'), join(folder, 'copy')];
  mkdirSync(copy);
  let clock = T0;
  const writer = await openWriter(source, { clock: () => clock });
  appendTransactions(writer, 1, 1);
  clock += DAY;
  appendTransactions(writer, 2, 1);
  await writer.sync();
  writer.close();
  const [first, second] = readdirSync(source).sort();
  copyFileSync(join(source, first), join(copy, first));
  writeFileSync(join(copy, second), '');
  const log = new Folder(copy);
  t.after(() => log.close());
  const reader = new LogReader(log, await seekStart(log));
  assert.deepEqual(xidsOf(await reader.next()), [1]);
  const bytes = readFileSync(join(source, second));
  for (const byte of bytes) {
    assert.deepEqual(await reader.next(), []);
    appendFileSync(join(copy, second), Buffer.of(byte));
    if (xidsOf(await reader.next()).includes(2)) return;
  }
  assert.fail('the copied segment was never read');
});
