/** Our reader and our server, by TLS. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:https';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { programPath } from '../../dev/programs.js';
import { certificates } from '../support/authority.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter } from '../support/log.js';
import { serveProcess } from '../support/serve-process.js';
import { until } from '../support/wait.js';

const TOKEN = 'a-token-that-nobody-guesses';
const LIBRARY = new URL('../../src/index.js', import.meta.url).href;
const { NODE_EXTRA_CA_CERTS: _, ...INHERITED } = process.env;
/** Prints the xids of a log, and of all that comes. */
const FOLLOW = `import { readTransactions } from ${JSON.stringify(LIBRARY)};
for await (const { xid } of readTransactions(process.argv[1], { follow: true })) process.stdout.write(xid + ' ');`;

test('a reader that trusts the authority reads by TLS and follows what is pushed; one that does not is refused in one line that says what to give', async (t) => {
  const [folder, secrets] = [temporaryFolder(t), temporaryFolder(t)];
  const { ca, cert, key } = certificates(secrets);
  writeFileSync(join(secrets, 'token'), TOKEN);
  const writer = await openWriter(folder);
  t.after(() => writer.close());
  appendTransactions(writer, 1, 2);
  writer.write();
  const { port, said } = await serveProcess(t, ['--access-log', '--token-file', join(secrets, 'token'), '--tls-cert', cert, '--tls-key', key, folder]);
  const url = `https://127.0.0.1:${port}/`;
  const env = { ...INHERITED, DAYSTREAM_TOKEN: TOKEN };
  const verify = (more: NodeJS.ProcessEnv, at = url) => spawnSync(process.execPath, [programPath('inspect'), 'verify', at], { encoding: 'utf8', env: { ...env, ...more } });
  const refused = verify({});
  assert.match(refused.stderr, /^daystream: https:\/\/127\.0\.0\.1:\d+: its certificate is signed by nobody that this host trusts[^\n]*NODE_EXTRA_CA_CERTS=[^\n]*\n$/);
  assert.equal(refused.status, 1);
  assert.match(verify({ NODE_EXTRA_CA_CERTS: ca }, url.replace('127.0.0.1', 'localhost')).stderr, /its certificate is of another host/);
  assert.doesNotMatch(said(), / 200 | 401 /);
  const read = verify({ NODE_EXTRA_CA_CERTS: ca });
  assert.match(read.stdout, /^ok: 1 segment, 2 transactions,/, read.stderr);
  const follower = spawn(process.execPath, ['--input-type=module', '-e', FOLLOW, url], { env: { ...env, NODE_EXTRA_CA_CERTS: ca }, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => follower.kill('SIGKILL'));
  let xids = '';
  follower.stdout.setEncoding('utf8').on('data', (text: string) => { xids += text; });
  await until('it has read', () => xids === '1 2 ');
  appendTransactions(writer, 3, 1);
  writer.write();
  await until('it has followed', () => xids === '1 2 3 ');
  follower.kill('SIGKILL');
  await until('it was pushed', () => /\?live from \d+ 200/.test(said()));
});

test('whoever redirects from TLS to plain HTTP is not followed there, with a token or without', async (t) => {
  const { ca, cert, key } = certificates(temporaryFolder(t));
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => response.writeHead(302, { Location: `http://127.0.0.1:1${request.url}` }).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => { server.close(); server.closeAllConnections(); });
  for (const token of [undefined, TOKEN]) {
    const { DAYSTREAM_TOKEN: __, ...env } = INHERITED;
    const reader = spawn(process.execPath, [programPath('inspect'), 'ls', `https://127.0.0.1:${(server.address() as AddressInfo).port}/`], { env: { ...env, NODE_EXTRA_CA_CERTS: ca, ...(token !== undefined && { DAYSTREAM_TOKEN: token }) }, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    reader.stderr.setEncoding('utf8').on('data', (text: string) => { said += text; });
    await once(reader, 'close');
    assert.match(said, /: redirects to http:\/\/127\.0\.0\.1:1, where anybody could read along [^\n]*\n$/);
  }
});
