/** A server that is beyond 2^31 transactions: rows of its catalog that were frozen long ago show ids that now seem to lie in the future. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { openReader } from '../../src/sqlite/open.js';
import { Path, until } from '../support/path.js';
import { temporaryFolder } from '../support/folder.js';

const XID = 3_000_000_000;

/** The transactions up to there count as frozen, as after years of use. */
async function goOnFrom(server: Server, xid: number): Promise<void> {
  await server.query('ALTER DATABASE template0 ALLOW_CONNECTIONS true');
  for (const database of ['template0', 'template1', 'postgres']) await server.query('VACUUM FREEZE', database);
  await server.halt('fast');
  const { uid, gid } = statSync(server.data);
  for (const [folder, transactions] of [['pg_xact', 1_048_576], ['pg_subtrans', 65_536]] as const) {
    const path = join(server.data, folder, Math.floor(xid / transactions).toString(16).toUpperCase().padStart(4, '0'));
    writeFileSync(path, Buffer.alloc(262_144));
    chownSync(path, uid, gid);
  }
  execFileSync(join(server.binaries, 'pg_resetwal'), ['-f', '-x', String(xid), '-u', String(xid - 1000), '-D', server.data], { uid, gid, cwd: server.directory, stdio: 'ignore' });
  await server.launch();
}

test('beyond 2^31 transactions what pgoutput does not say is exact too: comments and columns come, and no copy', async (t) => {
  const server = await Server.start({ settings: { autovacuum: 'off' } });
  t.after(() => server.stop());
  await server.query('CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 1)');
  await goOnFrom(server, XID);
  const path = await Path.on(server, temporaryFolder(t));
  t.after(() => path.end());
  const stream = path.deltastream('--plugin', 'pgoutput', '--schema-interval', '300ms');
  await path.import('t,marker');
  path.mirror();
  await server.query("COMMENT ON TABLE t IS 'seen'");
  await until('the comment', () => {
    const cache = openReader(path.cache());
    try {
      return String(cache.prepare("SELECT comments FROM _daystream_tables WHERE name = 't'").pluck().get()).includes('seen');
    } finally {
      cache.close();
    }
  });
  await server.query('ALTER TABLE t ADD b int DEFAULT 5; INSERT INTO t VALUES (2, 2, 2)');
  await path.caughtUp(path.cache());
  await path.compare(path.cache(), ['t']);
  assert.doesNotMatch(stream.stderr, /copied|copying/, stream.stderr);
});
