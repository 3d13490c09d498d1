/** Parts of files, and what has not changed. */
import assert from 'node:assert/strict';
import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';
import { ask, bodyOf, exchange, open, serving, statusOf } from '../support/serving.js';
import { until } from '../support/wait.js';

const SEGMENT = '2026-11-20.daystream';
const TEXT = '0123456789';

test('a range is the bytes it names, and what names none is the whole or 416', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, SEGMENT), TEXT);
  writeFileSync(join(folder, '2026-11-21.daystream'), '');
  const { port } = await serving(t, folder);
  const of = (range: string, name = SEGMENT) => exchange(port, ask(`/${name}`, `Range: ${range}`));
  const parts: Record<string, [number, number]> = { 'bytes=0-': [0, 10], 'bytes=3-': [3, 10], 'bytes=9-': [9, 10], 'bytes=3-5': [3, 6], 'bytes=3-3': [3, 4], 'bytes=3-99': [3, 10], 'bytes=-4': [6, 10], 'bytes=-99': [0, 10], 'BYTES=1-2': [1, 3], 'bytes=0-99999999999999999999': [0, 10] };
  for (const [range, [start, end]] of Object.entries(parts)) {
    const answer = await of(range);
    assert.equal(statusOf(answer), 206, range);
    assert.equal(bodyOf(answer), TEXT.slice(start, end), range);
    assert.match(answer, new RegExp(`^Content-Range: bytes ${start}-${end - 1}/10\r$`, 'm'));
  }
  for (const range of ['bytes=10-', 'bytes=11-', 'bytes=99999999999999999999-', 'bytes=-0', 'bytes=10-10']) {
    const answer = await of(range);
    assert.equal(statusOf(answer), 416, range);
    assert.match(answer, /^Content-Range: bytes \*\/10\r$/m);
  }
  for (const range of ['bytes=', 'bytes=-', 'bytes=5-3', 'bytes=1-2,4-5', 'lines=1-', 'bytes=a-', 'bytes=1-x', 'bytes = 1-', '1-2', 'bytes=--1', 'bytes=1e3-', 'bytes=0x1-', 'bytes=-1-2']) {
    const answer = await of(range);
    assert.equal(statusOf(answer), 200, range);
    assert.equal(bodyOf(answer), TEXT);
  }
  assert.equal(statusOf(await of('bytes=0-', '2026-11-21.daystream')), 416);
  assert.equal(statusOf(await exchange(port, ask('/2026-11-21.daystream'))), 200);
});

test('what is unchanged is not sent again; a range is only of the file that is meant', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, SEGMENT), TEXT);
  const { port } = await serving(t, folder);
  for (const target of ['/index', `/${SEGMENT}`]) {
    const tag = /^ETag: (\S+)\r$/m.exec(await exchange(port, ask(target)))![1];
    const again = await exchange(port, ask(target, `If-None-Match: ${tag}`));
    assert.equal(statusOf(again), 304);
    assert.equal(bodyOf(again), '');
  }
  const tag = /^ETag: (\S+)\r$/m.exec(await exchange(port, ask(`/${SEGMENT}`)))![1];
  assert.equal(statusOf(await exchange(port, ask(`/${SEGMENT}`, 'Range: bytes=3-', `If-Range: ${tag}`))), 206);
  const indexTag = /^ETag: (\S+)\r$/m.exec(await exchange(port, ask('/index')))![1];
  appendFileSync(join(folder, SEGMENT), 'more');
  assert.equal(statusOf(await exchange(port, ask(`/${SEGMENT}`, `If-None-Match: ${tag}`))), 200);
  assert.equal(bodyOf(await exchange(port, ask(`/${SEGMENT}`, 'Range: bytes=3-', `If-Range: ${tag}`))), `${TEXT}more`);
  assert.equal(statusOf(await exchange(port, ask('/index', `If-None-Match: ${indexTag}`))), 304, 'the newest segment only grows');
  writeFileSync(join(folder, '2026-11-21.daystream'), '');
  const index = await exchange(port, ask('/index', `If-None-Match: ${indexTag}`));
  assert.equal(bodyOf(index), `daystream-index 1\n${SEGMENT}\t14\n2026-11-21.daystream\t-\n`);
});

test('the index has a segment from the moment it exists', async (t) => {
  const folder = temporaryFolder(t);
  const { port } = await serving(t, folder);
  for (let day = 10; day < 30; day++) {
    writeFileSync(join(folder, `2026-11-${day}.daystream`), '');
    assert.match(await exchange(port, ask('/index')), new RegExp(`^2026-11-${day}\\.daystream\t-$`, 'm'));
  }
});

test('a large file is sent whole to who takes it slowly; one that is cut meanwhile breaks off', async (t) => {
  const folder = temporaryFolder(t);
  const random = new Random();
  t.diagnostic(`seed ${random.seed}`);
  const bytes = Buffer.from(Uint32Array.from({ length: 8 << 20 }, () => random.below(2 ** 32)).buffer);
  writeFileSync(join(folder, SEGMENT), bytes);
  const { port } = await serving(t, folder);
  for (const cut of [false, true]) {
    const socket = await open(port);
    const pieces: Buffer[] = [];
    let isClosed = false;
    socket.on('close', () => { isClosed = true; }).on('error', () => {}).write(ask(`/${SEGMENT}`));
    socket.once('data', () => socket.pause());
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    await until('it waits', () => socket.isPaused());
    if (cut) truncateSync(join(folder, SEGMENT), 1000);
    socket.resume();
    await until('it is over', () => isClosed);
    const answer = Buffer.concat(pieces);
    const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
    if (cut) assert.ok(body.length < bytes.length);
    else assert.ok(body.equals(bytes));
  }
});
