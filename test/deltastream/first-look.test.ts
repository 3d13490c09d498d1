/** What changes as soon as a log has begun, before anybody has compared the catalog: it differs from what was kept of it before the first line. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CATALOG_FILE } from '../../src/deltastream/catalog-state.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import { Path, until } from '../support/path.js';
import { settled } from '../support/settled.js';

const TABLES = `
  CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t SELECT n, n FROM generate_series(1, 5) n;
  CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods (id int PRIMARY KEY, m mood); INSERT INTO moods VALUES (1, 'sad');
  CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
  CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20); INSERT INTO p SELECT generate_series(1, 19)`;

const linesOf = (log: string) => readdirSync(log).filter(isSegmentName).flatMap((name) => readFileSync(join(log, name), 'utf8').split('\n'));

/** Changes it right behind the log's first line, and waits until the tables are stale. */
async function changedAtOnce(t: TestContext, plugin: string, sql: readonly string[], ...tables: string[]): Promise<Path> {
  const path = await Path.start(t);
  await path.server.query(TABLES);
  path.deltastream('--plugin', plugin, '--schema-interval', '5s');
  await until('the first line', () => existsSync(path.log) && readdirSync(path.log).some((name) => isSegmentName(name) && statSync(join(path.log, name)).size > 0));
  assert.ok(existsSync(join(path.log, CATALOG_FILE)));
  for (const one of sql) await path.server.query(one);
  await until(`${tables} to be stale`, () => tables.every((table) => linesOf(path.log).some((line) => line.includes(`_table\t${table}\t`) && line.includes('_action\tstale'))));
  return path;
}

test('pgoutput: a table that was out of the publication, a partition that was truncated, a label that was renamed', async (t) => {
  const path = await changedAtOnce(t, 'pgoutput', [
    'ALTER PUBLICATION test DROP TABLE t', 'UPDATE t SET a = 99', 'ALTER PUBLICATION test ADD TABLE t', 'TRUNCATE p1', "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
  ], 't', 'p', 'moods');
  await path.import('*.*');
  path.mirror();
  await settled(path, [path.cache()]);
  assert.equal(await path.compare(path.cache(), ['t', 'p', 'moods']), 16);
});

test('pgoutput: a publication that left changes out and was set back', async (t) => {
  await changedAtOnce(t, 'pgoutput', [
    "ALTER PUBLICATION test SET (publish = 'insert')", 'UPDATE t SET a = 99', "ALTER PUBLICATION test SET (publish = 'insert, update, delete, truncate')",
  ], 't', 'p', 'moods');
});

test('our plugin: a label that was renamed', async (t) => {
  await changedAtOnce(t, 'deltastream', ["ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'"], 'moods');
});
