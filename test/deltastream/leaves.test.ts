/** Partitions that come, are written, and are truncated, gone or elsewhere before anybody looks: their root is copied. One that is made and then written is not. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CATALOG_FILE } from '../../src/deltastream/catalog-state.js';
import { DETECTIONS, type Detection } from '../support/changing.js';
import { readAll } from '../support/log.js';
import { Path, until } from '../support/path.js';
import { settled } from '../support/settled.js';

const PARTS = `
  CREATE TABLE p (id int PRIMARY KEY, a int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
  CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20); CREATE TABLE apart (id int PRIMARY KEY, a int); INSERT INTO p SELECT n, n FROM generate_series(1, 19) n;
  CREATE TABLE news (id int PRIMARY KEY)`;
const MAKE = 'CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (20) TO (30)';
const FILL = 'INSERT INTO p SELECT n, n FROM generate_series(20, 29) n';
const ATTACH = 'ALTER TABLE p ATTACH PARTITION apart FOR VALUES FROM (20) TO (30)';

/** Each list by one transaction a statement under one detection, and by one for all under the other. */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  'made, filled, truncated': [MAKE, FILL, 'TRUNCATE p3'],
  'made, filled, truncated, filled': [MAKE, FILL, 'TRUNCATE p3', 'INSERT INTO p VALUES (25, 1)'],
  'made, filled, truncated in a savepoint': [`BEGIN; ${MAKE}; ${FILL}; SAVEPOINT s; TRUNCATE p3; RELEASE s; COMMIT`],
  'made in a savepoint, filled, truncated': [`BEGIN; SAVEPOINT s; ${MAKE}; ${FILL}; TRUNCATE p3; RELEASE s; COMMIT`],
  'made, filled, dropped': [MAKE, FILL, 'DROP TABLE p3'],
  'attached, filled, detached': [ATTACH, FILL, 'ALTER TABLE p DETACH PARTITION apart'],
  'attached, filled, truncated': [ATTACH, FILL, 'TRUNCATE apart'],
  'detached, changed, attached again': ['ALTER TABLE p DETACH PARTITION p2', 'DELETE FROM p2 WHERE id = 15', 'UPDATE p2 SET a = 77 WHERE id = 16', 'ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)'],
  'dropped, made again, filled': ['DROP TABLE p2', 'CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)', 'INSERT INTO p VALUES (11, 5)'],
};
const INTERVAL = '400ms';

async function mirrored(t: TestContext, detection: Detection, ...more: string[]): Promise<Path> {
  const path = await Path.start(t, { version: 18 });
  await path.server.query(PARTS);
  if (detection === 'triggers') path.run('deltastream', 'setup');
  path.deltastream('--plugin', 'pgoutput', '--schema-interval', INTERVAL, ...more);
  await until('the log to begin', () => path.hasBegun);
  await path.import('*.*');
  path.mirror();
  await settled(path, [path.cache()]);
  return path;
}

const copiesIn = async (path: Path) => (await readAll(path.log)).filter((unit) => unit.kind === 'copy' && unit.isLast).length;

/** Waits for a look behind all that was done. */
async function looked(path: Path): Promise<void> {
  const state = () => readFileSync(join(path.log, CATALOG_FILE), 'utf8');
  const before = state();
  await path.server.query(`COMMENT ON TABLE news IS '${before.length} ${performance.now()}'`);
  await until('a look', () => state() !== before);
}

for (const detection of DETECTIONS) {
  test(`between two looks, known by ${detection}`, async (t) => {
    const path = await mirrored(t, detection);
    for (const [i, [name, list]] of Object.entries(LISTS).entries()) {
      const apart = (i % 2 === 0) === (detection === 'triggers');
      const statements = list.length === 1 || apart ? list : [`BEGIN; ${list.join('; ')}; COMMIT`];
      await looked(path);
      for (const statement of statements) await path.server.query(statement);
      await settled(path, [path.cache()]);
      await until('nothing to be left to judge', () => !existsSync(join(path.log, '.partitions')));
      await settled(path, [path.cache()]);
      await path.compare(path.cache(), ['p', 'apart'].filter((table) => table === 'p' || !name.startsWith('attached, filled, truncated'))).catch((error: Error) => assert.fail(`${name}, ${statements.length} transactions: ${error.message}`));
      await path.server.query('DROP TABLE IF EXISTS p3; DROP TABLE apart; CREATE TABLE apart (id int PRIMARY KEY, a int); TRUNCATE p; INSERT INTO p SELECT n, n FROM generate_series(1, 19) n');
      await settled(path, [path.cache()]);
    }
  });

  test(`a partition that is made, and written by later transactions, costs no copy (${detection})`, async (t) => {
    const path = await mirrored(t, detection);
    await looked(path);
    const copies = await copiesIn(path);
    await path.server.query(MAKE);
    await path.server.query(FILL);
    await settled(path, [path.cache()]);
    await path.server.query('CREATE TABLE p4 PARTITION OF p FOR VALUES FROM (30) TO (40)');
    await settled(path, [path.cache()]);
    await path.server.query('INSERT INTO p VALUES (30, 1); UPDATE p SET a = 5 WHERE id > 25');
    await until('nothing to be left to judge', () => !existsSync(join(path.log, '.partitions')));
    await settled(path, [path.cache()]);
    assert.equal(await copiesIn(path), copies);
    await path.compare(path.cache(), ['p']);
  });
}

test('what was noted is judged by the run behind a crash', async (t) => {
  const path = await Path.start(t, { version: 18 });
  await path.server.query(PARTS);
  const stream = path.deltastream('--plugin', 'pgoutput', '--schema-interval', '1h');
  await until('the log to begin', () => path.hasBegun);
  await path.import('*.*');
  path.mirror();
  await path.caughtUp(path.cache());
  await path.server.query(`BEGIN; ${MAKE}; ${FILL}; DROP TABLE p3; COMMIT`);
  await path.caughtUp(path.cache());
  assert.ok(existsSync(join(path.log, '.partitions')));
  await stream.stop('SIGKILL');
  path.deltastream('--plugin', 'pgoutput', '--schema-interval', INTERVAL);
  await looked(path);
  await settled(path, [path.cache()]);
  await until('nothing to be left to judge', () => !existsSync(join(path.log, '.partitions')));
  await settled(path, [path.cache()]);
  assert.equal(await path.compare(path.cache(), ['p']), 19);
});
