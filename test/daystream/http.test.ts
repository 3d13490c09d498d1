/** A log read by HTTP: from a real nginx, from our own server, and from servers that are away. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { Folder } from '../../src/daystream/folder.js';
import { INDEX_NAME, parseIndex, sweepIndexes, writeIndex } from '../../src/daystream/index-file.js';
import { seekPosition, seekStart } from '../../src/daystream/seek.js';
import { LogReader } from '../../src/daystream/reader.js';
import type { Transport } from '../../src/daystream/transport.js';
import { HttpFiles } from '../../src/daystream/transports/http-files.js';
import { openTransport } from '../../src/daystream/transports/open.js';
import { verifyLog } from '../../src/daystream/verify.js';
import type { Writer } from '../../src/daystream/writer.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter, xidsOf } from '../support/log.js';
import { LyingServer } from '../support/lying.js';
import { Nginx } from '../support/nginx.js';
import { Random } from '../support/random.js';
import { filesOf, overHttp, transactionsOf, writeSegment } from '../support/remote.js';
import { serving } from '../support/serving.js';
import { until } from '../support/wait.js';

const DAY = 86_400;
const TOKEN = 'a-token-that-nobody-guesses';
/** As users have it, but for the pauses. */
const QUICK = { stallMs: 5000, backoffMs: () => 1 };

/** A log that grows: `write` appends a transaction, `nextDay` begins another segment with it. */
async function growing(t: TestContext): Promise<{ folder: string; write: () => void; nextDay: () => void; writer: Writer }> {
  const folder = temporaryFolder(t);
  let [now, xid] = [1_760_000_000, 0];
  const writer = await openWriter(folder, { clock: () => now });
  t.after(() => writer.close());
  const write = () => { appendTransactions(writer, ++xid, 1); writer.write(); };
  write();
  return { folder, write, nextDay: () => { now += DAY; write(); }, writer };
}

/** Reads until `count` transactions came; gives their xids. */
async function read(log: Transport, count: number, reader?: LogReader): Promise<number[]> {
  const xids: number[] = [];
  reader ??= new LogReader(log, await seekStart(log));
  while (xids.length < count) {
    const units = await reader.next();
    xids.push(...xidsOf(units));
    if (units.length === 0) await reader.wait(10);
  }
  return xids;
}

const closing = <T extends Transport>(t: TestContext, log: T): T => { t.after(() => log.close()); return log; };

for (const [name, location] of [
  ['as it comes', ''],
  ['that knows no ranges', 'max_ranges 0;'],
  ['that compresses', 'gzip on; gzip_min_length 1; gzip_types *; gzip_proxied any;'],
  ['that knows neither ranges nor versions', 'max_ranges 0; etag off; add_header Last-Modified "";'],
] as const) {
  test(`from an nginx ${name} comes what the folder has, from any position, and what is written behind it`, async (t) => {
    const folder = temporaryFolder(t);
    await writeSegment(folder, 300_000, new Random(), 70_000);
    const nginx = await Nginx.start(t, folder, location);
    const end = [...filesOf(folder)].find(([each]) => each.endsWith('.daystream'))![1].length;
    const local = closing(t, new Folder(folder));
    const log = closing(t, overHttp(nginx.url, QUICK));
    assert.deepEqual(await transactionsOf(log, 65_536, end), await transactionsOf(local, 65_536, end));
    assert.deepEqual(await verifyLog(log), await verifyLog(local));
    const from = { clock: 1_760_000_000, sequence: 500 };
    const place = await seekPosition(log, from);
    assert.deepEqual(place, await seekPosition(local, from));
    const reader = new LogReader(log, place);
    while ((await reader.next()).length > 0);
    const writer = await openWriter(folder, { clock: () => 1_760_000_000 + DAY });
    t.after(() => writer.close());
    appendTransactions(writer, 100_000, 1);
    writer.write();
    assert.deepEqual(await read(log, 1, reader), [100_000], 'in a segment that begins while the reader waits');
  });
}

test('nginx behind a proxy that packs everything gives the same', async (t) => {
  const folder = temporaryFolder(t);
  await writeSegment(folder, 200_000, new Random(), 70_000);
  const nginx = await Nginx.start(t, folder);
  const front = await Nginx.start(t, folder, 'return 404;', `location /front/ { proxy_pass ${nginx.url}; proxy_set_header Accept-Encoding ""; gzip on; gzip_min_length 1; gzip_types *; gzip_proxied any; }`);
  const end = [...filesOf(folder)].find(([each]) => each.endsWith('.daystream'))![1].length;
  const local = closing(t, new Folder(folder));
  const log = closing(t, overHttp(front.url.replace('/log/', '/front/'), QUICK));
  assert.deepEqual(await transactionsOf(log, 65_536, end), await transactionsOf(local, 65_536, end));
});

test('nginx that is stopped and started is waited for, told once, and what was written meanwhile comes', async (t) => {
  const { folder, write } = await growing(t);
  const nginx = await Nginx.start(t, folder);
  const told: string[] = [];
  const log = closing(t, overHttp(nginx.url, { ...QUICK, tell: (text) => told.push(text) }));
  const reader = new LogReader(log, await seekStart(log));
  assert.deepEqual(await read(log, 1, reader), [1]);
  for (let round = 0; round < 3; round++) {
    await nginx.stop();
    write();
    const coming = read(log, 1, reader);
    await until('it is told', () => told.length === 2 * round + 1);
    await nginx.run();
    assert.deepEqual(await coming, [round + 2]);
  }
  assert.deepEqual(told.map((text) => text.replace(/:\d+/, '')), [1, 2, 3].flatMap(() => ['waiting for http://127.0.0.1/log: connection refused; trying again', 'http://127.0.0.1/log answers again']));
});

test('an idle reader asks a static server once each time that it looks, and is answered without a byte', async (t) => {
  const { folder } = await growing(t);
  const server = await new LyingServer(filesOf(folder)).start(t);
  const log = closing(t, overHttp(server.url, QUICK));
  const reader = new LogReader(log, await seekStart(log));
  assert.deepEqual(await read(log, 1, reader), [1]);
  await reader.next();
  const before = server.requests.length;
  for (let look = 1; look <= 20; look++) {
    await reader.wait(1);
    assert.deepEqual(await reader.next(), []);
    assert.equal(server.requests.length, before + look);
  }
  // The first look at the segment may find no version to compare with; all others do.
  const conditional = server.requests.slice(before).filter(({ headers }) => headers['if-none-match'] !== undefined || headers.range !== undefined);
  assert.equal(conditional.length, 20);
  assert.equal(server.requests.slice(before).filter(({ path }) => path.endsWith(`/${INDEX_NAME}`)).length, 5);
});

test('our server pushes: what is written comes without being asked for, over segments, and an idle reader asks nothing', async (t) => {
  const { folder, write, nextDay } = await growing(t);
  const served = await serving(t, folder);
  const asked: string[] = [];
  const front = await listen(t, createServer((request, response) => {
    asked.push(request.url!);
    const { url, headers } = request;
    get(new URL(url!, served.url), { headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers).flushHeaders();
      pipeline(answer, response, () => {}); // whoever goes first ends it
    });
  }));
  const log = closing(t, overHttp(front, QUICK));
  const reader = new LogReader(log, await seekStart(log));
  assert.deepEqual(await read(log, 1, reader), [1]);
  for (let xid = 2; xid <= 30; xid++) {
    if (xid % 10 === 0) nextDay();
    else write();
    assert.deepEqual(await read(log, 1, reader), [xid]);
  }
  await reader.wait(5);
  const before = asked.length;
  for (let look = 0; look < 20; look++) {
    await reader.wait(5);
    assert.deepEqual(await reader.next(), []);
  }
  write();
  assert.deepEqual(await read(log, 1, reader), [31]);
  assert.deepEqual(asked.slice(before), []);
  assert.equal(asked.filter((url) => url.endsWith('?live')).length, 4, 'one stream for each segment');
});

test('what is pushed faster than it is read is left with the server: memory does not grow', async (t) => {
  const folder = temporaryFolder(t);
  const name = '2026-11-21.daystream';
  writeFileSync(join(folder, name), 'A');
  const files = new HttpFiles(new URL((await serving(t, folder)).url), QUICK);
  t.after(() => files.close());
  await files.list();
  const piece = Buffer.alloc(1024);
  let offset = await files.read(name, 0, piece);
  await files.changed(name, 1);
  appendFileSync(join(folder, name), Buffer.alloc(128 << 20, 'A'));
  for (let reads = 0; reads < 1000; reads++) {
    const read = await files.read(name, offset, piece);
    offset += read;
    if (read === 0) await files.changed(name, 1000);
    for (let turn = 0; turn < 5; turn++) await immediate(); // what comes is taken in
    assert.ok(await files.size(name) - offset < 16 << 20, 'what came and is not read');
  }
});

test('a tail that the writer takes back and writes anew is read anew, also where it was pushed', async (t) => {
  for (const isPushed of [true, false]) {
    const { folder, writer, write } = await growing(t);
    const url = isPushed ? (await serving(t, folder)).url : (await Nginx.start(t, folder)).url;
    const log = closing(t, overHttp(url, QUICK));
    const reader = new LogReader(log, await seekStart(log));
    assert.deepEqual(await read(log, 1, reader), [1]);
    writer.append(Buffer.from(`_action\tbegin\t_xid\t77\t_lsn\t0/77000\t_ts\t1\n_table\tt\t_xid\t77\t_action\tinsert\tid\t${'x'.repeat(50_000)}`));
    writer.write();
    const [name] = (await log.list()).slice(-1);
    await until('the half of it came', async () => { await reader.next(); await reader.wait(10); return (await log.size(name)) > 50_000; });
    await reader.next();
    writer.abandon();
    write();
    assert.deepEqual(await read(log, 1, reader), [2], isPushed ? 'pushed' : 'asked for');
  }
});

test('a token is shown to its server and to nobody else, and is in no message', async (t) => {
  const { folder } = await growing(t);
  const shown: (string | undefined)[] = [];
  const other = createServer((request, response) => {
    shown.push(request.headers.authorization);
    const file = join(folder, request.url!.slice(1));
    if (existsSync(file)) response.end(readFileSync(file));
    else response.writeHead(404).end();
  });
  const place = await listen(t, other);
  const redirecting = createServer((request, response) => {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) response.writeHead(401).end();
    else response.writeHead(302, { Location: place + request.url!.slice(1) }).end();
  });
  const url = await listen(t, redirecting);
  assert.deepEqual(await read(closing(t, overHttp(url, { ...QUICK, token: TOKEN })), 1), [1]);
  assert.ok(shown.length > 1 && shown.every((header) => header === undefined));
  await assert.rejects(overHttp(url, { ...QUICK, token: 'another-token-than-that' }).list(), (error: Error & { code?: string; hint?: string }) => {
    assert.equal(error.code, 'config');
    assert.match(error.message, /\/index: the server refuses it \(401\)$/);
    assert.doesNotMatch(`${error.message}${error.hint}${error.stack}`, /another-token/);
    return true;
  });
});

test('what was never there is an error at once, in one line', async (t) => {
  const folder = temporaryFolder(t);
  const nginx = await Nginx.start(t, folder);
  const page = await listen(t, createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>log in</html>')));
  const text = await listen(t, createServer((_, response) => response.end('hello\n')));
  const loop = await listen(t, createServer((request, response) => response.writeHead(302, { Location: `/x${request.url}` }).end()));
  const broken = await listen(t, createServer((_, response) => response.writeHead(500).end()));
  for (const [url, code, message] of [
    ['http://127.0.0.1:1/log/', 'connection', /^http:\/\/127\.0\.0\.1:1\/log: connection refused$/],
    ['http://no-such-host.invalid/', 'connection', /^http:\/\/no-such-host\.invalid: (there is no host of this name|the name of the host cannot be looked up)$/],
    [nginx.url, 'log-missing', /\/log\/index: the server does not have it \(404\)$/],
    [page, 'connection', /answers with a web page instead of a log$/],
    [text, 'log-damaged', /\/index: is not the index of a daystream: "hello"$/],
    [loop, 'connection', /redirects more than 5 times$/],
    [broken, 'connection', /answers 500 Internal Server Error$/],
  ] as const) {
    await assert.rejects(closing(t, overHttp(url, QUICK)).list(), (error: Error & { code?: string }) => {
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  }
});

test('a source is a folder or a URL without secrets; anything else is said to be wrong, without what is secret in it', async () => {
  const open = (source: string) => openTransport(source, { tell: () => {}, signal: new AbortController().signal });
  for (const [source, message] of [
    ['ftp://host/log', /^ftp:\/\/…: nothing that a log is read from$/],
    ['https://me:pass@host/log/', /^https:\/\/host\/log\/: a URL is seen by whoever lists the processes/],
    ['https://pass@host/log/', /^https:\/\/host\/log\/: a URL is seen/],
    ['https://host/log/?key=pass', /^https:\/\/host\/log\/: the URL of a folder ends with its path$/],
    ['https://me:p/ass@host/log/', /^https:\/\/host\/log\/: is no URL$/],
    ['https://me:1/pass@host/log/', /^https:\/\/host\/log\/: a URL is seen/],
    ['http://host:port/pass@', /^http:\/\/: is no URL$/],
    ['https://host/log/?key=pass@pass', /^https:\/\/…: a URL is seen/],
    ['https://me:pass?pass@host/', /^https:\/\/…: is no URL$/],
    ['https://pa/ss@host/log', /^https:\/\/host\/log: a URL is seen/],
    ['http:/me:pass@host/log', /^http:…: is neither a URL nor a folder$/],
    [' https://me:pass@host/', /^https:…: is neither a URL nor a folder$/],
    ['https:me:pass@host', /^https:…: is neither a URL nor a folder$/],
  ] as const) {
    assert.throws(() => open(source), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, 'usage');
      assert.match(error.message, message);
      return true;
    });
  }
  assert.equal(open('https://host/log').place, 'https://host/log');
  assert.equal(open('https://host/log/').place, 'https://host/log');
  assert.equal(open('logs').place, join(process.cwd(), 'logs'));
});

test('while the other end is away a reader ends as soon as it is told to', async (t) => {
  const { folder } = await growing(t);
  const nginx = await Nginx.start(t, folder);
  const stop = new AbortController();
  const log = closing(t, overHttp(nginx.url, { signal: stop.signal, tell: () => stop.abort() }));
  const reader = new LogReader(log, await seekStart(log));
  assert.deepEqual(await read(log, 1, reader), [1]);
  await nginx.stop();
  await assert.rejects(read(log, 1, reader), (error) => error === stop.signal.reason);
});

for (const status of [401, 403, 404]) {
  test(`a log that was there and is answered with ${status} is waited for, told once`, async (t) => {
    const { folder, write } = await growing(t);
    const nginx = await Nginx.start(t, folder);
    let isAway = false;
    const front = await listen(t, createServer((request, response) => {
      if (isAway) return void response.writeHead(status, { 'Content-Length': 0 }).end();
      get(new URL(request.url!.slice(1), nginx.url), { headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        pipeline(answer, response, () => {});
      });
    }));
    const told: string[] = [];
    const log = closing(t, overHttp(front, { ...QUICK, tell: (text) => told.push(text) }));
    const reader = new LogReader(log, await seekStart(log));
    assert.deepEqual(await read(log, 1, reader), [1]);
    assert.deepEqual(await reader.next(), []);
    isAway = true;
    const coming = read(log, 1, reader);
    await until('it is told', () => told.length === 1);
    write();
    isAway = false;
    assert.deepEqual(await coming, [2]);
    assert.match(told[0], new RegExp(`^waiting for http://127.0.0.1:\\d+: answers ${status} `));
    assert.equal(told.length, 2);
  });
}

test('from a server whose versions never change comes what is new', async (t) => {
  const { folder, write, nextDay } = await growing(t);
  const front = await listen(t, createServer((request, response) => {
    const headers = { ETag: '"always"' };
    if (request.headers['if-none-match'] !== undefined) return void response.writeHead(304, headers).end();
    const bytes = readFileSync(join(folder, request.url!.slice(1)));
    const first = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (first >= bytes.length) response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` }).end();
    else if (request.headers.range === undefined) response.writeHead(200, headers).end(bytes);
    else response.writeHead(206, { ...headers, 'Content-Range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` }).end(bytes.subarray(first));
  }));
  const log = closing(t, overHttp(front, QUICK));
  const reader = new LogReader(log, await seekStart(log));
  assert.deepEqual(await read(log, 1, reader), [1]);
  await reader.next();
  write();
  assert.deepEqual(await read(log, 1, reader), [2]);
  nextDay();
  assert.deepEqual(await read(log, 1, reader), [3]);
});

test('what is forgotten while it comes is asked for again, at its own place', async (t) => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
  const asked: string[] = [];
  let begun = 0;
  const url = await listen(t, createServer((request, response) => {
    if (request.url === '/index') return void response.end('daystream-index 1\n');
    asked.push(request.url!);
    const first = Number(/^bytes=(\d+)-/.exec(request.headers.range!)![1]);
    response.on('error', () => {}).writeHead(206, { 'Content-Range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` });
    // Once before anything of the answer has come, once behind half of it.
    if (++begun === 1) return void files.reset();
    response.write(bytes.subarray(first, first + 50_000));
    if (begun === 2) setImmediate(() => files.reset());
    else response.end(bytes.subarray(first + 50_000));
  }));
  const files = new HttpFiles(new URL(url), QUICK);
  t.after(() => files.close());
  await files.list();
  const into = Buffer.alloc(200_000);
  for (let read = 0; read < 200_000;) read += await files.read('2026-11-21.daystream.gz', 100_000 + read, into.subarray(read));
  assert.ok(into.equals(bytes.subarray(100_000)));
  assert.ok(begun > 2);
  assert.deepEqual([...new Set(asked)], ['/2026-11-21.daystream.gz']);
});

test('while the other end is away a log that is closed waits for nothing more', async (t) => {
  const { folder } = await growing(t);
  const nginx = await Nginx.start(t, folder);
  const told: string[] = [];
  const files = new HttpFiles(new URL(nginx.url), { backoffMs: () => 1_000_000, tell: (text) => told.push(text) });
  const [name] = (await files.list()).slice(-1);
  await nginx.stop();
  const reading = assert.rejects(files.read(name, 0, Buffer.alloc(10)), /: was closed while it was read$/);
  await until('it waits', () => told.length === 1);
  await files.close();
  await reading;
});

test('the index names what there is, and is whole whoever writes it', async (t) => {
  const { folder, nextDay } = await growing(t);
  nextDay();
  writeFileSync(join(folder, 'notes.txt'), '');
  writeFileSync(join(folder, '.lock'), '');
  const names = () => parseIndex(folder, readFileSync(join(folder, INDEX_NAME), 'utf8'));
  assert.deepEqual(names().map(({ name, bytes }) => [name, typeof bytes]), [['2025-10-09.daystream', 'number'], ['2025-10-10.daystream', 'undefined']]);
  renameSync(join(folder, '2025-10-09.daystream'), join(folder, '2025-10-09.daystream.gz'));
  writeIndex(folder);
  assert.deepEqual(names().map(({ name }) => name), ['2025-10-09.daystream.gz', '2025-10-10.daystream']);
  writeFileSync(join(folder, 'index.1.new'), '');
  sweepIndexes(folder);
  assert.ok(existsSync(join(folder, 'index.1.new')), 'another process may be about to give it its name');
  for (const text of ['', 'daystream-index 1', 'daystream-index 2\n', 'daystream-index 1\nx\n', 'daystream-index 1\n2025-10-09.daystream\t12']) {
    assert.throws(() => parseIndex('place', text), { code: 'log-damaged' });
  }
});

async function listen(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => { server.close(); server.closeAllConnections(); });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
