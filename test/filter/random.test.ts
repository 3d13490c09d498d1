import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type pg from 'pg';
import { Server } from '../../dev/postgres.js';
import { parseFilter } from '../../src/filter/parse.js';
import { connect } from '../../src/postgres/connection.js';
import { Random } from '../support/random.js';
import { assertAgree, quote, readTable } from './both.js';

const ROWS = 300;
const TREES = 400;
const DEPTH = 5;

/** A column's values, as Postgres reads them and as a filter writes them. */
interface Column {
  readonly name: string;
  readonly type: string;
  readonly values: readonly string[];
  readonly literal: (value: string) => string;
  /** Columns of one kind compare with each other. */
  readonly kind: string;
}

const number = (value: string) => (/\d/.test(value) ? value : quote(value));
const COLUMNS: readonly Column[] = [
  { name: 'a', type: 'integer', values: ['-1', '0', '1', '2', '10'], literal: number, kind: 'decimal' },
  { name: 'b', type: 'numeric', values: ['-1.0', '0.00', '1.5', '2.000', '10'], literal: number, kind: 'decimal' },
  { name: 'c', type: 'real', values: ['-1', '0.1', '1.5', '1e-45'], literal: number, kind: 'float' },
  { name: 'd', type: 'double precision', values: ['0.1', '-0', '1.5', '1e300'], literal: number, kind: 'float' },
  { name: 'Text', type: 'text', values: ['', 'a', 'A', 'ab', '😀', '\uffff', "it's", 'a\\b', '%_'], literal: quote, kind: 'text' },
  { name: 'in', type: 'character(3)', values: ['', 'a', 'ab', 'A'], literal: quote, kind: 'text' },
  { name: 'f', type: 'boolean', values: ['true', 'false'], literal: (value) => value, kind: 'boolean' },
  { name: 'g', type: 'boolean', values: ['true', 'false'], literal: (value) => value, kind: 'boolean' },
  { name: 'h', type: 'timestamp with time zone', values: ['2026-01-01 00:00:00Z', '2025-12-31 22:00:00.5-03:00', 'infinity'], literal: quote, kind: 'timestamptz' },
];
const OPERATORS = ['=', '<>', '<', '<=', '>', '>='];

let server: Server;
let client: pg.Client;
before(async () => {
  server = await Server.start({ plugin: false });
  client = await connect(server.url(), { applicationName: 'test' });
});
after(async () => {
  await client.end();
  await server.stop();
});

test('random trees choose the same rows on both sides, and print as themselves', async () => {
  const random = new Random();
  console.log(`seed ${random.seed}`);
  await client.query(`CREATE TABLE public.random (i int, ${COLUMNS.map(({ name, type }) => `"${name}" ${type}`).join(', ')})`);
  for (let i = 0; i < ROWS; i++) {
    const values = COLUMNS.map(({ values: from }) => (random.below(5) === 0 ? null : random.pick(from)));
    await client.query(`INSERT INTO public.random VALUES (${[i, ...values].map((_, at) => `$${at + 1}`).join(', ')})`, [i, ...values]);
  }
  const table = await readTable(client, 'random');
  const texts = Array.from({ length: TREES }, () => tree(random, random.below(DEPTH)));
  for (const text of texts) {
    const filter = parseFilter(text);
    const again = parseFilter(filter.text);
    assert.deepEqual([again.text, again.columns, strip(again.condition)], [filter.text, filter.columns, strip(filter.condition)], `${text}, seed ${random.seed}`);
  }
  const counts = await assertAgree(table, texts, random.seed);
  assert.ok(counts.filter((count) => count > 0 && count < ROWS).length > TREES / 4, `seed ${random.seed}`);
});

function tree(random: Random, depth: number): string {
  if (depth === 0) return leaf(random);
  const inner = () => tree(random, depth - 1);
  switch (random.below(6)) {
    case 0: return `NOT ${inner()}`;
    case 1: return `(${inner()})`;
    case 2: return `(${inner()}) IS${random.pick([' NOT', ''])} ${random.pick(['TRUE', 'FALSE'])}`;
    case 3: return `${inner()} AND ${inner()} and ${inner()}`;
    case 4: return `${inner()} OR ${inner()}`;
    default: return `(${inner()} OR ${inner()}) AND NOT (${inner()} OR ${inner()})`;
  }
}

function leaf(random: Random): string {
  const column = random.pick(COLUMNS);
  const name = `"${column.name}"`;
  const literal = () => column.literal(random.pick(column.values));
  const other = () => `"${random.pick(COLUMNS.filter(({ kind }) => kind === column.kind)).name}"`;
  const not = random.pick([' NOT', '']);
  switch (random.below(8)) {
    case 0: return `${name} IS${not} NULL`;
    case 1: return `${name}${not} IN (${literal()}, ${literal()})`;
    case 2: return `${name}${not} BETWEEN ${literal()} AND ${random.pick([literal, other])()}`;
    case 3: return `${name} ${random.pick(OPERATORS)} ${other()}`;
    case 4: return `${literal()} ${random.pick(OPERATORS)} ${name}`;
    case 5: return column.kind === 'text' ? `${name}${not} LIKE ${quote(random.pick(['%', 'a%', '_', '%b', '%\\%%', "%'%"]))}` : `${name} = ${literal()}`;
    case 6: return column.kind === 'boolean' ? random.pick([name, `${name} IS${not} TRUE`]) : `${name} <> ${literal()}`;
    default: return `${name} ${random.pick(OPERATORS)} ${literal()}`;
  }
}

/** A tree without the places in the text that it was read from. */
function strip(condition: unknown): unknown {
  return JSON.parse(JSON.stringify(condition, (key, value: unknown) => (key === 'at' ? undefined : value)));
}
