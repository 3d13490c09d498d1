/** The files of a local folder: who else waits has a turn while they are read, and what stands under the folder's name by now is watched. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { FolderFiles } from '../../src/daystream/transports/folder-files.js';
import { temporaryFolder } from '../support/folder.js';

const [FIRST, SECOND, THIRD] = ['2026-01-01.daystream', '2026-01-02.daystream', '2026-01-03.daystream'];
const BLOCK_BYTES = 1 << 16;
const LONG_MS = 60_000;

test('a process that reads alone lets others have a turn between two blocks', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, FIRST), Buffer.alloc(8 * BLOCK_BYTES, 'x'));
  const files = new FolderFiles(folder, true);
  t.after(() => files.close());
  const block = Buffer.alloc(BLOCK_BYTES);
  let turns = 0;
  const timer = setInterval(() => { turns++; }, 0);
  t.after(() => clearInterval(timer));
  let offset = 0;
  for (let reads = 0; turns < 3; reads++) {
    assert.ok(reads < 100_000, 'no timer came in between');
    offset = (offset + await files.read(FIRST, offset, block)) % (8 * BLOCK_BYTES);
  }
});

test('word comes of what is written, of a new file, and of those in another folder that has taken its place', async (t) => {
  const folder = join(temporaryFolder(t), 'log');
  mkdirSync(folder);
  writeFileSync(join(folder, FIRST), 'x');
  const files = new FolderFiles(folder);
  t.after(() => files.close());
  for (let looks = 0; looks < 2; looks++) await files.changed(FIRST, 1); // what its watches begin with
  const [written] = await Promise.all([files.changed(FIRST, LONG_MS), appendFileSync(join(folder, FIRST), 'x')]);
  assert.equal(written, false);
  const [made] = await Promise.all([files.changed(FIRST, LONG_MS), writeFileSync(join(folder, SECOND), 'x')]);
  assert.equal(made, true);
  renameSync(folder, `${folder}.away`);
  mkdirSync(folder);
  writeFileSync(join(folder, FIRST), 'x');
  await files.changed(FIRST, 1); // the poll
  await files.changed(FIRST, 1); // its new watch
  const [again] = await Promise.all([files.changed(FIRST, LONG_MS), writeFileSync(join(folder, THIRD), 'x')]);
  assert.equal(again, true);
});

test('what is closed while it is waited for watches nothing any more', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, FIRST), 'x');
  const files = new FolderFiles(folder);
  const waiting = files.changed(FIRST, 1);
  await files.close();
  await waiting;
  await setImmediate();
  assert.deepEqual(process.getActiveResourcesInfo().filter((name) => name === 'FSEventWrap'), []);
});
