/** Two logs of one server, by our plugin and by pgoutput: line for line the same but for their places, and the caches too. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isSegmentName } from '../../src/daystream/segment.js';
import { Path } from '../support/path.js';

const TABLES = ['pgbench_accounts', 'pgbench_branches', 'pgbench_tellers', 'pgbench_history', 'large'];
const BIG_ROWS = 100_000;
const PLACE = /^_c\t\d+\t_s\t\d+\t/;

test('pgbench, many clients and a large transaction with savepoints: both logs say the same, both caches hold what Postgres has', async (t) => {
  const path = await Path.start(t, { settings: { logical_decoding_work_mem: '64kB' } });
  path.server.tool('pgbench', ['-i', '-q', '-s', '1']);
  await path.server.query('ALTER TABLE pgbench_history REPLICA IDENTITY FULL; CREATE TABLE large (id int PRIMARY KEY, v text)');
  const sides = [{ plugin: 'deltastream', log: join(path.folder, 'log') }, { plugin: 'pgoutput', log: join(path.folder, 'other') }];
  for (const { plugin, log } of sides) path.daemon('deltastream', '--slot', `by_${plugin}`, '--create-slot', '--plugin', plugin, '--out', log);
  for (const { plugin, log } of sides) {
    await path.until(`${plugin} to begin`, () => linesOf(log).length > 0);
    const imported = path.run('deltaimport', '--tables', [...TABLES, 'marker'].join(), '--source', log, path.cache(plugin));
    assert.equal(imported.status, 0);
    path.mirror(path.cache(plugin));
  }
  path.server.tool('pgbench', ['-c', '8', '-j', '2', '-t', '150']);
  await path.server.query(`
    BEGIN; INSERT INTO large SELECT i, md5(i::text) FROM generate_series(1, ${BIG_ROWS / 2}) i; SAVEPOINT a; INSERT INTO large SELECT i, 'never' FROM generate_series(-50000, 0) i; ROLLBACK TO a;
    INSERT INTO large SELECT i, md5(i::text) FROM generate_series(${BIG_ROWS / 2 + 1}, ${BIG_ROWS}) i; UPDATE large SET id = -id WHERE id % 100 = 0; COMMIT`);
  await path.server.query('TRUNCATE pgbench_history');
  path.server.tool('pgbench', ['-c', '4', '-t', '50']);
  const caches = sides.map(({ plugin }) => path.cache(plugin));
  await path.caughtUp(...caches);
  for (const cache of caches) assert.ok(await path.compare(cache, TABLES) > BIG_ROWS);
  const [ours, theirs] = sides.map(({ log }) => transactionsOf(log));
  assert.ok(ours.length > BIG_ROWS);
  assert.equal(firstDifference(ours, theirs), undefined);
  for (const { log } of sides) path.run('daystream', 'verify', log);
});

function linesOf(log: string): string[] {
  try {
    return readdirSync(log).filter(isSegmentName).sort().flatMap((name) => readFileSync(join(log, name), 'utf8').split('\n').slice(0, -1));
  } catch {
    return []; // the folder is not there yet
  }
}

/** What stands in transactions, without places and sums, and without those that only tell of the two logs themselves. */
function transactionsOf(log: string): string[] {
  const lines = linesOf(log).map((line) => line.replace(PLACE, '').replace(/\t_crc\t[0-9a-f]{8}$/, ''));
  return lines.filter((line) => !/^_action\t(?:open|horizon)\t/.test(line));
}

function firstDifference(ours: readonly string[], theirs: readonly string[]): string | undefined {
  const at = Array.from({ length: Math.max(ours.length, theirs.length) }, (_, i) => i).find((i) => ours[i] !== theirs[i]);
  return at === undefined ? undefined : `line ${at}: ${theirs.slice(at, at + 3).join('\n')}\ninstead of\n${ours.slice(at, at + 3).join('\n')}`;
}
