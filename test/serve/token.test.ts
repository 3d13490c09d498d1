/** Who does not show the token learns nothing, and the token is nowhere but in the reader's and the server's memory. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readToken } from '../../src/daystream/token.js';
import { temporaryFolder } from '../support/folder.js';
import { serveProcess } from '../support/serve-process.js';
import { ask, exchange, serving, statusOf } from '../support/serving.js';
import { until } from '../support/wait.js';

const TOKEN = 'c2VjcmV0LXRva2Vu+0123456789/abcdef==';
const SEGMENT = '2026-11-20.daystream';

test('without the whole token every path and method is answered alike: 401', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, SEGMENT), 'the log\n');
  const { port } = await serving(t, folder, { token: TOKEN });
  const shown = [
    [], ['Authorization: '], ['Authorization: Bearer'], ['Authorization: Bearer '], [`Authorization: ${TOKEN}`], [`Authorization: Basic ${TOKEN}`], [`Authorization: Basic ${Buffer.from(`x:${TOKEN}`).toString('base64')}`],
    ...Array.from({ length: TOKEN.length - 1 }, (_, i) => [`Authorization: Bearer ${TOKEN.slice(0, i + 1)}`]),
    ...Array.from({ length: TOKEN.length }, (_, i) => [`Authorization: Bearer ${TOKEN.slice(0, i)}${TOKEN[i] === 'x' ? 'y' : 'x'}${TOKEN.slice(i + 1)}`]),
    [`Authorization: Bearer ${TOKEN}x`], [`Authorization: Bearer x${TOKEN}`], [`Authorization: Bearer ${TOKEN} x`], [`Authorization: Bearer ${TOKEN},${TOKEN}`], [`Authorization: Bearer "${TOKEN}"`], [`Authorization: Bearer ${TOKEN.toUpperCase()}`],
    [`Authorization: Bearer ${'x'.repeat(4000)}`], [`X-Authorization: Bearer ${TOKEN}`], [`Cookie: token=${TOKEN}`], [`Proxy-Authorization: Bearer ${TOKEN}`], ['Authorization: Bearer wrong', `Authorization: Bearer ${TOKEN}`],
  ];
  for (const target of [`/${SEGMENT}`, `/${SEGMENT}?live`, '/index', '/nothing', `/${SEGMENT}?token=${TOKEN}`]) {
    for (const headers of shown) {
      const answer = await exchange(port, ask(target, ...headers));
      assert.equal(statusOf(answer), 401, `${target} ${headers.join()}`);
      assert.match(answer, /^WWW-Authenticate: Bearer/m);
      assert.doesNotMatch(answer, /the log\n/);
      assert.ok(!answer.includes(TOKEN));
    }
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) assert.equal(statusOf(await exchange(port, ask('/index').replace('GET', method))), 401);
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) assert.equal(statusOf(await exchange(port, ask(`/${SEGMENT}`, `Authorization: ${scheme} ${TOKEN}`))), 200);
});

test('the token is in no line, no argument and no file of the server', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(temporaryFolder(t), 'token');
  writeFileSync(join(folder, SEGMENT), 'the log\n');
  writeFileSync(file, `${TOKEN}\n`);
  for (const given of ['file', 'environment'] as const) {
    const { child, port, said } = await serveProcess(t, ['--access-log', ...(given === 'file' ? ['--token-file', file] : []), folder], given === 'environment' ? { DAYSTREAM_TOKEN: TOKEN } : {});
    assert.equal(statusOf(await exchange(port, ask(`/${SEGMENT}`, `Authorization: Bearer ${TOKEN}`))), 200);
    for (const target of [`/${TOKEN}`, `/index?${TOKEN}`, `/${SEGMENT}?token=${TOKEN}`, `http://user:${TOKEN}@127.0.0.1/index`]) await exchange(port, ask(target, `Authorization: Bearer ${TOKEN}`));
    await exchange(port, `GET /index HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\nBad Header ${TOKEN}\r\n\r\n`);
    await exchange(port, `${TOKEN}\r\n\r\n`);
    assert.ok(!readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').includes(TOKEN));
    await until('the answers are logged', () => said().split('\n').length > 5);
    child.kill('SIGTERM');
    const [code] = await once(child, 'close');
    assert.equal(code, 0);
    assert.ok(!said().includes(TOKEN.slice(0, 12)), said());
  }
  assert.throws(() => execFileSync('grep', ['-rqF', TOKEN, folder]), 'no file of the folder');
});

test('a token that can be guessed, or cannot stand in a header, is refused without a word of it', (t) => {
  const file = join(temporaryFolder(t), 'token');
  for (const bad of ['', 'short', 'fifteen-of-them', 'with spaces in it, though long', 'ünsichtbar-oder-nicht', 'tab\tin the midst of it']) {
    writeFileSync(file, bad);
    for (const read of [() => readToken(file, {}), () => readToken(undefined, { DAYSTREAM_TOKEN: bad })]) {
      assert.throws(read, (error: Error) => /token/.test(error.message) && (bad === '' || !error.message.includes(bad)));
    }
  }
  writeFileSync(file, `${TOKEN}\r\nanother line\n`);
  assert.equal(readToken(file, { DAYSTREAM_TOKEN: 'the one of the environment' }), TOKEN);
  assert.equal(readToken(undefined, {}), undefined);
  assert.throws(() => readToken(join(file, 'none'), {}), /--token-file|ENOTDIR/);
});
