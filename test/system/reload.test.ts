import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { openReader } from '../../src/sqlite/open.js';
import { Changing } from '../support/changing.js';
import { query } from '../support/cache.js';
import { Path, type Daemon } from '../support/path.js';
import { Random } from '../support/random.js';
import { settled, unsettled } from '../support/settled.js';

const ROWS = 40_000;

/** Each transaction adds the same to both tables, and to the first one's rows what they are called changes for all at once. */
const MAKE = `
  CREATE TABLE t (id int PRIMARY KEY, n bigint NOT NULL, form text NOT NULL, filler text NOT NULL);
  INSERT INTO t SELECT i, 0, 'form 0', repeat(md5(i::text), 4) FROM generate_series(1, ${ROWS}) i;
  CREATE TABLE other (n bigint NOT NULL); INSERT INTO other VALUES (0); ALTER TABLE other REPLICA IDENTITY FULL`;

/** What one read of the cache saw. */
interface Seen {
  readonly rows: number;
  readonly sum: number;
  readonly forms: string;
  readonly other: number;
  readonly state: string;
  /** Undefined while no copy comes in. */
  readonly copying: number | null;
}

const LOOK = `SELECT (SELECT count(*) FROM t) AS rows, (SELECT sum(n) FROM t) AS sum, (SELECT group_concat(DISTINCT form) FROM t) AS forms, (SELECT n FROM other) AS other, state, copy IS NOT NULL AS copying
  FROM _daystream_tables WHERE name = 't'`;

/** Reads without a pause until told to end; throws at the first read that shows what never was. */
class Watcher {
  readonly #reader;
  readonly #query;
  #before: Seen | undefined;
  readonly #going: Promise<void>;
  #stop = false;
  looks = 0;
  /** Reads in which the other table had moved on while this one waited. */
  ahead = 0;
  /** In the order in which they came. */
  readonly forms: string[] = [];

  constructor(cache: string) {
    this.#reader = openReader(cache);
    this.#query = this.#reader.prepare<[], Seen>(LOOK);
    this.#going = this.#run();
    this.#going.catch(() => {}); // `end` tells
  }

  get seen(): Seen | undefined {
    return this.#before;
  }

  async end(): Promise<void> {
    this.#stop = true;
    await this.#going;
    this.#reader.close();
  }

  async #run(): Promise<void> {
    for (; !this.#stop; await setImmediate()) {
      const seen = this.#query.get()!;
      this.looks++;
      this.#check(seen);
      if (this.forms.at(-1) !== seen.forms) this.forms.push(seen.forms);
      this.#before = seen;
    }
  }

  #check(seen: Seen): void {
    const { rows, sum, forms, other, state } = seen;
    const told = JSON.stringify(seen);
    assert.equal(rows, ROWS, told);
    assert.doesNotMatch(forms, /,/, `old and new rows side by side: ${told}`);
    if (state === 'following') assert.equal(sum, other, `the tables are of two moments: ${told}`);
    if (this.#before?.state === 'waiting' && state === 'waiting') {
      assert.deepEqual([sum, forms], [this.#before.sum, this.#before.forms], `the table moved while it waited: ${told}`);
      if (other > this.#before.other) this.ahead++;
    }
    assert.ok(other >= (this.#before?.other ?? 0), `it went back: ${told}`);
  }
}

/** Writers of both tables, until told to end. */
function write(path: Path, random: Random): () => Promise<void> {
  let going = true;
  const writers = [1, 2].map(async () => {
    const client = await path.client();
    while (going) await client.query(`BEGIN; UPDATE t SET n = n + 1 WHERE id = ${1 + random.below(ROWS)}; UPDATE other SET n = n + 1; COMMIT`);
    await client.end();
  });
  return async () => {
    going = false;
    await Promise.all(writers);
  };
}

test('readers see a table that is reloaded under writes as it was or as it is, never a mix, and other tables go on; also where mirror and deltastream are killed in the middle', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const changing = await Changing.start(t, 'triggers', MAKE);
  const { path } = changing;
  const cache = path.cache();
  const watcher = new Watcher(cache);
  const stop = write(path, random);
  const victims: readonly (Daemon | undefined)[] = [undefined, changing.mirror, changing.stream, undefined];
  for (const [round, victim] of victims.entries()) {
    await changing.query(`ALTER TABLE t ALTER form TYPE text USING 'form ${round + 1}'`);
    if (victim !== undefined) {
      await path.until('a copy to come in', () => watcher.seen?.copying === 1);
      await victim.stop('SIGKILL');
      victim.start();
    }
    await path.until(`form ${round + 1} to be seen, and the table to be followed`, () => watcher.seen?.forms === `form ${round + 1}` && watcher.seen.state === 'following');
  }
  const { other } = watcher.seen!;
  await path.until('more of the load to be mirrored', () => watcher.seen!.other > other + 100);
  await stop();
  await watcher.end();
  assert.deepEqual(watcher.forms, ['form 0', 'form 1', 'form 2', 'form 3', 'form 4']);
  assert.ok(watcher.ahead > 0, 'the other table was never seen to move while this one waited');
  t.diagnostic(`${watcher.looks} reads, ${watcher.ahead} of them while the table waited and the other moved`);
  assert.ok((await changing.requireSame('public')) > ROWS);
});

test('deltastream reload brings a table back that a cache has given up, while others that have it do not notice', async (t) => {
  const changing = await Changing.start(t, 'polling', "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'x' FROM generate_series(1, 10) i; CREATE TABLE keyless (a int); INSERT INTO keyless VALUES (1)");
  const { path, mirror } = changing;
  assert.equal(await mirror.stop(), 0);
  const behind = new Database(path.cache());
  behind.exec('DELETE FROM t WHERE id = 3');
  behind.close();
  mirror.start();
  await changing.query("UPDATE t SET v = 'y'");
  await path.until('the table to be given up', () => unsettled(path.cache()).some(({ state }) => state === 'quarantined'));
  path.run('deltastream', 'reload', 't');
  assert.ok((await changing.requireSame('public')) > 11);
  await changing.query('UPDATE keyless SET a = 2');
  await path.until('the keyless table to be given up', () => unsettled(path.cache()).some(({ state }) => state === 'quarantined'));
  await changing.query('ALTER TABLE keyless REPLICA IDENTITY FULL');
  path.run('deltastream', 'reload', 'keyless');
  await changing.query('UPDATE keyless SET a = a + 1');
  assert.ok((await changing.requireSame('public')) > 11);
});

test('a table above --reload-limit is given up with its cure, which helps, and the others go on', async (t) => {
  const path = await Path.start(t);
  await path.server.query("CREATE TABLE large (id int PRIMARY KEY, v text); INSERT INTO large SELECT i, repeat('x', 100) FROM generate_series(1, 2000) i; CREATE TABLE small (id int PRIMARY KEY, v text); INSERT INTO small VALUES (1, 'x')");
  path.deltastream('--reload-limit', '50kB', '--schema-interval', '200ms');
  await path.import('large,small');
  const cache = path.cache();
  const mirror = path.mirror(cache);
  await path.server.query('ALTER TABLE large ALTER v TYPE int USING length(v); ALTER TABLE small ALTER v TYPE int USING length(v)');
  await path.until('one to be given up, the other to be reloaded', () => unsettled(cache).every(({ state }) => state === 'quarantined') && unsettled(cache).length === 1 && query(cache, 'SELECT v FROM small')[0].v === 1);
  const [{ reason, cure }] = query(cache, "SELECT reason, cure FROM _daystream_tables WHERE name = 'large'");
  assert.match(String(reason), /--reload-limit/);
  assert.ok(String(cure).endsWith(`deltaimport --table large --into ${cache}`), String(cure));
  assert.equal(query(cache, 'SELECT sum(length(v)) AS n FROM large')[0].n, 200_000, 'its rows stay readable as they were');
  assert.equal(await mirror.stop(), 0);
  path.run('deltaimport', '--table', 'large', '--into', cache);
  mirror.start();
  await path.server.query('UPDATE large SET v = v + id; UPDATE small SET v = 2');
  await settled(path, [cache]);
  assert.equal(await path.compare(cache, ['large', 'small']), 2001);
});
