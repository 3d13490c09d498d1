/** A log that was there and is not for a moment, or in part: a mount that went, a cache on the way that has one half. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { LogReader } from '../../src/daystream/reader.js';
import { seekStart } from '../../src/daystream/seek.js';
import { Segments } from '../../src/daystream/segments.js';
import { FolderFiles } from '../../src/daystream/transports/folder-files.js';
import { HttpFiles } from '../../src/daystream/transports/http-files.js';
import type { Files } from '../../src/daystream/files.js';
import type { Writer } from '../../src/daystream/writer.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter, xidsOf } from '../support/log.js';
import { serving } from '../support/serving.js';
import { until } from '../support/wait.js';

const DAY = 86_400;

class Away {
  readonly told: string[] = [];
  #now = 1_760_000_000;
  #xid = 0;
  #writer: Writer | undefined;

  constructor(readonly t: TestContext, readonly folder = temporaryFolder(t)) {}

  /** Appends a transaction, on the next day where it is told to. */
  async write(days = 0): Promise<void> {
    this.#now += days * DAY;
    this.#writer ??= await openWriter(this.folder, { clock: () => this.#now });
    appendTransactions(this.#writer, ++this.#xid, 1);
    this.#writer.write();
  }

  /** Ends the writer: who moves its files away would have it write into them. */
  async rest(): Promise<void> {
    await this.#writer?.sync();
    this.#writer?.close();
    this.#writer = undefined;
  }

  /** A reader that stands at the log's end. */
  async reader(files: (waiting: { tell: (text: string) => void; backoffMs: () => number }) => Files, xids: readonly number[]): Promise<{ log: Segments; reader: LogReader }> {
    const waiting = { tell: (text: string) => { this.told.push(text); }, backoffMs: () => 1 };
    const log = new Segments(files(waiting), waiting);
    this.t.after(() => log.close());
    const reader = new LogReader(log, await seekStart(log));
    assert.deepEqual(await read(reader, xids.length), xids);
    assert.deepEqual(await reader.next(), []);
    return { log, reader };
  }

  /** A server of the folder's files that answers as `refuses` says, where it says something. */
  async server(refuses: (name: string) => number | string | undefined): Promise<string> {
    const server = createServer((request, response) => {
      const name = request.url!.slice(1);
      const refused = refuses(name);
      if (typeof refused === 'number') return void response.writeHead(refused, { 'Content-Length': 0 }).end();
      const bytes = typeof refused === 'string' ? Buffer.from(refused) : readFileSync(join(this.folder, name));
      const first = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (request.headers.range === undefined) response.writeHead(200, { 'Content-Length': bytes.length }).end(bytes);
      else if (first >= bytes.length) response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` }).end();
      else response.writeHead(206, { 'Content-Range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` }).end(bytes.subarray(first));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.t.after(() => { server.close(); server.closeAllConnections(); });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }
}

async function read(reader: LogReader, count: number): Promise<number[]> {
  const xids: number[] = [];
  while (xids.length < count) {
    const units = await reader.next();
    xids.push(...xidsOf(units));
    if (units.length === 0) await reader.wait(10);
  }
  return xids;
}

for (const kind of ['a folder', 'daystream serve', 'a folder that is gone with its mount point'] as const) {
  test(`${kind} whose files are away is waited for, told once, and what was written meanwhile comes`, async (t) => {
    const away = new Away(t, join(temporaryFolder(t), 'log'));
    mkdirSync(away.folder);
    await away.write();
    await away.rest();
    const served = kind === 'daystream serve' ? (await serving(t, away.folder)).url : undefined;
    const { reader } = await away.reader((waiting) => (served === undefined ? new FolderFiles(away.folder) : new HttpFiles(new URL(served), waiting)), [1]);
    const aside = `${away.folder}-aside`;
    const move = (from: string, to: string) => {
      mkdirSync(to, { recursive: true });
      for (const name of readdirSync(from)) renameSync(join(from, name), join(to, name));
      if (kind === 'a folder that is gone with its mount point') rmSync(from, { recursive: true });
    };
    move(away.folder, aside);
    const coming = read(reader, 1);
    await until('it is told', () => away.told.length === 1);
    move(aside, away.folder);
    await away.write();
    assert.deepEqual(await coming, [2]);
    await away.rest();
    const place = served?.replace(/\/$/, '') ?? away.folder;
    assert.match(away.told[0], /: (has no segments any more|there is no such folder); trying again$/);
    assert.deepEqual([away.told[0].startsWith(`waiting for ${place}: `), away.told.slice(1)], [true, [`${place} answers again`]]);
  });
}

test('a segment that is missing while the index names it is waited for; one that the index names no more is not', async (t) => {
  const away = new Away(t);
  await away.write();
  await away.write(1);
  let refused: RegExp | undefined;
  let index: string | undefined;
  const url = await away.server((name) => (refused?.test(name) ? 404 : name === 'index' ? index : undefined));
  const { reader } = await away.reader((waiting) => new HttpFiles(new URL(url), waiting), [1, 2]);
  refused = /daystream$/;
  const coming = read(reader, 1);
  await until('it is told', () => away.told.length === 1);
  assert.match(away.told[0], /: answers 404 Not Found for 2025-10-10\.daystream; trying again$/);
  await away.write();
  refused = undefined;
  assert.deepEqual(await coming, [3]);
  assert.equal(away.told.length, 2);
  refused = /10\.daystream$/;
  index = 'daystream-index 1\n2025-10-09.daystream\t-\n';
  await assert.rejects(read(reader, 1), { code: 'log-missing' });
  await away.rest();
});

test('a segment that is missing for some looks, and in the index too, is read on behind them', async (t) => {
  const away = new Away(t);
  await away.write();
  await away.write(1);
  let missing = 0;
  const url = await away.server((name) => {
    if (missing <= 0) return undefined;
    if (name === 'index') return 'daystream-index 1\n2025-10-09.daystream\t-\n';
    return --missing >= 0 && name === '2025-10-10.daystream' ? 404 : undefined;
  });
  const { reader } = await away.reader((waiting) => new HttpFiles(new URL(url), waiting), [1, 2]);
  missing = 4; // each look asks twice: for the segment, and when it was listed again
  await reader.wait(1);
  await away.write();
  assert.deepEqual(await read(reader, 1), [3]);
  assert.deepEqual(away.told, []);
  await away.rest();
});

test('a file that is refused from the start, where the index is given, is an error at once that names it', async (t) => {
  const away = new Away(t);
  await away.write();
  const snapshot = '1760000000-0.snapshot.gz';
  let refused = /./;
  const url = await away.server((name) => (name !== 'index' && refused.test(name) ? 403 : undefined));
  const open = () => away.reader((waiting) => new HttpFiles(new URL(url), waiting), [1]);
  const names = (name: string) => (error: Error & { code?: string; hint?: string }) => {
    assert.deepEqual([error.code, error.message], ['config', `${url}${name}: the server refuses it (403)`]);
    assert.match(error.hint!, /^the index it gives: let the user of the server read this file too/);
    return true;
  };
  await assert.rejects(open(), names('2025-10-09.daystream'));
  refused = /snapshot/;
  const { log } = await open();
  await assert.rejects(log.file(snapshot).size(), names(snapshot));
  assert.deepEqual(away.told, []);
  await away.rest();
});
