/** The publication's SQL on the oldest and the newest server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { addTable, preparePublication, setPublication } from '../../src/postgres/publication-change.js';
import { publicationFindings } from '../../src/postgres/publication-check.js';
import { readPublished, stepsOf } from '../../src/postgres/publication.js';
import { installTriggers, readTriggers } from '../../src/postgres/triggers.js';

const MAKING = { name: 'x', tables: undefined, partitions: 'root' } as const;

for (const version of [14, 18] as const) {
  test(`a publication is made, kept in step and checked on PostgreSQL ${version}`, async (t) => {
    const server = await Server.start({ version });
    t.after(() => server.stop());
    const client = await server.client();
    t.after(() => client.end());
    const members = async () => (await client.query<{ name: string }>('select prrelid::regclass::text as name from pg_publication_rel order by 1')).rows.map(({ name }) => name);
    await client.query(`
      create table a (id int primary key, g int generated always as (id) stored); create table bare (v text);
      create table r (id int primary key) partition by range (id); create table r1 partition of r for values from (0) to (9); alter table r1 replica identity nothing`);
    assert.equal(await preparePublication(client, MAKING, false), true);
    assert.equal(await preparePublication(client, MAKING, false), false);
    assert.deepEqual(await members(), ['a']);
    assert.equal(await installTriggers(client), true);
    assert.equal(await readTriggers(client), 'installed');
    await client.query('create table made (id int primary key); create table later (id int); alter table later add primary key (id)');
    assert.deepEqual(await members(), ['a', 'later', 'made']);
    await client.query('alter table made drop constraint made_pkey; alter table r1 replica identity default');
    assert.deepEqual(await members(), ['a', 'later']);
    const { add, drop } = stepsOf(await readPublished(client, MAKING.name, MAKING.partitions), MAKING.tables);
    assert.deepEqual([add.map(({ name }) => name), drop], [['public.r'], []]);
    assert.equal(await addTable(client, MAKING, add[0]), 'done');
    assert.equal(await setPublication(client, MAKING, version * 10_000, []), 'done');
    assert.deepEqual(await members(), ['a', 'later', 'r']);
    const found = await publicationFindings(client, { ...MAKING, slot: 'x', hasSlot: true });
    const generated = version < 18 ? ['generated columns: are not in the log of public.a (g): pgoutput sends them from PostgreSQL 18 on'] : [];
    assert.deepEqual(found.map(({ what }) => what.replace(/ has no replica.*/, '')), ['table public.bare: is not in the log: it', 'table public.made: is not in the log: it', ...generated]);
  });
}
