import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { query } from '../support/cache.js';
import { Path, runCommand } from '../support/path.js';

test('an import from another database of the same server is refused, and leaves no cache', async (t) => {
  const path = await Path.start(t);
  await path.server.query('CREATE TABLE a (id int PRIMARY KEY)');
  await path.server.query('CREATE DATABASE staging TEMPLATE template0');
  await path.server.query('CREATE TABLE a (id int PRIMARY KEY)', 'staging');
  path.deltastream();
  await path.import('a');
  const other = path.cache('other.db');
  const refused = runCommand('deltaimport', ['--tables', 'a', '--source', path.log, '--pg', path.server.url('staging'), other], path.environment);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^deltaimport: .*is the log of database postgres; .*staging.* — .*\n$/);
  assert.equal(existsSync(other), false);
});

test('deltastream killed and started again with other --tables goes on; a mirror hears of a table that is followed no longer', async (t) => {
  const path = await Path.start(t);
  await path.server.query('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)');
  let n = 0;
  const change = async () => { n++; await path.server.query(`INSERT INTO a VALUES (${n}); INSERT INTO b VALUES (${n})`); };
  let stream = path.deltastream('--tables', 'a,marker');
  await path.import('a');
  path.mirror();
  const refused = runCommand('deltaimport', ['--tables', 'b', '--source', path.log, path.cache('b.db')], path.environment);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /does not carry public\.b/);
  for (const tables of [[], ['--tables', 'a,b,marker']]) {
    await change();
    await path.caughtUp(path.cache());
    await change(); // on its way, or not, when it is killed
    await stream.stop('SIGKILL');
    await change();
    stream = path.deltastream(...tables);
    await path.caughtUp(path.cache());
    assert.equal(await path.compare(path.cache(), ['a']), n);
  }
  await path.import('a,b', path.cache('both.db'));
  path.mirror(path.cache('both.db'));
  await stream.stop('SIGKILL');
  await change();
  stream = path.deltastream('--tables', 'b,marker');
  await path.caughtUp(path.cache('both.db'));
  assert.deepEqual(query(path.cache('both.db'), "SELECT name FROM _daystream_tables WHERE state = 'quarantined'"), [{ name: 'a' }]);
  assert.equal(await path.compare(path.cache('both.db'), ['b']), n);
  path.run('daystream', 'verify', path.log);
});
