import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Folder } from '../../src/daystream/folder.js';
import { findJoin } from '../../src/import/join.js';
import { temporaryFolder } from '../support/folder.js';
import { openWriter } from '../support/log.js';
import { T0, transaction } from '../support/mirror.js';

test('a cache joins behind a horizon that is above nothing the cache has, also where the log lost that in a power loss and gets it again', async (t) => {
  const log = temporaryFolder(t);
  const folder = new Folder(log);
  t.after(() => folder.close());
  const writer = await openWriter(log, { clock: () => T0 });
  writer.append(transaction(1, ['t insert id 1']));
  writer.horizon(0n, 1n, '2:2:');
  await writer.sync();
  const at = { position: { clock: T0 - 5, sequence: 9 }, lsn: 0x2030n }; // it had transaction 2 from the log as it was
  assert.equal(await findJoin(folder, at, '3:3:'), undefined);
  assert.equal(await findJoin(folder, { position: { clock: T0 + 1, sequence: 0 }, lsn: 0x1030n }, '3:3:'), undefined);
  writer.append(transaction(2, ['t insert id 2']));
  writer.horizon(0n, 1n, '3:3:');
  await writer.sync();
  writer.close();
  assert.equal((await findJoin(folder, at, '3:3:'))?.horizon.snapshot, '3:3:');
  assert.equal(await findJoin(folder, at, '2:2:'), undefined, 'what the newest horizon sees, the copy has to see');
});
