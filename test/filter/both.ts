/** Both sides of a filter over the same rows: Postgres by SQL, ours over the texts that COPY prints. */
import assert from 'node:assert/strict';
import type pg from 'pg';
import { bindFilter, type BoundFilter } from '../../src/filter/bind.js';
import { parseFilter } from '../../src/filter/parse.js';
import { describeTables } from '../../src/postgres/catalog.js';
import { chooseTables } from '../../src/postgres/choice.js';
import { copyOut } from '../../src/postgres/copy.js';
import { filterSql } from '../../src/postgres/filter.js';
import { parsePatterns } from '../../src/daystream/pattern.js';

/** So many filters are asked for in one query. */
const BATCH = 100;

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\' };

export type Row = ReadonlyMap<string, string | null>;

export interface Table {
  readonly client: pg.Client;
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** In the order of `i`, which counts from 0. */
  readonly rows: readonly Row[];
}

/** A table with a column `i` that counts its rows from 0, as the log would tell of it. */
export async function readTable(client: pg.Client, name: string): Promise<Table> {
  const [{ relation: { columns } }] = await describeTables(client, (await chooseTables(client, parsePatterns(name))).chosen);
  const blocks: Buffer[] = [];
  await copyOut(client, `COPY (SELECT * FROM public.${name} ORDER BY i) TO STDOUT`, (block) => blocks.push(Buffer.from(block)));
  const lines = Buffer.concat(blocks).toString().split('\n').slice(0, -1);
  return { client, name, columns, rows: lines.map((line) => new Map(line.split('\t').map((text, at) => [columns[at].name, unescape(text)]))) };
}

/** How many rows each filter holds, after both sides gave the very same rows. */
export async function assertAgree(table: Table, texts: readonly string[], seed?: number): Promise<number[]> {
  const counts: number[] = [];
  for (let from = 0; from < texts.length; from += BATCH) {
    const batch = texts.slice(from, from + BATCH).map((text) => bind(table, text));
    const list = batch.map((bound, at) => `array_agg(i ORDER BY i) FILTER (WHERE ${filterSql(bound)}) AS f${at}`);
    const { rows: [theirs] } = await table.client.query<Record<string, number[] | null>>(`SELECT ${list.join(', ')} FROM public.${table.name}`);
    for (const [at, bound] of batch.entries()) {
      const ours = held(table, bound);
      assert.deepEqual(ours, theirs[`f${at}`] ?? [], `${bound.filter.text}\n${filterSql(bound)}${seed === undefined ? '' : `\nseed ${seed}`}`);
      counts.push(ours.length);
    }
  }
  return counts;
}

export function bind(table: Table, text: string): BoundFilter {
  return bindFilter(parseFilter(text), table.columns);
}

export function held(table: Table, bound: BoundFilter): number[] {
  return table.rows.flatMap((row, i) => (bound.holds((name) => row.get(name) as string | null) ? [i] : []));
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function unescape(text: string): string | null {
  return text === '\\N' ? null : text.replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter]);
}
