import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { DeltaError } from '../../src/errors.js';
import { connect, PINNED_SETTINGS } from '../../src/postgres/connection.js';
import { temporaryFolder } from '../support/folder.js';

const ORIGINAL = { ...process.env };
const NAME = { applicationName: 'deltatest' };

let server: Server;
before(async () => { server = await Server.start({ plugin: false }); });
after(() => server.stop());

/** Sets variables of the environment for one test. */
function environment(t: TestContext, variables: NodeJS.ProcessEnv): void {
  Object.assign(process.env, variables);
  t.after(() => {
    for (const name of Object.keys(variables)) {
      if (ORIGINAL[name] === undefined) delete process.env[name];
      else process.env[name] = ORIGINAL[name];
    }
  });
}

async function ask(url: string | undefined, sql: string): Promise<Record<string, unknown>> {
  const client = await connect(url, NAME);
  try {
    return (await client.query(sql)).rows[0];
  } finally {
    await client.end();
  }
}

test('values are printed by our settings, whatever the role and the environment say', async (t) => {
  await server.query(`create role hostile login superuser`);
  const hostile = { datestyle: 'German', intervalstyle: 'sql_standard', timezone: 'Asia/Kathmandu', extra_float_digits: '-5', bytea_output: 'escape', lc_monetary: 'C', search_path: 'nowhere', quote_all_identifiers: 'on', client_encoding: 'LATIN1' };
  for (const [name, value] of Object.entries(hostile)) await server.query(`alter role hostile set ${name} = '${value}'`);
  environment(t, { PGOPTIONS: '-c DateStyle=SQL,DMY', PGTZ: 'Asia/Tokyo', PGDATESTYLE: 'German' });
  const client = await connect(server.url('postgres', 'hostile'), NAME);
  for (const [name, value] of Object.entries(PINNED_SETTINGS)) assert.equal((await client.query(`select current_setting('${name}') as v`)).rows[0].v, value);
  await client.end();
});

test('the environment is used where no URL is given, and the program is seen by its name', async (t) => {
  environment(t, { PGHOST: '127.0.0.1', PGPORT: String(server.port), PGUSER: 'postgres', PGDATABASE: 'postgres' });
  assert.deepEqual(await ask(undefined, 'select application_name as name, usename as who from pg_stat_activity where pid = pg_backend_pid()'), { name: 'deltatest', who: 'postgres' });
  environment(t, { PGAPPNAME: 'chosen' });
  assert.deepEqual(await ask(undefined, "select current_setting('application_name') as name"), { name: 'chosen' });
});

test('a PGPORT that is no port is wrong usage, and is not repeated', async (t) => {
  for (const PGPORT of ['abc', '70000', '-1']) {
    environment(t, { PGPORT });
    await assert.rejects(connect(undefined, NAME), { code: 'usage', message: 'PGPORT: not a port' });
  }
});

test('a socket folder is a host', async () => {
  assert.deepEqual(await ask(`postgres://postgres@/postgres?host=${server.directory}&port=${server.port}`, 'select inet_server_addr() as a'), { a: null });
  assert.deepEqual(await ask(`postgres://postgres@${encodeURIComponent(server.directory)}:${server.port}/postgres`, 'select inet_server_addr() as a'), { a: null });
});

test('what cannot be reached or is refused says where, why and what to do', async () => {
  const cases: [string, string, RegExp][] = [
    ['postgres://me@127.0.0.1:1/app', 'connection', /^127\.0\.0\.1:1\/app: .*ECONNREFUSED/],
    ['postgres://me@nosuch.invalid/app', 'connection', /^nosuch\.invalid:5432\/app: .*(ENOTFOUND|EAI_AGAIN)/],
    ['postgres://me@/app?host=/nosuch', 'connection', /^\/nosuch:5432\/app: .*ENOENT/],
    [server.url('nosuch'), 'config', /database "nosuch" does not exist/],
    [server.url('postgres', 'nosuch'), 'config', /role "nosuch" does not exist/],
    [`${server.url()}?sslmode=require`, 'config', /does not support SSL/],
  ];
  for (const [url, code, message] of cases) {
    await assert.rejects(connect(url, NAME), (error: DeltaError) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.ok(error.hint !== undefined);
      return true;
    });
  }
});

test('a URL that is not understood is refused without a word of it', async () => {
  const wrong = ['', 'app', 'host=db dbname=app', 'mysql://u:geheim@h/d', 'postgres://u:ge/heim@h/d', 'postgres://u:1#geheim@h/d', 'postgres://u:1/geheim@h/d', 'postgres://u:ge?heim@h/d', 'postgres://u:ge%heim@h/d', 'postgres://h:port/d'];
  for (const url of wrong) {
    await assert.rejects(connect(url, NAME), (error: DeltaError) => {
      assert.equal(error.code, 'usage', url);
      assert.doesNotMatch(JSON.stringify([error.message, error.hint, String(error.cause)]), /geheim|heim/);
      return true;
    });
  }
});

test('a password comes from the URL, from PGPASSWORD or from the password file; its lack and its fault are told', async (t) => {
  const own = await Server.start({ plugin: false });
  t.after(() => own.stop());
  await own.query("create role guarded login superuser password 'a:b\\c'");
  writeFileSync(join(own.data, 'pg_hba.conf'), 'host all guarded all scram-sha-256\nhost all all all trust\n');
  await own.query('select pg_reload_conf()');
  const url = own.url('postgres', 'guarded');
  const file = join(temporaryFolder(t), 'pgpass');
  environment(t, { PGPASSFILE: file });
  const refused = async (at: string, code: string, message: RegExp) => assert.rejects(connect(at, NAME), (error: DeltaError) => {
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.doesNotMatch(`${error.message} ${error.hint}`, /geheim/);
    return true;
  });
  await refused(url, 'config', /wants a password for user "guarded" and none is given/);
  writeFileSync(file, `# comment\n127.0.0.1:1:*:guarded:wrong\n*:${own.port}:postgres:guarded:a\\:b\\\\c\n`, { mode: 0o644 });
  chmodSync(file, 0o644);
  await refused(url, 'config', /none is given/); // others may read the file
  chmodSync(file, 0o600);
  assert.deepEqual(await ask(url, 'select 1 as one'), { one: 1 });
  environment(t, { PGPASSWORD: 'geheim' });
  await refused(url, 'config', /password authentication failed for user "guarded"/);
  environment(t, { PGPASSWORD: 'a:b\\c' });
  assert.deepEqual(await ask(url, 'select 1 as one'), { one: 1 });
  assert.deepEqual(await ask(url.replace('guarded@', 'guarded:a%3Ab%5Cc@'), 'select 1 as one'), { one: 1 });
  await refused(url.replace('guarded@', 'guarded:geheim@'), 'config', /password authentication failed/);
});

test('TLS is used where the server has it, and its words mean what psql means by them', async (t) => {
  const own = await Server.start({ plugin: false });
  t.after(() => own.stop());
  makeCertificate(own);
  await own.query('alter system set ssl = on');
  await own.query('select pg_reload_conf()');
  const encrypted = async (words: string) => (await ask(`${own.url()}?${words}`, 'select ssl from pg_stat_ssl where pid = pg_backend_pid()')).ssl;
  const certificate = join(own.data, 'server.crt');
  assert.equal(await encrypted(''), true);
  assert.equal(await encrypted('sslmode=disable'), false);
  assert.equal(await encrypted('sslmode=require'), true);
  assert.equal(await encrypted(`sslmode=verify-ca&sslrootcert=${certificate}`), true);
  await assert.rejects(encrypted('sslmode=verify-ca'), { code: 'config', message: /self.signed/i });
  await assert.rejects(encrypted(`sslmode=verify-full&sslrootcert=${certificate}`), { code: 'config', message: /altnames|IP/ });
  await assert.rejects(encrypted(`sslmode=verify-ca&sslrootcert=${certificate}.none`), { code: 'config', message: /^sslrootcert: ENOENT/ });
  await assert.rejects(encrypted('sslmode=maybe'), { code: 'usage' });
});

/** For a name that the server is not reached by. */
function makeCertificate(own: Server): void {
  const [key, certificate] = [join(own.data, 'server.key'), join(own.data, 'server.crt')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=elsewhere', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  const { uid, gid } = statSync(own.data);
  for (const path of [key, certificate]) chownSync(path, uid, gid);
  chmodSync(key, 0o600);
}
