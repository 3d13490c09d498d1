import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Changing, DETECTIONS } from '../support/changing.js';

/** Changes that come to a mirror all at once, since it was away: what one of them ends, another has begun in the same read. */
const CHANGES = [
  "ALTER TABLE t SET UNLOGGED; INSERT INTO t VALUES (3, 'not in the WAL')",
  'ALTER TABLE t SET LOGGED',
  'UPDATE keyless SET v = $$no key$$',
  'ALTER TABLE keyless REPLICA IDENTITY FULL',
  "SELECT pg_logical_emit_message(true, 'deltastream', 'reload ' || 'keyless'::regclass::oid)",
  'ALTER TABLE rewritten ALTER v TYPE int USING length(v)',
  'ALTER TABLE rewritten ALTER v TYPE text USING v || $$!$$; ALTER TABLE rewritten RENAME TO other_name',
  'CREATE TABLE made (id int PRIMARY KEY); INSERT INTO made VALUES (1); DROP TABLE gone',
  'ALTER TABLE made ADD r double precision DEFAULT random()',
  'DROP TABLE made; CREATE TABLE made (id text PRIMARY KEY, v int); INSERT INTO made VALUES ($$a$$, 1)',
];

for (const detection of DETECTIONS) {
  test(`a mirror that was away takes all changes and copies at once, known by ${detection}`, async (t) => {
    const rows = '(id int PRIMARY KEY, v text); INSERT INTO';
    const changing = await Changing.start(t, detection, `CREATE TABLE t ${rows} t VALUES (1, 'one'); CREATE TABLE rewritten ${rows} rewritten VALUES (1, 'one'); CREATE TABLE gone ${rows} gone VALUES (1, 'one'); CREATE TABLE keyless (v text); INSERT INTO keyless VALUES ('a'), ('b')`);
    assert.equal(await changing.mirror.stop(), 0);
    for (const change of CHANGES) await changing.query(change);
    const log = () => readdirSync(changing.path.log).filter((name) => name.endsWith('.daystream')).map((name) => readFileSync(join(changing.path.log, name), 'utf8')).join('');
    await changing.path.until('the log to have the copies', () => log().split('\t_last\t1\t').length > 3 && /other_name\t_action\tinsert/.test(log()) && /_table\tkeyless\t_action\tinsert/.test(log()) && /_table\tt\t_action\tinsert/.test(log()));
    changing.mirror.start();
    assert.ok((await changing.requireSame('public')) > 5);
  });
}
