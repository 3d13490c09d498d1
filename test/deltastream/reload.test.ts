import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { Server } from '../../dev/postgres.js';
import type { Copy } from '../../src/daystream/unit.js';
import { temporaryFolder } from '../support/folder.js';
import { readAll } from '../support/log.js';
import { copied } from '../support/replay.js';
import { Random } from '../support/random.js';
import { follow, insertedIds, Running, runToEnd } from '../support/stream.js';
import { until } from '../support/wait.js';

let server: Server;
before(async () => { server = await Server.start(); });
after(() => server.stop());

/** A table with rows, a slot of the same name, and a deltastream that follows it. */
async function followed(t: TestContext, name: string, rows: number, ...more: string[]): Promise<{ out: string; running: Running }> {
  await server.query(`create table ${name} (id int primary key, note text)`);
  await server.query(`insert into ${name} select i, repeat('x', i % 200) from generate_series(1, ${rows}) i`);
  await server.query(`select pg_create_logical_replication_slot('${name}', 'deltastream')`);
  const out = temporaryFolder(t);
  return { out, running: await follow(t, server, name, out, '--tables', name, ...more) };
}

async function askFor(...tables: string[]): Promise<void> {
  for (const table of tables) {
    const { code, stderr } = await runToEnd('reload', table, '--pg', server.url());
    assert.equal(code, 0, stderr);
  }
}

async function copies(out: string): Promise<Copy[]> {
  return (await readAll(out)).filter((unit): unit is Copy => unit.kind === 'copy');
}

async function rowsOf(table: string): Promise<Map<string, string>> {
  const rows = await server.query<{ id: number; note: string | null }>(`select id, note from ${table}`);
  return new Map(rows.map(({ id, note }) => [String(id), `${id}|${note ?? '\\N'}`]));
}

/** Waits until the log has what was written until now. */
async function caughtUp(out: string, table: string): Promise<void> {
  await server.query(`insert into ${table} values (0, 'end')`);
  await until('the log has the last row', async () => (await insertedIds(out, table)).includes(0));
}

async function requireEqual(out: string, table: string): Promise<void> {
  await caughtUp(out, table);
  const log = await copied(out, table);
  const expected = await rowsOf(table);
  assert.deepEqual(log?.rows.size, expected.size);
  assert.deepEqual(log?.rows, expected);
}

test('a reload under writes: the copy and what was changed meanwhile are what Postgres holds', async (t) => {
  const { out, running } = await followed(t, 'under_writes', 60_000);
  const client = await server.client();
  t.after(() => client.end());
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  await askFor('under_writes');
  let next = 100_000;
  while (!/copy of under_writes: [\d,]+ rows/.test(running.stderr)) {
    const id = 1 + random.below(60_000);
    await client.query(random.pick([`update under_writes set note = 'u${next}' where id = ${id}`, `delete from under_writes where id = ${id}`, `insert into under_writes values (${next++}, null)`, `update under_writes set id = ${next++} where id = ${id}`]));
  }
  await requireEqual(out, 'under_writes');
  const [first, ...others] = await copies(out);
  assert.ok(first.part === 0 && first.snapshot !== undefined && others.length > 3 && others.at(-1)!.isLast);
  assert.equal(others.reduce((sum, { rows }) => sum + rows, 0) > 55_000, true);
});
