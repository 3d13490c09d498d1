/** A host that has the log by HTTP alone: imported and mirrored through real servers that go away and come back. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Nginx } from '../support/nginx.js';
import { Path, positionOf, runCommand } from '../support/path.js';
import { freePort } from '../support/ports.js';

const TOKEN = 'a-token-that-nobody-guesses';
const ROUNDS = 3;

test('caches by nginx, by our server and from the folder are equal to Postgres, though the servers are killed meanwhile', async (t) => {
  const path = await Path.start(t);
  const { server } = path;
  await server.query("CREATE TABLE t (id serial PRIMARY KEY, v text); INSERT INTO t (v) SELECT repeat(md5(i::text), 20) FROM generate_series(1, 2000) i");
  path.deltastream();
  const tokenFile = join(path.folder, 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const [local, byNginx, byServe] = [path.cache('local.db'), path.cache('nginx.db'), path.cache('serve.db')];
  await path.import('t', local);
  const nginx = await Nginx.start(t, path.log);
  const port = await freePort();
  const serve = path.daemon('daystream', 'serve', '--listen', `127.0.0.1:${port}`, '--token-file', tokenFile, path.log);
  await path.until('serve to listen', () => serve.stderr.includes(String(port)));
  const live = `http://127.0.0.1:${port}/`;
  path.run('deltaimport', '--tables', 't,marker', '--source', nginx.url, byNginx);
  path.run('deltaimport', '--tables', 't,marker', '--source', live, '--token-file', tokenFile, byServe);
  const mirrors = [path.mirror(local), path.mirror(byNginx), path.mirror(byServe, '--token-file', tokenFile)];
  for (let round = 0; round < ROUNDS; round++) {
    await path.caughtUp(local, byNginx, byServe);
    await nginx.stop();
    await serve.stop('SIGKILL');
    await server.query(`UPDATE t SET v = v || '${round}' WHERE id % ${ROUNDS} = ${round}; INSERT INTO t (v) SELECT repeat('x', 100) FROM generate_series(1, 500); DELETE FROM t WHERE id % 7 = ${round}`);
    if (round === 0) await path.until('it to be missed', () => /waiting for http:\/\/127\.0\.0\.1:\d+\/log: [^\n]*; trying again\n/.test(mirrors[1].stderr));
    await nginx.run();
    serve.start();
  }
  await path.caughtUp(local, byNginx, byServe);
  for (const cache of [local, byNginx, byServe]) assert.ok(await path.compare(cache, ['t']) > 0);
  assert.equal(positionOf(byNginx)?.source, nginx.url.slice(0, -1));
  assert.equal(positionOf(byServe)?.source, live.slice(0, -1));
  for (const { stderr } of mirrors) assert.doesNotMatch(stderr, new RegExp(TOKEN));
  assert.ok(!readFileSync(byServe).includes(TOKEN), 'the cache holds no secret');
  assert.match(mirrors[1].stderr, /http:\/\/127\.0\.0\.1:\d+\/log answers again\n/);
});

test('the log for people is shown from a URL as from its folder', async (t) => {
  const path = await Path.start(t);
  await path.server.query('CREATE TABLE t (id int PRIMARY KEY)');
  const stream = path.deltastream();
  await path.import('t');
  path.run('deltamirror', '--once', path.cache());
  await stream.stop();
  const nginx = await Nginx.start(t, path.log);
  for (const args of [['cat'], ['cat', '--json'], ['ls'], ['verify', '--json']]) {
    assert.equal(path.run('daystream', ...args, nginx.url).stdout, path.run('daystream', ...args, path.log).stdout);
  }
  const refused = runCommand('daystream', ['ls', 'http://me:secret@127.0.0.1/log/']);
  assert.equal(refused.status, 2);
  assert.doesNotMatch(refused.stderr, /secret/);
});
