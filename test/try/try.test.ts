/** `deltastream try` on databases that are in use: it shows what it says, and harms and leaves nothing. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { temporaryFolder } from '../support/folder.js';
import { Application, leftIn, processesWith, TABLES, Try, tryIn } from '../support/trying.js';
import { until } from '../support/wait.js';

const SECRET = 'geheim-7431';

for (const version of [undefined, 14, 18] as const) {
  const plugin = version === undefined ? 'deltastream' : 'pgoutput';
  suite(`on PostgreSQL ${version ?? 'of the system'}, by ${plugin}`, () => {
    let server: Server;
    before(async () => {
      server = await Server.start(version === undefined ? {} : { version });
      await server.query(TABLES);
    });
    after(() => server.stop());
    const url = () => server.url().replace('@', `:${SECRET}@`);

    test('while an application writes, what was followed equals a second copy, and nothing is left', async (t) => {
      const application = new Application(await server.client());
      const trying = tryIn(t, url(), '--seconds', '3', '--json');
      await trying.says(/ s  .* rows?.* in all/);
      assert.deepEqual(processesWith(SECRET), [], 'the password is in no command line');
      assert.equal(processesWith(trying.folder).length, 2, 'deltastream and deltamirror');
      assert.equal(await trying.ended(), 0, trying.output);
      await application.stop();
      const report = JSON.parse(trying.stdout);
      assert.deepEqual([report.equal, report.complete, report.plugin, report.left, report.notCompared], [true, true, plugin, [], null]);
      assert.deepEqual(report.tables.map((table: { table: string }) => table.table).sort(), ['Order, no', 'flights', 'legs', 'seen']);
      assert.ok(report.tables.every(({ rows, differences }: { rows: number; differences: number }) => rows > 0 && differences === 0));
      assert.ok(report.arrived.rows > 0 && report.lag.p50Ms <= report.lag.maxMs, trying.stdout);
      assert.match(trying.output, /left out: public\.keyless: it has no replica identity, .* — ALTER TABLE public\.keyless ADD PRIMARY KEY/);
      assert.ok(!trying.output.includes(SECRET));
      assert.deepEqual(await leftIn(server), []);
      assert.deepEqual(readdirSync(trying.folder), []);
    });

    if (version !== 18) return; // the rest asks nothing of the version

    test('Ctrl-C ends the following, and the report comes', async (t) => {
      const trying = tryIn(t, url(), '--tables', 'flights');
      await trying.says(/following for 60 s/);
      trying.child.kill('SIGINT');
      assert.equal(await trying.ended(), 0, trying.output);
      assert.match(trying.output, /\nequal: +1 table, [\d,]+ rows, value by value: the cache that followed against a second copy.*\nremoved: .*nothing is left behind\n$/);
      assert.deepEqual(await leftIn(server), []);
      assert.deepEqual(readdirSync(trying.folder), []);
    });

    test('Ctrl-C while the slot waits for a transaction leaves nothing', async (t) => {
      const writer = await server.client();
      await writer.query('BEGIN; INSERT INTO keyless VALUES (NULL)');
      const trying = tryIn(t, url());
      await trying.says(/waits for pid/);
      trying.child.kill('SIGINT');
      assert.equal(await trying.ended(), 1, trying.output);
      await writer.query('ROLLBACK');
      await writer.end();
      assert.match(trying.output, /nothing is left behind\ndeltastream: try: stopped/);
      assert.deepEqual(await leftIn(server), []);
      assert.deepEqual(readdirSync(trying.folder), []);
    });

    test('killed, its commands end with it, and the next one removes its files and says so', async (t) => {
      const folder = temporaryFolder(t);
      const killed = new Try(t, folder, [url(), '--tables', 'flights']);
      await killed.says(/following for/);
      killed.child.kill('SIGKILL');
      await until('its commands have ended', () => processesWith(folder).length === 0);
      await until('the server has noticed', async () => (await leftIn(server)).length === 0);
      const next = new Try(t, folder, [url(), '--tables', 'flights', '--seconds', '0.1']);
      assert.equal(await next.ended(), 0, next.output);
      assert.match(next.output, /^removed .*deltastream-try-\w+, left by a try that was killed\n/);
      assert.deepEqual(readdirSync(folder), []);
    });

    test('killed with all its commands, what it left is removed by the next one, and what a running one has is not', async (t) => {
      const folder = temporaryFolder(t);
      const running = new Try(t, folder, [url(), '--tables', 'flights']);
      await running.says(/following for/);
      const killed = tryIn(t, url(), '--tables', 'legs');
      await killed.says(/following for/);
      process.kill(killed.child.pid!, 'SIGSTOP'); // so that nobody of them notices the others' end
      for (const { pid } of processesWith(killed.folder)) process.kill(pid, 'SIGKILL');
      killed.child.kill('SIGKILL');
      await until('its slot is gone', async () => (await leftIn(server)).filter((what) => what.startsWith('slot')).length === 1);
      assert.equal((await leftIn(server)).length, version === undefined ? 1 : 3);
      const next = new Try(t, folder, [url(), '--tables', 'flights', '--seconds', '0.1']);
      assert.equal(await next.ended(), 0, next.output);
      assert.equal(/removed publication "deltastream_try_\w+", left by a try that was killed/.test(next.output), version !== undefined, next.output);
      running.child.kill('SIGINT');
      assert.equal(await running.ended(), 0, running.output);
      assert.deepEqual(await leftIn(server), []);
      assert.deepEqual(readdirSync(folder), []);
    });

    test('a role without rights is told each one that it lacks, and nothing is made', async (t) => {
      await server.query('CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader');
      const trying = tryIn(t, server.url('postgres', 'reader'));
      assert.equal(await trying.ended(), 1);
      assert.match(trying.output, /^error: role "reader": has no right to replicate — ALTER ROLE "reader" REPLICATION;$/m);
      assert.match(trying.output, /^deltastream: .*: this Postgres cannot be followed yet — /m);
      assert.deepEqual(await leftIn(server), []);
      assert.deepEqual(readdirSync(trying.folder), []);
    });

    if (version !== undefined) test('a role that may replicate and not publish is told so', async (t) => {
      await server.query('CREATE ROLE replicator LOGIN REPLICATION; GRANT pg_read_all_data TO replicator');
      const trying = tryIn(t, server.url('postgres', 'replicator'));
      assert.equal(await trying.ended(), 1);
      assert.match(trying.output, /^error: role "replicator": may not make a publication in database "postgres" — GRANT CREATE ON DATABASE/m);
      assert.deepEqual(await leftIn(server), []);
    });

    test('a role that owns no table and may read some tries those that the plugin lets it', async (t) => {
      await server.query('CREATE ROLE guest LOGIN REPLICATION; GRANT CREATE ON DATABASE postgres TO guest; GRANT SELECT ON flights, seen TO guest');
      const trying = tryIn(t, server.url('postgres', 'guest'), '--seconds', '0.1');
      const status = await trying.ended();
      assert.match(trying.output, /^left out: public\.legs: role "guest" may not read it — GRANT USAGE ON SCHEMA "public" TO "guest"; GRANT SELECT ON "public"\."legs" TO "guest";$/m);
      if (version === undefined) {
        assert.equal(status, 0, trying.output);
        assert.match(trying.output, /^equal: +2 tables, /m);
      } else {
        assert.equal(status, 1, trying.output);
        assert.match(trying.output, /^left out: public\.flights: it belongs to role "postgres", who alone may publish it — GRANT "postgres" TO "guest";$/m);
        assert.match(trying.output, /^deltastream: .*: no table is left to try, each for the reason above — /m);
      }
      assert.deepEqual(await leftIn(server), []);
      assert.deepEqual(readdirSync(trying.folder), []);
    });

    test('tables altered, dropped and robbed of their key meanwhile: what can be compared is equal, and the rest is named', async (t) => {
      await server.query('CREATE TABLE altered (id int PRIMARY KEY, t text); INSERT INTO altered VALUES (1, NULL); CREATE TABLE dropped (id int PRIMARY KEY); CREATE TABLE robbed (id int PRIMARY KEY); INSERT INTO robbed VALUES (1)');
      const trying = tryIn(t, url(), '--tables', 'altered,dropped,robbed', '--json');
      await trying.says(/following for/);
      await server.query('ALTER TABLE altered ADD COLUMN n int DEFAULT 7; UPDATE altered SET n = 8; DROP TABLE dropped; ALTER TABLE robbed DROP CONSTRAINT robbed_pkey');
      // Until it has left the publication, Postgres refuses this.
      await until('its update is accepted', () => server.query('UPDATE robbed SET id = 2').then(() => true, () => false));
      await trying.says(/robbed goes into quarantine/);
      trying.child.kill('SIGINT');
      assert.equal(await trying.ended(), 1, trying.output);
      const { equal, complete, tables } = JSON.parse(trying.stdout);
      assert.deepEqual([equal, complete], [true, false], trying.output);
      assert.deepEqual(tables.map((table: { table: string; rows: number; notCompared: string | null }) => [table.table, table.rows, table.notCompared !== null]), [['altered', 1, false], ['robbed', 0, true]]);
      await server.query('DROP TABLE altered, robbed');
      assert.deepEqual(await leftIn(server), []);
      assert.deepEqual(readdirSync(trying.folder), []);
    });

    test('more than --limit is refused with what it would be, and nothing is made', async (t) => {
      const trying = tryIn(t, url(), '--limit', '10kB');
      assert.equal(await trying.ended(), 1);
      assert.match(trying.output, /: 4 tables of [\d.]+ kB in all \(.*flights [\d.]+ kB.*\) are more than --limit 10\.0kB; nothing was copied — /);
      assert.deepEqual(await leftIn(server), []);
      assert.deepEqual(readdirSync(trying.folder), []);
    });
  });
}
