/** New hosts from a published snapshot of a running cache, against imports from Postgres. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from '../../dev/postgres.js';
import { query } from '../support/cache.js';
import { Path, runCommand } from '../support/path.js';
import { Random } from '../support/random.js';
import { SAMPLES } from '../support/samples.js';
import { snapshotsIn, stateOf } from '../support/published.js';

const TYPES = ['smallint', 'bigint', 'boolean', 'real', 'double precision', 'numeric', 'numeric(10,2)', 'money', 'text', 'character(5)', 'uuid', 'inet', 'interval', 'bytea', 'jsonb', 'date', 'timestamp with time zone'];
const columnOf = (i: number) => `c${i}`;
const ofType = (type: string) => columnOf(TYPES.indexOf(type));

/** What a new host may ask for; each is asked of Postgres too. */
const ASKED: readonly (readonly string[])[] = [
  ['--tables', 'vals'],
  ['--tables', 'vals,sales.orders', '--columns', `vals=${ofType('numeric')},${ofType('bytea')}`, '--rename', 'vals=values', '--rename', `vals.${ofType('bytea')}=raw`, '--rename', 'sales.orders=orders'],
  ['--tables', '*.*', '--numeric', 'real'],
  ['--tables', '*', '--where', `vals: ${ofType('numeric')} > 1.05 AND ${ofType('numeric')} <> 'NaN'`],
  ['--tables', 'vals', '--where', `vals: ${ofType('text')} LIKE '%a%' OR ${ofType('character(5)')} = 'ab'`, '--columns', `vals=${ofType('text')}`],
  ['--tables', 'vals', '--where', `vals: ${ofType('timestamp with time zone')} >= '2000-01-01 00:00:00Z' OR ${ofType('double precision')} < 0.5`, '--numeric', 'real'],
  ['--tables', 'vals', '--where', `vals: ${ofType('boolean')} OR ${ofType('bigint')} BETWEEN -5 AND 1000000 OR ${ofType('date')} < '1900-01-01'`],
  ['--tables', 'vals', '--where', `vals: ${ofType('uuid')} = 'ffffffff-ffff-ffff-ffff-ffffffffffff' OR ${ofType('jsonb')} IS NULL`, '--columns', 'vals=id'],
  ['--tables', 'vals', '--where', `vals: ${ofType('numeric(10,2)')} <= 1.1 AND NOT ${ofType('real')} > 5`],
  ['--tables', 'bag,sales.*', '--where', 'bag: n < 3', '--columns', 'bag=t', '--where', 'sales.orders: region IN (\'r1\', \'r2\')'],
  ['--tables', 'bag', '--columns', 'bag=n,t', '--numeric', 'real', '--rename', 'bag.n=oid'],
];

let path: Path;
before(async () => { path = await Path.on(await Server.start(), mkdtempSync(join(tmpdir(), 'deltamirror-test-'))); });
after(async () => {
  await path.end();
  rmSync(path.folder, { recursive: true, force: true });
});

async function fill(): Promise<void> {
  const client = await path.client();
  const random = new Random(7);
  await client.query(`
    CREATE TABLE vals (id int PRIMARY KEY, ${TYPES.map((type, i) => `${columnOf(i)} ${type}`).join(', ')});
    CREATE INDEX vals_text ON vals (${ofType('date')}, ${ofType('bigint')} DESC);
    COMMENT ON TABLE vals IS 'of each type'; COMMENT ON COLUMN vals.id IS 'the key';
    CREATE SCHEMA sales; CREATE TABLE sales.orders (region text, no int, note text, PRIMARY KEY (region, no)); CREATE INDEX orders_note ON sales.orders (no);
    CREATE TABLE bag (n int, t text, x numeric); ALTER TABLE bag REPLICA IDENTITY FULL;
    CREATE TABLE accounts (id int PRIMARY KEY, amount bigint);
    INSERT INTO accounts SELECT i, 100 FROM generate_series(1, 100) i;
    INSERT INTO bag SELECT i % 5, 'row ' || i % 40, i / 7.0 FROM generate_series(1, 1000) i;
    INSERT INTO sales.orders SELECT 'r' || i % 7, i, repeat('note ', i % 400) FROM generate_series(1, 2000) i`);
  await client.query("SET DateStyle = 'ISO, MDY'; SET TimeZone = 'UTC'");
  for (let id = 1; id <= 400; id++) {
    const values = TYPES.map((type) => (random.below(6) === 0 ? null : random.pick(SAMPLES[type].filter((value) => value.length < 5000))));
    await client.query(`INSERT INTO vals VALUES (${id}, ${values.map((_, i) => `$${i + 1}::text::${TYPES[i]}`).join(', ')})`, values);
  }
  await client.end();
}

/** Transfers of money between accounts, of which the sum stays, and changes of all tables. */
async function work(until: () => boolean): Promise<void> {
  const client = await path.client();
  const random = new Random(11);
  while (!until()) {
    const [a, b, id] = [1 + random.below(100), 1 + random.below(100), 1 + random.below(400)];
    await client.query(`BEGIN; UPDATE accounts SET amount = amount - 1 WHERE id = ${a}; UPDATE accounts SET amount = amount + 1 WHERE id = ${b};
      UPDATE vals SET ${ofType('numeric')} = ${random.below(300) / 100}, ${ofType('text')} = 'a${id}' WHERE id = ${id}; UPDATE bag SET n = n + 1 WHERE ctid = (SELECT min(ctid) FROM bag);
      INSERT INTO sales.orders VALUES ('r${id % 7}', ${10_000 + id}, 'new') ON CONFLICT (region, no) DO UPDATE SET note = sales.orders.note || '+'; COMMIT`);
  }
  await client.end();
}

test('a snapshot of a running cache is the cache at one position, and a host that begins with it comes to equal Postgres', async () => {
  await fill();
  path.deltastream();
  await path.import('*.*', path.cache('publisher.db'));
  path.mirror(path.cache('publisher.db'));
  await path.caughtUp(path.cache('publisher.db'));
  let done = false;
  const working = work(() => done);
  const clones: string[] = [];
  for (let i = 0; i < 4; i++) {
    const publish = path.daemon('deltamirror', 'publish', path.cache('publisher.db'), '--to', path.log);
    assert.equal(await publish.ended(), 0, publish.stderr);
    const clone = path.cache(`clone-${i}.db`);
    const start = path.daemon('deltaimport', '--bootstrap', '--source', path.log, clone);
    assert.equal(await start.ended(), 0, start.stderr);
    assert.equal(query(clone, 'SELECT sum(amount) AS sum FROM accounts')[0].sum, 10_000);
    clones.push(clone);
    if (i === 2) for (const each of clones) path.mirror(each);
  }
  path.mirror(clones[3]);
  done = true;
  await working;
  await path.caughtUp(path.cache('publisher.db'), ...clones);
  for (const cache of clones) assert.ok(await path.compare(cache, ['vals', 'sales.orders', 'bag', 'accounts', 'marker']) > 3000);
  assert.equal(snapshotsIn(path.log).length, 2);
  for (const cache of clones) assert.deepEqual(stateOf(cache), stateOf(path.cache('publisher.db')));
});

test('whatever a new host asks for, the snapshot gives it what an import with the same options does, and it goes on the same way', async () => {
  const options = ASKED.map((asked, i) => ({ asked, imported: path.cache(`imported-${i}.db`), begun: path.cache(`begun-${i}.db`) }));
  for (const { asked, imported, begun } of options) {
    path.run('deltaimport', ...asked, '--source', path.log, imported);
    path.run('deltaimport', '--bootstrap', ...asked, '--source', path.log, begun);
  }
  let count = 0;
  await work(() => count++ > 60);
  const n = 1_000_000;
  await path.server.query(`INSERT INTO marker VALUES (${n})`);
  await path.until('the publisher to catch up', () => query(path.cache('publisher.db'), `SELECT 1 FROM marker WHERE n = ${n}`).length === 1);
  for (const { asked, imported, begun } of options) {
    for (const cache of [imported, begun]) path.run('deltamirror', '--once', cache);
    assert.deepEqual(stateOf(begun), stateOf(imported), asked.join(' '));
    assert.deepEqual(query(begun, "SELECT 1 FROM _daystream_tables WHERE state <> 'following'"), []);
  }
});

test('of a snapshot that has less than a host asks for, the host is told what there is, and typing that works', async () => {
  const narrow = path.cache('narrow.db');
  const folder = join(path.folder, 'narrow');
  path.run('deltaimport', '--tables', 'vals,bag', '--columns', `vals=${ofType('text')},${ofType('numeric')}`, '--where', `vals: id < 300 AND ${ofType('smallint')} IS NULL`, '--numeric', 'real', '--source', path.log, narrow);
  path.run('deltamirror', '--once', narrow);
  for (const name of snapshotsIn(path.log)) rmSync(join(path.log, name));
  path.run('deltamirror', 'publish', narrow, '--to', path.log);
  const ask = (...args: string[]) => runCommand('deltaimport', ['--bootstrap', ...args, '--source', path.log, `${folder}.db`]);
  const where = `vals: id < 300 AND ${ofType('smallint')} IS NULL`;
  const columns = `vals=id,${ofType('numeric')},${ofType('text')}`;
  for (const [args, message, hint] of [
    [['--tables', 'accounts'], /has no table public\.accounts/, /--tables bag,vals/],
    [['--tables', '*'], /has of \* only what vals,bag chooses/, /--tables bag,vals/],
    [['--tables', 'vals'], /vals: it is there without c/, new RegExp(`--columns '${columns}'`)],
    [['--tables', 'vals', '--columns', columns], /there rounded/, /--numeric real/],
    [['--tables', 'vals', '--columns', columns, '--numeric', 'real'], /only those are there for which/, new RegExp(`--where '${where}'`)],
    [['--tables', 'vals', '--columns', columns, '--numeric', 'real', '--where', 'vals: id < 300'], /only those are there for which/, /AND/],
    [['--tables', 'vals', '--columns', columns, '--numeric', 'real', '--where', `${where} AND ${ofType('boolean')}`], /without c2, by which rows are asked for/, /by columns that are there/],
    [['--tables', 'vals', '--columns', columns, '--numeric', 'real', '--where', `${where} AND ${ofType('numeric')} > 1`], /by which rows are asked for, is there rounded/, /other columns/],
    [['--tables', 'vals', '--columns', 'vals=nothing'], /no column nothing/, /it has: id/],
    [['--tables', 'vals', '--where', 'bag: n = 1'], /names none of the tables/, /vals/],
  ] as const) {
    const { status, stderr } = ask(...args);
    assert.notEqual(status, 0, args.join(' '));
    assert.match(stderr, message);
    assert.match(stderr, hint);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
  }
  const further = [...['--tables', 'vals', '--columns', columns, '--numeric', 'real'], '--where', `${where} AND ${ofType('text')} LIKE 'a%'`];
  assert.equal(ask(...further).status, 0);
  path.run('deltaimport', ...further, '--source', path.log, path.cache('direct.db'));
  for (const cache of [`${folder}.db`, path.cache('direct.db')]) path.run('deltamirror', '--once', cache);
  assert.deepEqual(stateOf(`${folder}.db`), stateOf(path.cache('direct.db')));
  assert.equal(ask().status, 0, 'all that there is');
  assert.equal(ask('--columns', 'vals=id', '--where', `${where} AND id > 5`, '--rename', 'bag=sack').status, 0, 'all that there is, of one table a part');
  assert.deepEqual(Object.keys(query(`${folder}.db`, 'SELECT * FROM vals')[0]), ['id']);
  assert.ok(Number(query(`${folder}.db`, 'SELECT min(id) AS id FROM vals')[0].id) > 5 && query(`${folder}.db`, 'SELECT n, t, x FROM sack').length > 0);
});
