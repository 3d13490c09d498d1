/** Who takes nothing holds nobody up and costs a bounded piece of memory; who never takes anything again is let go. */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/folder.js';
import { serveProcess } from '../support/serve-process.js';
import { LiveReader, serving } from '../support/serving.js';
import { until } from '../support/wait.js';

const DAY = '2026-11-20.daystream';
const SLOW = 200;
const PIECE = Buffer.alloc(1 << 20, 'the log\n');
const PIECES = 100;
/** Of the whole process, most of which is Node: 200 backlogs of 128 KB are 26 MB. */
const MEMORY_LIMIT_BYTES = 200e6;

test('200 readers who take nothing of 100 MB cost little memory and nobody waits for them, and they go on where they stopped', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, DAY);
  writeFileSync(path, '');
  const server = await serveProcess(t, [folder]);
  const slow = await Promise.all(Array.from({ length: SLOW }, () => LiveReader.open(server.port, DAY)));
  for (const reader of slow) reader.pause();
  const quick = await LiveReader.open(server.port, DAY);
  for (let piece = 1; piece <= PIECES; piece++) {
    appendFileSync(path, PIECE);
    await until('the quick one has it', () => quick.length === piece * PIECE.length);
  }
  const peakBytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))![1]) * 1024;
  assert.ok(peakBytes < MEMORY_LIMIT_BYTES, `${peakBytes} bytes`);
  for (const reader of slow.slice(3)) reader.leave();
  for (const reader of slow.slice(0, 3)) {
    assert.ok(reader.length < PIECES * PIECE.length);
    reader.resume();
    await until('it has all', () => reader.length === PIECES * PIECE.length);
    assert.ok(reader.bytes.equals(readFileSync(path)));
    reader.leave();
  }
  quick.leave();
});

test('who takes nothing of what waits for it is let go in the end, who has all that there is stays', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, DAY), Buffer.alloc(50 << 20));
  writeFileSync(join(folder, '2026-11-21.daystream'), 'all of it');
  const { port, server } = await serving(t, folder, { limits: { stalledMs: 300 } });
  const idle = await LiveReader.open(port, '2026-11-21.daystream');
  await until('it has all', () => idle.length === 9);
  const stuck = await LiveReader.open(port, DAY);
  stuck.pause();
  const connections = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
  await until('the stuck one is let go', async () => (await connections()) === 1);
  stuck.resume();
  assert.equal(await stuck.over, false);
  appendFileSync(join(folder, '2026-11-21.daystream'), '!');
  await until('the idle one has more', () => idle.length === 10);
  idle.leave();
});
