/**
 * The output plugin on a real server: its golden tests, and what only the
 * replication protocol shows (messages, encodings, memory).
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { Server } from '../dev/postgres.js';

const PLUGIN = resolve(import.meta.dirname, '../../plugin-c');
let server: Server;

before(async () => {
  server = await Server.start({ settings: { max_prepared_transactions: '10', logical_decoding_work_mem: '1MB' } });
});

after(() => server.stop());

/** Makes a slot, runs statements, and gives the bytes that pg_recvlogical receives up to there. */
async function receive(database: string, statements: string, options: Record<string, string> = {}): Promise<Buffer> {
  await server.query(`SELECT pg_create_logical_replication_slot('receive', 'deltastream')`, database);
  try {
    const client = await server.client(database);
    await client.query(statements);
    await client.end();
    const [{ lsn }] = await server.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn', database);
    const given = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    return execFileSync(join(server.binaries, 'pg_recvlogical'),
      ['-d', database, '-S', 'receive', '--start', '--endpos', lsn, '--no-loop', '-f', '-', ...given],
      { env: { ...server.environment(database), PGCLIENTENCODING: 'UTF8' }, maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'pipe'] });
  } finally {
    await server.query(`SELECT pg_drop_replication_slot('receive')`, database);
  }
}

/** The lines of some actions, without what differs from run to run. */
function linesOf(bytes: Buffer, ...actions: string[]): string[] {
  return bytes.toString('utf8').split('\n').slice(0, -1)
    .filter((line) => actions.includes(/(?:^|\t)_action\t([a-z]+)/.exec(line)?.[1] ?? ''))
    .map((line) => line.replace(/(^|\t)_xid\t\d+/, '$1_xid\tX'));
}

test('the golden tests pass: make installcheck', () => {
  const output = mkdtempSync(join(tmpdir(), 'deltamirror-regress-'));
  try {
    const run = spawnSync('make', ['-C', PLUGIN, 'installcheck', `PG_CONFIG=${join(server.binaries, 'pg_config')}`, `REGRESS_OUTPUT=${output}`],
      { env: server.environment(), encoding: 'utf8' });
    const differences = run.status === 0 ? '' : readFileSync(join(output, 'regression.diffs'), 'utf8');
    assert.equal(run.status, 0, `${run.stdout}${run.stderr}${differences}`);
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
});

test('a message of the stream is whole lines, so that pg_recvlogical writes the log\'s bytes', async () => {
  const bytes = await receive('postgres', `
    CREATE TABLE whole (id int PRIMARY KEY, v text);
    INSERT INTO whole SELECT n, repeat(chr(10) || 'x', n % 50) FROM generate_series(1, 5000) n;
    INSERT INTO whole VALUES (0, repeat('long', 100000));`);
  const lines = linesOf(bytes, 'insert');
  assert.equal(lines.length, 5001);
  assert.equal(lines[99], `_table\twhole\t_xid\tX\t_action\tinsert\tid\t100\tv\t`);
  assert.equal(lines[5000].length, '_table\twhole\t_xid\tX\t_action\tinsert\tid\t0\tv\t'.length + 400_000);
  assert.doesNotMatch(bytes.toString('latin1'), /\n\n|^\n/, 'no empty line');
});

test('a database in another encoding is streamed in UTF-8', async () => {
  await server.query(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'`);
  const bytes = await receive('latin', `
    SELECT pg_logical_emit_message(false, 'm', '\\xfc'::bytea);
    CREATE TABLE "müde" (id int PRIMARY KEY, "straße" text, v varchar(5), a text[]);
    INSERT INTO "müde" VALUES (1, 'ü' || chr(255) || E'\\t', 'é', '{ß}');
    ALTER TABLE "müde" ADD COLUMN n text DEFAULT 'ñ';
    ALTER TABLE "müde" REPLICA IDENTITY NOTHING;
    DELETE FROM "müde";`, { tables: '"müde"', messages: 'm' });
  assert.deepEqual(linesOf(bytes, 'insert', 'quarantine', 'message').map((line) => line.replace(/_lsn\t[^\t]+/, '_lsn\tL')), [
    '_action\tmessage\t_lsn\tL\t_prefix\tm\t_bytes\t\\\\xfc',
    '_table\tmüde\t_xid\tX\t_action\tinsert\tid\t1\tstraße\tüÿ\\t\tv\té\ta\t{ß}',
    '_table\tmüde\t_xid\tX\t_action\tquarantine\t_reason\tdelete without an old key: public."müde" has no usable replica identity (replica identity nothing)\t_cure\tALTER TABLE public."müde" REPLICA IDENTITY FULL',
  ]);
  assert.match(linesOf(bytes, 'create', 'schema')[1], /\tn\t5 null text\t_missing\tñ$/);
});

test('bytes that are no text in a database without an encoding quarantine their table, not the slot', async () => {
  await server.query(`CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'`);
  const bytes = await receive('bytes', `
    CREATE TABLE texts (id int PRIMARY KEY, v text);
    CREATE TABLE beside (id int PRIMARY KEY, v text);
    INSERT INTO texts VALUES (1, 'ü'), (2, convert_from('\\xfc', 'SQL_ASCII')), (3, 'a');
    INSERT INTO beside VALUES (1, 'ü');`);
  assert.deepEqual(linesOf(bytes, 'insert', 'quarantine'), [
    '_table\ttexts\t_xid\tX\t_action\tinsert\tid\t1\tv\tü',
    '_table\ttexts\t_xid\tX\t_action\tquarantine\t_reason\ta row of public.texts cannot be written: invalid byte sequence for encoding "UTF8": 0xfc\t_cure\tmend the row in public.texts',
    '_table\tbeside\t_xid\tX\t_action\tinsert\tid\t1\tv\tü',
  ]);
});

test('names that are no text quarantine their table under a name that is', async () => {
  const client = await server.client('bytes');
  await client.query(`DO $$ BEGIN EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY)', convert_from('\\x74fc', 'SQL_ASCII')); END $$`);
  await client.query(`CREATE TABLE odd (id int PRIMARY KEY)`);
  await client.query(`DO $$ BEGIN EXECUTE format('ALTER TABLE odd ADD COLUMN %I int', convert_from('\\xfc', 'SQL_ASCII')); END $$`);
  await client.end();
  const bytes = await receive('bytes', `
    DO $$ BEGIN EXECUTE format('INSERT INTO %I VALUES (1)', convert_from('\\x74fc', 'SQL_ASCII')); END $$;
    INSERT INTO odd VALUES (1, 1);`);
  assert.deepEqual(linesOf(bytes, 'insert', 'quarantine').map((line) => line.replace(/\t_cure.*/, '')), [
    '_table\tt?\t_xid\tX\t_action\tquarantine\t_reason\ta row of public."t?" cannot be written: invalid byte sequence for encoding "UTF8": 0xfc',
    '_table\todd\t_xid\tX\t_action\tquarantine\t_reason\ta row of public.odd cannot be written: invalid byte sequence for encoding "UTF8": 0xfc',
  ]);
});

test('a table that cannot be described is quarantined once when it is made, and a comment that is no text quarantines nothing', async () => {
  const bytes = await receive('bytes', `
    CREATE TABLE remarked (id int PRIMARY KEY);
    CREATE INDEX remarked_again ON remarked (id, id);
    DO $$ BEGIN EXECUTE format('COMMENT ON TABLE remarked IS %L', convert_from('\\x61fc', 'SQL_ASCII')); END $$;
    COMMIT;
    DO $$ BEGIN EXECUTE format('CREATE TABLE made (id int PRIMARY KEY, %I int)', convert_from('\\x63fc', 'SQL_ASCII')); END $$;
    COMMIT;
    ALTER TABLE made SET (fillfactor = 50);
    COMMIT;
    DO $$ BEGIN EXECUTE format('ALTER TABLE made RENAME COLUMN %I TO c', convert_from('\\x63fc', 'SQL_ASCII')); END $$;
    COMMIT;
    DO $$ BEGIN EXECUTE format('ALTER TABLE remarked RENAME COLUMN id TO %I', convert_from('\\x63fc', 'SQL_ASCII')); END $$;
    COMMIT;
    DROP TABLE made, remarked;`);
  assert.deepEqual(linesOf(bytes, 'begin', 'create', 'schema', 'indexes', 'comments', 'quarantine', 'stale', 'drop', 'commit')
    .map((line) => line.replace(/(_oid\t|_lsn\t|_ts\t|_reload\t)[^\t]+/g, '$1O')), [
    '_action\tbegin\t_xid\tX\t_lsn\tO\t_ts\tO',
    '_table\tremarked\t_xid\tX\t_action\tcreate\t_oid\tO\t_identity\tdefault\t_key\t1\tid\t1 notnull integer',
    '_table\tremarked\t_xid\tX\t_action\tindexes\t_oid\tO\tremarked_again\t1,1',
    '_table\tremarked\t_xid\tX\t_action\tcomments\t_oid\tO\t_comment\ta?',
    '_action\tcommit\t_xid\tX\t_lsn\tO\t_rows\t0\t_schemas\t3',
    '_action\tbegin\t_xid\tX\t_lsn\tO\t_ts\tO',
    '_table\tmade\t_xid\tX\t_action\tquarantine\t_reason\ta row of public.made cannot be written: invalid byte sequence for encoding "UTF8": 0xfc\t_cure\tmend the row in public.made',
    '_action\tcommit\t_xid\tX\t_lsn\tO\t_rows\t0',
    '_action\tbegin\t_xid\tX\t_lsn\tO\t_ts\tO',
    '_table\tmade\t_xid\tX\t_action\tschema\t_oid\tO\t_identity\tdefault\t_key\t1\tid\t1 notnull integer\tc\t2 null integer',
    '_table\tmade\t_xid\tX\t_action\tstale\t_oid\tO\t_reason\tit is newly followed, with the rows that it has',
    '_action\tcommit\t_xid\tX\t_lsn\tO\t_rows\t0\t_schemas\t1\t_reload\tO',
    '_action\tbegin\t_xid\tX\t_lsn\tO\t_ts\tO',
    '_table\tremarked\t_xid\tX\t_action\tquarantine\t_reason\ta row of public.remarked cannot be written: invalid byte sequence for encoding "UTF8": 0xfc\t_cure\tmend the row in public.remarked',
    '_action\tcommit\t_xid\tX\t_lsn\tO\t_rows\t0',
    '_action\tbegin\t_xid\tX\t_lsn\tO\t_ts\tO',
    '_table\tremarked\t_xid\tX\t_action\tdrop\t_oid\tO',
    '_table\tmade\t_xid\tX\t_action\tdrop\t_oid\tO',
    '_action\tcommit\t_xid\tX\t_lsn\tO\t_rows\t0\t_schemas\t2',
  ]);
});

test('an option without a value, and one with hostile bytes, is refused over the replication protocol too', async () => {
  await server.query(`SELECT pg_create_logical_replication_slot('refuse', 'deltastream')`);
  try {
    for (const options of ['"tables"', '"messages"', '"nonsense"', `"tables" 'a', "tables" 'b'`, `"tables" '${'"'.repeat(10_001)}'`, `"tables" '${'.'.repeat(10_000)}'`]) {
      const run = spawnSync(join(server.binaries, 'psql'), ['-X', '-d', 'dbname=postgres replication=database', '-c', `START_REPLICATION SLOT refuse LOGICAL 0/0 (${options})`],
        { env: server.environment(), encoding: 'utf8' });
      assert.match(run.stderr, /^ERROR: {2}option "(tables|messages|nonsense)"/, options);
    }
  } finally {
    await server.query(`SELECT pg_drop_replication_slot('refuse')`);
  }
});

test('values do not depend on what is set for the role, the database or the connection', async () => {
  await server.query(`CREATE ROLE odd SUPERUSER LOGIN`);
  await server.query(`ALTER ROLE odd SET TimeZone = 'Asia/Kathmandu'`);
  await server.query(`ALTER DATABASE postgres SET DateStyle = 'German, DMY'`);
  await server.query(`ALTER DATABASE postgres SET bytea_output = 'escape'`);
  await server.query(`SELECT pg_create_logical_replication_slot('settings', 'deltastream')`);
  await server.query(`CREATE TABLE settings (id int PRIMARY KEY, ts timestamptz, b bytea, f float8)`);
  await server.query(`INSERT INTO settings VALUES (1, '2026-02-01 12:00+00', '\\x00', 0.1::float8 + 0.2)`);
  const [{ lsn }] = await server.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn');
  const bytes = execFileSync(join(server.binaries, 'pg_recvlogical'), ['-d', 'postgres', '-U', 'odd', '-S', 'settings', '--start', '--endpos', lsn, '--no-loop', '-f', '-'],
    { env: { ...server.environment(), PGOPTIONS: '-c extra_float_digits=-15 -c search_path=public' }, stdio: ['ignore', 'pipe', 'pipe'] });
  await server.query(`SELECT pg_drop_replication_slot('settings')`);
  assert.deepEqual(linesOf(bytes, 'insert'), ['_table\tsettings\t_xid\tX\t_action\tinsert\tid\t1\tts\t2026-02-01 12:00:00+00\tb\t\\\\x00\tf\t0.30000000000000004']);
});

/** Runs statements while a walsender sends; gives its memory, in kB, after each lot once it has sent that. */
async function memoryAfter(lots: readonly string[], settle = ''): Promise<number[]> {
  await server.query(`SELECT pg_create_logical_replication_slot('flat', 'deltastream')`);
  const client = await server.client();
  const receiver = spawn(join(server.binaries, 'pg_recvlogical'), ['-d', 'postgres', '-S', 'flat', '--start', '--no-loop', '-f', '/dev/null', '--status-interval=1', '--fsync-interval=1'],
    { env: server.environment(), stdio: 'ignore' });
  const sent = async (): Promise<number> => {
    const { rows: [{ lsn }] } = await client.query('SELECT pg_current_wal_lsn() AS lsn');
    for (;;) {
      const { rows: [slot] } = await client.query(`SELECT active_pid, confirmed_flush_lsn >= $1::pg_lsn AS done FROM pg_replication_slots WHERE slot_name = 'flat'`, [lsn]);
      if (slot.done) return Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${slot.active_pid}/status`, 'utf8'))![1]);
      await client.query('SELECT pg_sleep(0.02)');
    }
  };
  try {
    if (settle !== '') await client.query(settle);
    const memory: number[] = [];
    for (const lot of lots) {
      for (const statement of lot.split('\n')) await client.query(statement);
      memory.push(await sent());
    }
    return memory;
  } finally {
    receiver.kill('SIGTERM');
    await once(receiver, 'exit');
    await client.query(`DO $$ BEGIN WHILE EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'flat' AND active) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$`);
    await client.query(`SELECT pg_drop_replication_slot('flat')`);
    await client.end();
  }
}

test('the memory of the walsender is flat over a transaction of any size', async () => {
  const lot = (rows: number) => `INSERT INTO flat SELECT n, n / 7.0, now(), 'row ' || n, ARRAY['a', n::text] FROM generate_series(1, ${rows}) n
    ALTER TABLE flat ALTER COLUMN v TYPE text USING v || '?'
    BEGIN; UPDATE flat SET v = v || '!'; DELETE FROM flat; COMMIT`;
  const [small, large] = await memoryAfter([lot(1_000), lot(60_000)],
    'CREATE TABLE flat (id int PRIMARY KEY, n numeric, t timestamptz, v text, a text[]); ALTER TABLE flat REPLICA IDENTITY FULL');
  assert.ok(large < small + 16_384, `${small} kB after small transactions, ${large} kB after 240,000 changes`);
});

test('the memory of the walsender is flat over any number of schema changes', async () => {
  const lot = (count: number) => `DO $$ BEGIN FOR i IN 1..${count} LOOP
    EXECUTE format('CREATE TABLE passing_%s (id int PRIMARY KEY, v text)', i);
    EXECUTE format('INSERT INTO passing_%s VALUES (1)', i); COMMIT;
    EXECUTE format('CREATE INDEX ON passing_%s (v)', i);
    EXECUTE format('ALTER TABLE passing_%s RENAME TO passed_%s', i, i); COMMIT;
    EXECUTE format('DROP TABLE passed_%s', i);
    EXECUTE format('CREATE TEMP TABLE passing_%s (id int) ON COMMIT DROP', i); COMMIT; END LOOP; END $$`.replaceAll('\n', ' ');
  const [few, many] = await memoryAfter([lot(300), lot(1_000)]);
  assert.ok(many < few + 4_096, `${few} kB after 900 schema changes, ${many} kB after 3,000 more`);
});
