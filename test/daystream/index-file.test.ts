/** The index of a folder that several write to. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { sweepIndexes } from '../../src/daystream/index-file.js';
import { temporaryFolder } from '../support/folder.js';

const WRITES = 100;
const MODULE = new URL('../../src/daystream/index-file.js', import.meta.url).href;
const LONG_AGO = new Date(0);

test('two with the same pid, as in two containers, write the index of a shared folder at once', async (t) => {
  const folder = temporaryFolder(t);
  // Threads have one pid, and each is the first writer of its own.
  const code = `import(${JSON.stringify(MODULE)}).then(({ writeIndex }) => { for (let i = 0; i < ${WRITES}; i++) writeIndex(${JSON.stringify(folder)}); });`;
  const writers = Array.from({ length: 2 }, () => new Worker(code, { eval: true }));
  assert.deepEqual(await Promise.all(writers.map(async (writer) => (await once(writer, 'exit'))[0])), [0, 0]);
  assert.deepEqual(readdirSync(folder), ['index']);
});

test('what a dead process left of an index is removed, under the names of now and of before; nothing else is', (t) => {
  const folder = temporaryFolder(t);
  const left = ['index.1.new', 'index.4711.new', 'index.0123456789abcdef.new'];
  const kept = ['index', 'index..new', 'index.mine.new', '2025-10-09.daystream.new'];
  for (const name of [...left, ...kept]) {
    writeFileSync(join(folder, name), '');
    utimesSync(join(folder, name), LONG_AGO, LONG_AGO);
  }
  sweepIndexes(folder);
  assert.deepEqual(readdirSync(folder).sort(), kept.sort());
});
