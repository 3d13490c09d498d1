import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Server } from '../../dev/postgres.js';
import { openReader } from '../../src/sqlite/open.js';
import { readPosition } from '../../src/sqlite/position.js';
import { compareAll } from '../support/compare.js';
import { temporaryFolder } from '../support/folder.js';
import { ENTRY, runImport, writeLog } from '../support/import.js';
import { Random } from '../support/random.js';

const KILLS = 2;

let server: Server;
before(async () => {
  server = await Server.start({ plugin: false });
  await server.query(`CREATE TABLE old (id int PRIMARY KEY); INSERT INTO old SELECT generate_series(1, 1000);
    CREATE TABLE big (id int PRIMARY KEY, a text, b float8); INSERT INTO big SELECT i, md5(i::text), i / 7.0 FROM generate_series(1, 300000) AS i; CREATE INDEX big_a ON big (a);
    CREATE TABLE second (id int PRIMARY KEY, a text); INSERT INTO second SELECT i, md5(i::text) FROM generate_series(1, 100000) AS i`);
});
after(() => server.stop());

interface Run { readonly child: ChildProcess; readonly ended: Promise<{ code: number | null; stderr: string; stdout: string }> }

function start(folder: string, args: readonly string[] = [], limitBlocks?: number): Run {
  const command = [process.execPath, ENTRY, '--tables', 'big, second', '--source', join(folder, 'log'), '--pg', server.url(), ...args, join(folder, 'cache.db')];
  const child = limitBlocks === undefined ? spawn(command[0], command.slice(1)) : spawn('bash', ['-c', `ulimit -f ${limitBlocks}; exec "$@"`, 'bash', ...command]);
  let stderr = '';
  let stdout = '';
  child.stderr?.on('data', (text) => { stderr += text; });
  child.stdout?.on('data', (text) => { stdout += text; });
  return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number | null, stderr, stdout })) };
}

/** A folder with a log and a cache of the table `old`. */
async function withOldCache(t: TestContext): Promise<string> {
  const folder = temporaryFolder(t);
  await writeLog(server, join(folder, 'log'));
  await runImport(server, 'old', join(folder, 'log'), join(folder, 'cache.db'));
  return folder;
}

/** Which tables the cache has; it is whole in any case. */
function wholeCache(folder: string): string {
  const cache = openReader(join(folder, 'cache.db'));
  try {
    assert.equal(cache.pragma('integrity_check', { simple: true }), 'ok');
    assert.ok(readPosition(cache));
    return cache.prepare<[], { names: string }>('SELECT group_concat("table") AS names FROM (SELECT "table" FROM _daystream_tables ORDER BY 1)').get()!.names;
  } finally {
    cache.close();
  }
}

function drafts(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.includes('import'));
}

/** Resolves when the import's session is in the middle of a COPY. */
async function copying(): Promise<number> {
  for (;;) {
    const [row] = await server.query<{ pid: number }>("SELECT pid FROM pg_stat_activity WHERE application_name = 'deltaimport' AND state = 'active' AND query LIKE 'COPY%big%' LIMIT 1");
    if (row !== undefined) return row.pid;
  }
}

async function equalToPostgres(folder: string): Promise<void> {
  const client = await server.client();
  try {
    assert.equal(await compareAll(client, join(folder, 'cache.db'), ['big', 'second']), 400_000);
  } finally {
    await client.end();
  }
}

test('killed at any moment, an import leaves the old cache whole or the new one, and the next one succeeds', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const folder = await withOldCache(t);
  const begun = performance.now();
  const whole = start(folder);
  assert.equal((await whole.ended).code, 0);
  const wholeMs = performance.now() - begun;
  let interrupted = 0;
  for (let i = 0; i < KILLS; i++) {
    await runImport(server, 'old', join(folder, 'log'), join(folder, 'cache.db'));
    const { child, ended } = start(folder);
    await delay(random.next() * wholeMs);
    child.kill('SIGKILL');
    const { code } = await ended;
    const tables = wholeCache(folder);
    assert.ok(tables === 'old' || tables === 'big,second', tables);
    if (code === null && tables === 'old') interrupted += 1;
  }
  t.diagnostic(`${interrupted} of ${KILLS} were interrupted before the end`);
  assert.equal((await start(folder).ended).code, 0);
  await equalToPostgres(folder);
  assert.deepEqual(drafts(folder), []);
});

test('killed before there is a cache, an import leaves nothing that looks like one', async (t) => {
  const folder = temporaryFolder(t);
  await writeLog(server, join(folder, 'log'));
  const { child, ended } = start(folder);
  await copying();
  child.kill('SIGKILL');
  await ended;
  assert.ok(!existsSync(join(folder, 'cache.db')));
  assert.equal((await start(folder).ended).code, 0);
  await equalToPostgres(folder);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} stops an import in one line, removes the draft and keeps the old cache`, async (t) => {
    const folder = await withOldCache(t);
    const { child, ended } = start(folder);
    await copying();
    child.kill(signal);
    const { code, stderr } = await ended;
    assert.equal(code, 1);
    assert.match(stderr, /^deltaimport: \S+cache\.db: the import was stopped; nothing was changed — .*\n$/m);
    assert.equal(wholeCache(folder), 'old');
    assert.deepEqual(drafts(folder), []);
  });
}

test('a lost connection ends the import with the place, and keeps the old cache', async (t) => {
  const folder = await withOldCache(t);
  const { ended } = start(folder);
  await server.query(`SELECT pg_terminate_backend(${await copying()})`);
  const { code, stderr } = await ended;
  assert.equal(code, 1);
  assert.match(stderr, /deltaimport: 127\.0\.0\.1:\d+\/postgres: table public\.big: .*terminat/);
  assert.equal(wholeCache(folder), 'old');
  assert.deepEqual(drafts(folder), []);
});

test('a disk without room ends the import with the file, and keeps the old cache', async (t) => {
  const folder = await withOldCache(t);
  const { code, stderr } = await start(folder, [], 8_000).ended;
  assert.equal(code, 1, stderr);
  assert.match(stderr, /deltaimport: \S+import-\d+: .*— /);
  assert.equal(wholeCache(folder), 'old');
  assert.deepEqual(drafts(folder), []);
});

test('a disk without room for the swap ends the import with the file, and keeps the old cache', async (t) => {
  const folder = await withOldCache(t);
  assert.equal((await start(folder).ended).code, 0);
  const bytes = statSync(join(folder, 'cache.db')).size;
  await runImport(server, 'old', join(folder, 'log'), join(folder, 'cache.db'));
  // The pages that replace the old ones go through a WAL, which is larger than the draft by 24 bytes a page.
  const { code, stderr } = await start(folder, [], Math.ceil((bytes + bytes / 4096 * 12) / 1024)).ended;
  assert.equal(code, 1, stderr);
  assert.match(stderr, /deltaimport: \S+cache\.db: .*— /);
  assert.equal(wholeCache(folder), 'old');
  assert.deepEqual(drafts(folder), []);
});

test('the result is told as JSON', async (t) => {
  const folder = temporaryFolder(t);
  await writeLog(server, join(folder, 'log'));
  const { code, stdout } = await start(folder, ['--json']).ended;
  assert.equal(code, 0);
  const result = JSON.parse(stdout);
  assert.equal(result.rows, 400_000);
  assert.match(result.position, /^\d+:\d+$/);
  assert.deepEqual(result.tables.map((table: { table: string }) => table.table).sort(), ['big', 'second']);
});

test('a wrong command line is one line with the cure, and exit code 2', async (t) => {
  const folder = temporaryFolder(t);
  for (const [args, words] of [[['--tables', 'a,,b'], /a name is missing — write t,/], [['--jobs', '0'], /from 1 to 16/], [['--nonsense'], /unknown option/], [['--pg', 'mysql://x:secret@y'], /not a Postgres URL/]] as const) {
    const { code, stderr } = await start(folder, args).ended;
    assert.equal(code, 2, stderr);
    assert.match(stderr, words);
    assert.equal(stderr.trim().split('\n').length, 1);
    assert.doesNotMatch(stderr, /secret/);
  }
});
