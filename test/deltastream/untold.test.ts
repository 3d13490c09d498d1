/** What event triggers do not tell, since somebody switched them off for a while: the comparison of the catalog finds it; what they told it does not tell again. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CATALOG_FILE } from '../../src/deltastream/catalog-state.js';
import { readAll } from '../support/log.js';
import { Path, until } from '../support/path.js';
import { settled } from '../support/settled.js';

const T = 'CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 10)';
const PARTS = 'CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20); INSERT INTO p VALUES (1), (11)';

async function mirrored(t: TestContext, sql: string): Promise<Path> {
  const path = await Path.start(t);
  await path.server.query(`${sql}; CREATE TABLE news (id int PRIMARY KEY)`);
  path.run('deltastream', 'setup');
  path.deltastream('--plugin', 'pgoutput', '--schema-interval', '200ms');
  await until('the log to begin', () => path.hasBegun);
  await path.import('*.*');
  path.mirror();
  await settled(path, [path.cache()]);
  await looked(path);
  return path;
}

let number = 0;

/** Waits for a look behind all that was done: it follows what the log says of a relation. */
async function looked(path: Path): Promise<void> {
  const state = () => readFileSync(join(path.log, CATALOG_FILE), 'utf8');
  const before = existsSync(join(path.log, CATALOG_FILE)) ? state() : '';
  await path.server.query(`COMMENT ON TABLE news IS '${number++}'`);
  await until('a look', () => state() !== before);
}

async function copiesIn(path: Path): Promise<number> {
  return (await readAll(path.log)).filter((unit) => unit.kind === 'copy' && unit.isLast).length;
}

const unheard = (sql: string) => `BEGIN; ${['before', 'after', 'drop', 'rewrite', 'publish'].map((name) => `ALTER EVENT TRIGGER deltastream_${name} DISABLE`).join('; ')}; ${sql};
  ${['before', 'after', 'drop', 'rewrite', 'publish'].map((name) => `ALTER EVENT TRIGGER deltastream_${name} ENABLE ALWAYS`).join('; ')}; COMMIT`;

test('rows that were written anew while nobody told are copied at the next look', async (t) => {
  const path = await mirrored(t, T);
  await path.server.query(unheard('ALTER TABLE t ALTER COLUMN a TYPE int USING a * 2'));
  await looked(path);
  await settled(path, [path.cache()]);
  await path.compare(path.cache(), ['public.t']);
});

test('a root of which a partition was detached while nobody told is copied at the next look', async (t) => {
  const path = await mirrored(t, PARTS);
  await path.server.query(unheard('ALTER TABLE p DETACH PARTITION p1; DROP TABLE p1'));
  await looked(path);
  await settled(path, [path.cache()]);
  await path.compare(path.cache(), ['public.p']);
});

test('what the event triggers told is copied once, or once more where a look falls into it', async (t) => {
  const path = await mirrored(t, `${T}; ${PARTS}; CREATE TABLE p3 (id int PRIMARY KEY); INSERT INTO p3 VALUES (21)`);
  const copies = await copiesIn(path);
  await path.server.query('ALTER TABLE t ALTER COLUMN a TYPE bigint USING a * 2');
  await until('the copy', async () => await copiesIn(path) >= copies + 1);
  await path.server.query('ALTER TABLE p ATTACH PARTITION p3 FOR VALUES FROM (20) TO (30)');
  await until('the copy', async () => await copiesIn(path) >= copies + 2);
  await path.server.query('DROP TABLE p1');
  await until('the copy', async () => await copiesIn(path) >= copies + 3);
  await path.server.query('CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); INSERT INTO p VALUES (2)');
  await looked(path);
  await settled(path, [path.cache()]);
  const made = await copiesIn(path) - copies;
  assert.ok(made === 3 || made === 4, `${made} copies`);
  await path.compare(path.cache(), ['public.t', 'public.p']);
});

test('a role that cannot prove what the event triggers say goes by the comparison, and says what to grant', async (t) => {
  const path = await Path.start(t);
  await path.server.query(`${T}; CREATE ROLE app LOGIN REPLICATION; GRANT SELECT ON t, marker TO app`);
  path.run('deltastream', 'setup', '--slot', 'test', '--plugin', 'pgoutput');
  const stream = path.daemon('deltastream', '--pg', path.server.url('postgres', 'app'), '--slot', 'test', '--create-slot', '--out', path.log, '--plugin', 'pgoutput', '--schema-interval', '200ms');
  await until('the log to begin', () => path.hasBegun);
  await path.import('*');
  path.mirror();
  await path.until('it to be said', () => stream.stderr.includes('GRANT USAGE ON SCHEMA deltastream TO "app"; GRANT SELECT ON deltastream.secret TO "app";'));
  await path.server.query("ALTER TABLE t ADD COLUMN c int DEFAULT 5; INSERT INTO t VALUES (2, 2, 2); ALTER TABLE t ALTER COLUMN a TYPE bigint USING a * 2");
  await settled(path, [path.cache()]);
  await path.compare(path.cache(), ['public.t']);
});
