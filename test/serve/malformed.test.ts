/** What is no plain request is refused in one line, and a connection never makes one request out of two. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryFolder } from '../support/folder.js';
import { ask, bodyOf, exchange, open, serving, statusOf } from '../support/serving.js';

const SEGMENT = '2026-11-20.daystream';
const HIDDEN = `GET /${SEGMENT} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;

async function served(t: TestContext, options: Parameters<typeof serving>[2] = {}): Promise<{ folder: string; port: number }> {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, SEGMENT), 'the log\n');
  return { folder, port: (await serving(t, folder, options)).port };
}

test('no method but GET and HEAD', async (t) => {
  const { port } = await served(t);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'MKCOL', 'MOVE', 'LOCK', 'PURGE', 'SEARCH', 'SUBSCRIBE', 'CONNECT']) {
    const answer = await exchange(port, ask(`/${SEGMENT}`).replace('GET', method));
    assert.equal(statusOf(answer), 405, method);
    assert.doesNotMatch(answer, /the log/);
  }
  for (const method of ['get', 'FOO', 'GETGET', 'GET\0', '']) assert.equal(statusOf(await exchange(port, ask(`/${SEGMENT}`).replace('GET', method))), 400, method);
  const head = await exchange(port, ask(`/${SEGMENT}`).replace('GET', 'HEAD'));
  assert.match(head, /^Content-Length: 8\r$/m);
  assert.equal(bodyOf(head), '');
});

test('two requests in what may be read as one are none: the one behind is never answered', async (t) => {
  const { port } = await served(t);
  const length = HIDDEN.length;
  const forms: Record<string, string> = {
    'length and chunks': `Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'chunks and length': `Transfer-Encoding: chunked\r\nContent-Length: ${length}\r\n\r\n0\r\n\r\n`,
    'two lengths': `Content-Length: 0\r\nContent-Length: ${length}\r\n\r\n`,
    'a list of lengths': `Content-Length: 0, ${length}\r\n\r\n`,
    'a length with a sign': `Content-Length: +${length}\r\n\r\n`,
    'a negative length': 'Content-Length: -1\r\n\r\n',
    'a length in hex': 'Content-Length: 0x20\r\n\r\n',
    'a length beyond all': 'Content-Length: 99999999999999999999\r\n\r\n',
    'a body that is announced': `Content-Length: ${length}\r\n\r\n`,
    'a body that waits': `Content-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`,
    'another expectation': 'Expect: the-moon\r\n\r\n',
    'chunks': 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'chunks of another case': 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
    'chunks twice': 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
    'chunks behind a tab': 'Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n',
    'a space before the colon': 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
    'a folded header': 'X: y\r\n Transfer-Encoding: chunked\r\n\r\n',
    'a header without a name': ': chunked\r\n\r\n',
    'a header without a colon': 'chunked\r\n\r\n',
    'a zero byte': 'X: a\0b\r\n\r\n',
    'a lone carriage return': 'X: a\rTransfer-Encoding: chunked\r\n\r\n',
    'two hosts': 'Host: evil.example\r\n\r\n',
    'an upgrade': 'Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
    'a websocket': 'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  };
  for (const [name, rest] of Object.entries(forms)) {
    const answer = await exchange(port, `GET /index HTTP/1.1\r\nHost: 127.0.0.1\r\n${rest}${HIDDEN}`);
    assert.equal(statusOf(answer), 400, `${name}: ${answer}`);
    assert.equal(answer.match(/HTTP\/1\.1 /g)?.length, 1, `${name}: ${answer}`);
    assert.doesNotMatch(answer, /the log/, name);
  }
});

test('what is no HTTP/1.1 is told so', async (t) => {
  const { port } = await served(t, { insecure: true });
  const none = ['\r\n'.repeat(3) + 'x\r\n\r\n', `GET /${SEGMENT}\r\n\r\n`, `GET /${SEGMENT} HTTP/2.0\r\n\r\n`, `GET /${SEGMENT} HTTP/9.9\r\n\r\n`, `GET /${SEGMENT} HTTP/1.1\r\nConnection: close\r\n\r\n`,
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', `GET /${SEGMENT} HTTPS/1.1\r\n\r\n`, 'SSH-2.0-OpenSSH_9.2\r\n', `GET /a b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, `\0GET /${SEGMENT} HTTP/1.1\r\n\r\n`];
  for (const bytes of none) {
    const answer = await exchange(port, Buffer.from(bytes, 'latin1'));
    assert.equal(statusOf(answer), 400, `${JSON.stringify(bytes)}: ${answer}`);
    assert.doesNotMatch(answer, /the log/);
  }
});

test('a head that is too large is refused: one long line, many lines, a long target', async (t) => {
  const { port } = await served(t);
  for (const bytes of [ask('/index', `X: ${'x'.repeat(20_000)}`), ask('/index', ...Array.from({ length: 2000 }, (_, i) => `X-${i}: y`)), ask(`/${'x'.repeat(20_000)}`), `GET / HTTP/1.1\r\n${'x'.repeat(1 << 20)}`]) {
    const answer = await exchange(port, bytes);
    assert.equal(statusOf(answer), 431);
    assert.match(bodyOf(answer), /^431 [^\n]+\n$/);
  }
});

test('a head that does not come, comes by the byte or stops half way is not waited for', async (t) => {
  const { port } = await served(t, { limits: { headMs: 300 } });
  assert.equal(statusOf(await exchange(port, 'GET /index HTTP/1.1\r\nHost: 127.')), 408);
  assert.equal(statusOf(await exchange(port, '')), 408);
  const slow = await open(port);
  const drip = setInterval(() => slow.write('x'), 20);
  await new Promise((closed) => slow.on('error', () => {}).on('close', closed).resume());
  clearInterval(drip);
});

test('a pipeline is answered in its order, and who sends one without end is cut off', async (t) => {
  const { port } = await served(t);
  const asked = ['/index', `/${SEGMENT}`, '/none', `/${SEGMENT}?live=`].map((target) => ask(target).replace('Connection: close\r\n', ''));
  const answers = await exchange(port, asked.join('') + ask(`/${SEGMENT}`));
  assert.deepEqual([...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status), ['200', '200', '404', '404', '200']);
  assert.equal(answers.match(/the log/g)?.length, 2);
  const live = `GET /${SEGMENT}?live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
  const flood = await exchange(port, live + asked[1].repeat(1000));
  assert.equal(flood.match(/HTTP\/1\.1 /g)?.length ?? 0, flood === '' ? 0 : 1);
  assert.equal(statusOf(await exchange(port, ask('/index'))), 200);
});

test('rubbish behind a request that is being answered ends the connection, and is no part of the answer', async (t) => {
  const { port } = await served(t);
  const answer = await exchange(port, `GET /${SEGMENT}?live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nrubbish\r\n\r\n`);
  assert.doesNotMatch(answer.slice(10), /HTTP\/1\.1/);
});

test('on loopback without a token only names of this machine are answered, so no page in a browser can ask', async (t) => {
  const { port, folder } = await served(t);
  const hosted = (host: string, to = port) => exchange(to, ask('/index').replace('Host: 127.0.0.1', `Host: ${host}`));
  for (const host of ['127.0.0.1', '127.0.0.1:7070', 'localhost', 'LOCALHOST:80', '127.9.9.9', '[::1]', '[::1]:7070']) assert.equal(statusOf(await hosted(host)), 200, host);
  for (const host of ['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1', '[::2]', '', '::1', '0.0.0.0', '127.0.0.1@evil.example', '[127.0.0.1']) assert.equal(statusOf(await hosted(host)), 421, host);
  const insecure = await serving(t, folder, { insecure: true });
  assert.equal(statusOf(await hosted('any.example', insecure.port)), 200);
});
