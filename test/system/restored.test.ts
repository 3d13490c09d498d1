/** A server that was restored, and is behind its log: nobody takes what it has for what the log says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Broken, changes, TABLES } from '../support/broken.js';
import { runCommand } from '../support/path.js';

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
