/** Where it may listen, by what protocol, and how it ends. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { programPath } from '../../dev/programs.js';
import { readHosts } from '../../src/daystream/hosts.js';
import { temporaryFolder } from '../support/folder.js';
import { serveProcess } from '../support/serve-process.js';
import { ask, exchange, LiveReader, open, serving, statusOf } from '../support/serving.js';
import { until } from '../support/wait.js';

const DAY = '2026-11-20.daystream';
const TOKEN = '0123456789abcdef0123456789abcdef';
const MAIN = programPath('inspect');
const EXPECTED = 1;
const USAGE = 2;

function type(args: readonly string[], env: NodeJS.ProcessEnv = {}): { status: number | null; stderr: string } {
  const { DAYSTREAM_TOKEN: _, ...inherited } = process.env;
  return spawnSync(process.execPath, [MAIN, 'serve', ...args], { encoding: 'utf8', timeout: 30_000, env: { ...inherited, ...env } });
}

test('elsewhere than on loopback it listens only with a token and TLS, or --insecure', async (t) => {
  const folder = temporaryFolder(t);
  const [cert, key, token] = [...certificate(temporaryFolder(t)), join(temporaryFolder(t), 'token')];
  writeFileSync(token, TOKEN);
  const own = Object.values(networkInterfaces()).flatMap((of) => of ?? []).find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  for (const host of ['0.0.0.0', '[::]', '10.1.2.3', ...(own === undefined ? [] : [own])]) {
    for (const given of [[], ['--token-file', token], ['--tls-cert', cert, '--tls-key', key]]) {
      const { status, stderr } = type(['--listen', `${host}:0`, ...given, folder]);
      assert.equal(status, USAGE, stderr);
      assert.match(stderr, /^daystream: --listen [^\n]* is not loopback, and without (a token|TLS|a token and TLS) others could read the log — give --token-file, --tls-cert and --tls-key, or --insecure[^\n]*\n$/);
    }
    assert.match(type(['--listen', `${host}:0`, folder], { DAYSTREAM_TOKEN: TOKEN }).stderr, /without TLS others/);
  }
  for (const args of [['--insecure'], ['--token-file', token, '--tls-cert', cert, '--tls-key', key]]) {
    const { child } = await serveProcess(t, ['--listen', '0.0.0.0:0', ...args, folder]);
    child.kill();
    await once(child, 'close');
  }
});

test('what cannot be listened on, read or understood is told in one line', async (t) => {
  const folder = temporaryFolder(t);
  const { port } = await serving(t, folder);
  const [cert] = certificate(temporaryFolder(t));
  const [, other] = certificate(temporaryFolder(t));
  const refused: [string[], number, RegExp][] = [
    [['--listen', `127.0.0.1:${port}`, folder], EXPECTED, /EADDRINUSE.* — give a free port/],
    [['--listen', 'no-such-host.invalid:1', folder], EXPECTED, /no-such-host\.invalid/],
    [[join(folder, 'none')], EXPECTED, /there is no such folder — give the folder that deltastream --out writes/],
    [['--tls-cert', cert, folder], USAGE, /--tls-cert and --tls-key/],
    [['--tls-cert', cert, '--tls-key', other, folder], EXPECTED, /no certificate and its key/],
    [['--tls-cert', join(folder, 'none'), '--tls-key', other, folder], EXPECTED, /no certificate and its key: ENOENT/],
    [['--token-file', join(folder, 'none'), folder], EXPECTED, /ENOENT.*--token-file/],
    ...['7070', '127.0.0.1', ':7070', '127.0.0.1:65536', '127.0.0.1:x', '::1:7070', 'user:secret@host:1', ''].map((text): [string[], number, RegExp] => [[`--listen=${text}`, folder], USAGE, /Write host:port, like 127\.0\.0\.1:7070/]),
  ];
  for (const [args, code, line] of refused) {
    const { status, stderr } = type(args);
    assert.match(stderr, line);
    assert.match(stderr, /^daystream: [^\n]+\n$/);
    assert.equal(status, code, args.join(' '));
  }
});

test('by TLS the same, a live stream too; plain HTTP and versions before 1.2 find no answer there', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, DAY), 'the log\n');
  const [cert, key] = certificate(temporaryFolder(t));
  const { port } = await serving(t, folder, { tls: { cert, key }, token: TOKEN });
  const get = async (path: string, token = TOKEN): Promise<{ status?: number; text: string }> => {
    const asked = request({ port, host: '127.0.0.1', path, ca: readFileSync(cert), headers: { Authorization: `Bearer ${token}` }, agent: false }).end();
    const [response] = await once(asked, 'response');
    let text = '';
    response.on('data', (piece: Buffer) => { text += piece.toString(); });
    await until('it is there', () => text !== '');
    response.destroy();
    return { status: response.statusCode, text };
  };
  assert.deepEqual(await get(`/${DAY}`), { status: 200, text: 'the log\n' });
  assert.deepEqual(await get(`/${DAY}?live`), { status: 200, text: 'the log\n' });
  assert.equal((await get('/index', 'wrong')).status, 401);
  assert.doesNotMatch(await exchange(port, ask(`/${DAY}`, `Authorization: Bearer ${TOKEN}`)), /the log/);
  const old = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'], { stdio: 'ignore' });
  assert.notEqual((await once(old, 'close'))[0], 0);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends it in order: a file that is being sent is sent, live streams break off, it exits with 0`, async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, DAY), Buffer.alloc(30 << 20));
    writeFileSync(join(folder, '2026-11-21.daystream'), 'now');
    const { child, port, said } = await serveProcess(t, ['--access-log', folder]);
    const [live, idle, sending] = [await LiveReader.open(port, '2026-11-21.daystream'), await open(port), await open(port)];
    await until('it is followed', () => live.length === 3);
    let received = 0;
    sending.write(ask(`/${DAY}`));
    await once(sending, 'readable');
    child.kill(signal);
    assert.equal(await live.over, false);
    sending.on('data', (piece: Buffer) => { received += piece.length; });
    const [[code]] = await Promise.all([once(child, 'close'), once(sending, 'close'), once(idle.resume(), 'close')]);
    assert.equal(code, 0, said());
    assert.ok(received > 30 << 20);
    assert.match(said(), /^daystream: serving /m);
    assert.doesNotMatch(said(), /Error|bug/);
  });
}

test('the access log has a line for each answer, and of what was asked only what there can be', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, DAY), 'the log\n');
  const lines: string[] = [];
  const { port } = await serving(t, folder, { accessLog: (line) => lines.push(line) });
  for (const target of ['/index', `/${DAY}`, '/%1b[31mred', `/${DAY}?password=x`]) await exchange(port, ask(target));
  (await LiveReader.open(port, DAY, 4)).leave();
  await until('all are there', () => lines.length === 5);
  const [index, file, red, password, live] = lines;
  assert.match(index, /^\d{4}-\S+Z 127\.0\.0\.1 GET index 200 \d+ \d+\.\d{3}\n$/);
  assert.match(file, new RegExp(` GET ${DAY} 200 \\d+ `));
  assert.match(live, new RegExp(` GET ${DAY}\\?live from 4 200 \\d+ .* broken off\n$`));
  for (const line of [red, password]) assert.match(line, / - 40[04] \d+ \d+\.\d{3}\n$/);
  assert.equal(statusOf(await exchange(port, ask('/index'))), 200);
});

test('who follows keeps its segment from being pruned, as long as it follows', async (t) => {
  const folder = temporaryFolder(t);
  for (const name of [DAY, '2026-11-21.daystream']) writeFileSync(join(folder, name), Buffer.alloc(20 << 20));
  const { child, port } = await serveProcess(t, ['--access-log', folder]);
  const needed = () => readHosts(folder).map(({ name, segment }) => `${name.replace(/-[0-9a-f]+$/, '')} ${segment}`).join();
  const [older, newer] = [await LiveReader.open(port, DAY), await LiveReader.open(port, '2026-11-21.daystream')];
  older.pause();
  await until('the older one is kept', () => needed() === `serve-${child.pid} ${DAY}`);
  older.resume();
  assert.equal(await older.over, true);
  await until('the newer one is', () => needed() === `serve-${child.pid} 2026-11-21.daystream`);
  newer.leave();
  await until('nothing is', () => needed() === '');
});

test('metrics tell of readers and answers', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, DAY), 'the log\n');
  const { port, said } = await serveProcess(t, ['--metrics', '127.0.0.1:0', folder]);
  const url = await until('the page is there', () => /metrics on (http\S+)/.exec(said())?.[1]);
  const live = await LiveReader.open(port, DAY);
  await until('it is followed', () => live.length === 8);
  await exchange(port, ask('/none'));
  const text = await (await fetch(url)).text();
  for (const line of ['readers 1', 'reader_lag_max_bytes 0', 'answers{status="404"} 1', 'connections 1']) assert.match(text, new RegExp(`^daystream_serve_${line.replace(/[{}]/g, '\\$&')}$`, 'm'), text);
  live.leave();
});

/** A certificate for 127.0.0.1, and its key. */
function certificate(folder: string): [string, string] {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'pipe' });
  return [cert, key];
}
