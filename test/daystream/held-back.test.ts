/** Our own server behind proxies that spoil its live streams, while ranges pass: what is written comes all the same. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { LogReader } from '../../src/daystream/reader.js';
import { seekStart } from '../../src/daystream/seek.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter, xidsOf } from '../support/log.js';
import { overHttp } from '../support/remote.js';
import { serving } from '../support/serving.js';

/** What becomes of the answer to `?live`. */
type Spoil = (answer: IncomingMessage, response: ServerResponse) => void;

const refusing = (status: number, headers = {}): Spoil => (_, response) => response.writeHead(status, { 'Content-Length': 0, ...headers }).end();

/** A proxy that drops what tells versions, so that each answer about the index is a whole one. */
async function behind(t: TestContext, url: string, spoil: Spoil, asked: string[]): Promise<string> {
  const server = createServer((request, response) => {
    asked.push(request.url!);
    const { 'if-none-match': _, ...headers } = request.headers;
    const passed = get(new URL(request.url!, url), { headers }, (answer) => {
      response.on('close', () => answer.destroy());
      const { etag, ...kept } = answer.headers;
      if (request.url!.endsWith('?live')) return void spoil(answer.on('error', () => {}).resume(), response);
      response.writeHead(answer.statusCode!, kept);
      pipeline(answer, response, () => {}); // whoever goes first ends it
    }).on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => { server.close(); server.closeAllConnections(); });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

for (const [name, spoil, pauses] of [
  ['does not pass live streams', refusing(400), 0],
  ['forbids them', refusing(403), 0],
  ['answers another file', refusing(200), 0],
  ['says that nothing is there', refusing(416, { 'Content-Range': 'bytes */99' }), 20],
] as const) {
  test(`behind a proxy that ${name} an idle reader rests between two requests`, async (t) => {
    const folder = temporaryFolder(t);
    const writer = await openWriter(folder, { clock: () => 1_760_000_000 });
    t.after(() => writer.close());
    appendTransactions(writer, 1, 1);
    writer.write();
    const asked: string[] = [];
    let rests = 0;
    const log = overHttp(await behind(t, (await serving(t, folder)).url, spoil, asked), { stallMs: 5000, backoffMs: () => { rests++; return 1; } });
    t.after(() => log.close());
    const reader = new LogReader(log, await seekStart(log));
    while ((await reader.next()).length > 0);
    for (let look = 0; look < 20; look++) {
      await reader.wait(1);
      assert.deepEqual(await reader.next(), []);
    }
    assert.equal(rests, pauses);
    assert.equal(asked.filter((url) => url.endsWith('?live')).length, pauses || 1);
  });
}

for (const [name, spoil] of [
  ['holds back the whole answer', () => {}],
  ['holds back its bytes', (_, response) => response.writeHead(200, { 'Daystream-Offset': offsetOf(response) }).flushHeaders()],
  ['ends it without a byte', (_, response) => response.writeHead(200, { 'Daystream-Offset': offsetOf(response) }).end()],
  ['says that nothing is there', refusing(416)],
] as [string, Spoil][]) {
  test(`behind a proxy that ${name} what is written comes by ranges`, async (t) => {
    const folder = temporaryFolder(t);
    const writer = await openWriter(folder, { clock: () => 1_760_000_000 });
    t.after(() => writer.close());
    const asked: string[] = [];
    const write = (xid: number) => { appendTransactions(writer, xid, 1); writer.write(); };
    write(1);
    const log = overHttp(await behind(t, (await serving(t, folder)).url, spoil, asked), { stallMs: 200, backoffMs: () => 1 });
    t.after(() => log.close());
    const reader = new LogReader(log, await seekStart(log));
    const xids: number[] = [];
    for (let written = 1; xids.length < 5;) {
      const units = await reader.next();
      xids.push(...xidsOf(units));
      if (units.length === 0) await reader.wait(10);
      if (xids.length === written && written < 5) write(++written);
    }
    assert.deepEqual(xids, [1, 2, 3, 4, 5]);
    assert.ok(asked.filter((url) => url.endsWith('?live')).length <= 5, 'it was not asked for again and again');
  });
}

test('behind a proxy that passes live streams in pieces of its own, what is written comes by ranges', async (t) => {
  const folder = temporaryFolder(t);
  const writer = await openWriter(folder, { clock: () => 1_760_000_000 });
  t.after(() => writer.close());
  const asked: string[] = [];
  const log = overHttp(await behind(t, (await serving(t, folder)).url, inPieces, asked), { stallMs: 20_000, backoffMs: () => 1 });
  t.after(() => log.close());
  let reader: LogReader | undefined;
  for (let round = 0; round < 10; round++) {
    appendTransactions(writer, 1 + round * 10, 10);
    writer.write();
    reader ??= new LogReader(log, await seekStart(log));
    for (let left = 10; left > 0;) {
      const units = await reader.next();
      left -= xidsOf(units).length;
      if (units.length === 0) await reader.wait(10);
    }
    await reader.next();
    await reader.wait(10);
  }
  const streams = asked.filter((url) => url.endsWith('?live')).length;
  assert.ok(streams >= 1 && streams <= 4, `${streams} streams`);
});

/** Passes on what is whole of so many bytes, as a buffer does that is sent when it is full. */
function inPieces(answer: IncomingMessage, response: ServerResponse): void {
  const pieceBytes = 1000;
  let held = Buffer.alloc(0);
  response.writeHead(200, { 'Daystream-Offset': offsetOf(response) }).flushHeaders();
  answer.on('data', (bytes: Buffer) => {
    const all = Buffer.concat([held, bytes]);
    const whole = all.length - all.length % pieceBytes;
    response.write(all.subarray(0, whole));
    held = all.subarray(whole);
  }).on('end', () => response.end(held));
}

/** The offset that the stream was asked from. */
function offsetOf(response: ServerResponse): string {
  return /^bytes=(\d+)-$/.exec(response.req.headers.range!)![1];
}
