/** The examples for operators, tried: units by systemd's own check and by running what they start, nginx by nginx. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { query } from './support/cache.js';
import { temporaryFolder } from './support/folder.js';
import { nginxExample } from './support/nginx-example.js';
import { Daemon, Path, runCommand, until, type CommandName } from './support/path.js';
import { freePort } from './support/ports.js';
import { serveProcess } from './support/serve-process.js';
import { Unit, UNITS, unitNames } from './support/units.js';

const TOKEN = 'e5d1a2c7b48f90336d7be1c0a9f85c42';

test('systemd takes every unit as it stands', (t) => {
  const folder = temporaryFolder(t);
  const names = unitNames().map((name) => {
    // The programs need not be installed here.
    const text = readFileSync(join(UNITS, name), 'utf8').replaceAll(/\/usr\/bin\/(?:deltastream|deltamirror|daystream)\b/g, '/usr/bin/env');
    writeFileSync(join(folder, name.replace('@', '@fleet')), text);
    return name.replace('@', '@fleet');
  });
  assert.ok(names.length >= 5);
  const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', ...names.map((name) => join(folder, name))], { encoding: 'utf8' });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return; // not a system of systemd's; the next test runs what they start
  assert.deepEqual([status, stderr], [0, '']);
});

test('what the units start follows Postgres, keeps a cache, serves the log and looks after it', async (t) => {
  const path = await Path.start(t);
  const specifiers = { i: 'fleet', S: join(path.folder, 'state'), d: join(path.folder, 'credentials') };
  const [log, cache] = [join(specifiers.S, 'daystream/fleet'), join(specifiers.S, 'deltamirror/fleet/cache.db')];
  for (const folder of [log, join(cache, '..'), specifiers.d]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(specifiers.d, 'pgpass'), '*:*:*:*:secret\n', { mode: 0o400 });
  await path.server.query("CREATE TABLE flights (id int PRIMARY KEY, ident text)");
  await path.server.query("SELECT pg_create_logical_replication_slot('fleet', 'deltastream')");
  const unit = (name: string) => new Unit(`${name}@.service`, specifiers);
  const start = async (name: string): Promise<Daemon> => {
    const { environment, commands: [{ program, args }] } = unit(name);
    const daemon = new Daemon(program as CommandName, await elsewhere(args), { ...path.environment, ...environment }).start();
    t.after(() => daemon.stop('SIGKILL'));
    return daemon;
  };
  const stream = await start('deltastream');
  await until('the log has begun', () => stream.stderr.includes('following slot'));
  path.run('deltaimport', '--tables', 'flights', '--source', log, cache);
  const running = [stream, await start('deltamirror'), await start('daystream-serve')];
  await path.server.query("INSERT INTO flights VALUES (1, 'UAL1')");
  await path.until('the cache has the row', () => query(cache, 'SELECT * FROM flights').length === 1);
  assert.match(path.run('deltamirror', 'status', '--max-lag', '1h', cache).stdout, /; protected; /);
  const served = `http://${running[2].args[running[2].args.indexOf('--listen') + 1]}/`;
  await until('it serves', () => fetch(`${served}index`).then(({ ok }) => ok, () => false));
  for (const { program, args } of unit('daystream-upkeep').commands) path.run(program as CommandName, ...args);
  assert.equal(readdirSync(log).filter((name) => name.endsWith('.snapshot.gz')).length, 1);
  path.run('deltaimport', '--bootstrap', '--source', served, path.cache('another.db'));
  assert.deepEqual(query(path.cache('another.db'), 'SELECT * FROM flights'), [{ id: 1, ident: 'UAL1' }]);
  for (const daemon of running.reverse()) assert.equal(await daemon.stop(), 0, daemon.stderr);
});

test('nginx gives the log to who shows the token, as files and live, and nothing else to anybody', async (t) => {
  const path = await Path.start(t);
  await path.server.query('CREATE TABLE flights (id int PRIMARY KEY, ident text)');
  const stream = path.deltastream();
  await path.import('flights');
  const { port: livePort } = await serveProcess(t, [path.log]);
  const { port, certificate } = await nginxExample(t, path.log, livePort, TOKEN);
  const env = { ...path.environment, NODE_EXTRA_CA_CERTS: certificate, DAYSTREAM_TOKEN: TOKEN };
  const [segment] = readdirSync(path.log).filter((name) => name.endsWith('.daystream'));
  await path.server.query("INSERT INTO flights SELECT i, 'f' || i FROM generate_series(1, 1000) i");
  for (const place of ['fleet', 'live']) {
    const url = `https://127.0.0.1:${port}/${place}/`;
    const cache = path.cache(`${place}.db`);
    copyFileSync(path.cache(), cache);
    await until(`all comes through ${place}`, () => {
      const { status, stderr } = runCommand('deltamirror', ['--once', '--source', url, cache], env);
      assert.equal(status, 0, stderr);
      return query(cache, 'SELECT count(*) AS n FROM flights')[0].n === 1000;
    });
    await path.compare(cache, ['flights']);
    const refused = runCommand('deltamirror', ['--once', '--source', url, cache], { ...env, DAYSTREAM_TOKEN: `${TOKEN.slice(1)}0` });
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /401|token/i);
  }
  assert.deepEqual(await answers(port, certificate, `/fleet/${segment}`), { GET: 200, HEAD: 200, POST: 403, none: 401 });
  for (const name of ['.lock', '.slot.json', '.catalog.json', 'tables.json', '', '../fleet/index', `${segment}.new`, `${segment}/`, '%2e%2e/secret', 'x.daystream']) {
    assert.equal((await answers(port, certificate, `/fleet/${name}`)).GET, name === '../fleet/index' ? 200 : 404, name);
  }
  await stream.stop();
});

/** Its answers to who shows the token, by method, and to a GET of who does not. */
async function answers(port: number, certificate: string, path: string): Promise<Record<'GET' | 'HEAD' | 'POST' | 'none', number | undefined>> {
  const ask = async (method: string, headers: Record<string, string>) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers, ca: readFileSync(certificate), agent: false }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.resume();
    return answer.statusCode;
  };
  const shown = { Authorization: `Bearer ${TOKEN}` };
  return { GET: await ask('GET', shown), HEAD: await ask('HEAD', shown), POST: await ask('POST', shown), none: await ask('GET', {}) };
}

/** The arguments with each address of loopback on a port that is free here. */
async function elsewhere(args: readonly string[]): Promise<string[]> {
  return Promise.all(args.map(async (arg) => (/^127\.0\.0\.1:\d+$/.test(arg) ? `127.0.0.1:${await freePort()}` : arg)));
}
