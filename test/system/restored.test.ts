/** A server that was restored, and is behind its log: nobody takes what it has for what the log says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Broken, changes, statesOf, TABLES } from '../support/broken.js';
import { compareAll } from '../support/compare.js';
import { runCommand, until } from '../support/path.js';

const OTHER_WAL = "SELECT pg_logical_emit_message(false, 'other', repeat('x', 1000000))";

test('no copy of a server that was restored, or of a standby that was promoted instead, joins the log', async (t) => {
  const broken = await Broken.start(t);
  const restore = await broken.backUp();
  await broken.inLog(changes(10));
  await broken.server.query(OTHER_WAL);
  await broken.inLog(changes(50));
  await broken.stopStream();
  const imported = (...args: string[]) => runCommand('deltaimport', ['--tables', TABLES.join(), '--source', broken.path.log, ...args, broken.path.cache('behind.db')], broken.path.environment).stderr;
  await restore();
  await broken.server.query(changes(100));
  assert.match(imported(), /its WAL ends at \S+, before the log in \S+ \(\S+\): the server was restored, or lost commits in a failover — deltastream reconcile --slot test/);
  await broken.promote(restore);
  await broken.server.query(`${OTHER_WAL}; ${OTHER_WAL}`);
  assert.match(imported(), /is on timeline 2, the log in \S+ on 1: the server was promoted, and the log has yet to follow it there — start deltastream/);
  broken.reconciled();
  await broken.ends();
});

test('a restored server is refused also by a deltastream that is asked for other tables than before', async (t) => {
  const broken = await Broken.start(t);
  await broken.stopStream();
  const restore = await broken.backUp();
  broken.deltastream.start();
  await broken.inLog(changes(10));
  await broken.stopStream();
  await restore();
  await broken.server.query(`${changes(100)} ${OTHER_WAL}`);
  // Again and again: what was refused has confirmed nothing to the server.
  for (const args of [['--tables', 'wide,marker'], ['--partitions', 'leaf'], [], []]) {
    const { status, stderr } = runCommand('deltastream', ['--slot', 'test', '--out', broken.path.log, ...args], broken.path.environment);
    assert.equal(status, 1, stderr);
    assert.match(stderr, /transaction \d+ .* Postgres does not have: the server was restored, or lost commits in a failover — deltastream reconcile --slot test/);
  }
  broken.reconciled();
  await broken.ends();
});

test('one that was killed, and is asked for other tables, has what comes again compared first, and then follows these', async (t) => {
  const broken = await Broken.start(t, '--fsync-interval', '3600s');
  await broken.inLog(changes(10));
  await broken.deltastream.stop('SIGKILL');
  await broken.server.query(`CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1); ${changes(100)}`);
  broken.deltastream = broken.path.deltastream('--tables', 'wide,marker,other');
  await broken.path.caughtUp(broken.live);
  assert.match(broken.deltastream.stderr, /other tables are asked for than before: first what the log has is compared/);
  await until('only the two to be followed', () => statesOf(broken.live, 'following').join() === 'marker,wide');
  await broken.server.query("UPDATE wide SET t = 'followed' WHERE id = 77; UPDATE pages SET hits = 8");
  await broken.path.caughtUp(broken.live);
  const fresh = broken.path.cache('other.db');
  await broken.path.import('other,wide', fresh);
  const client = await broken.server.client();
  await compareAll(client, fresh, ['other', 'wide']);
  await compareAll(client, broken.live, ['wide', 'marker']);
  await client.end();
});
