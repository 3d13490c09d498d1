/**
 * Rows that move in and out of the cache: the filter of `--where`, on the old row and
 * the new one.
 *
 *   old row in   new row in
 *   yes          yes          update
 *   yes          no           delete
 *   no           yes          insert: the line has to state the whole row
 *   no           no           nothing
 *
 * Whether the old row was in is evaluated where the line says enough of it: under a key
 * that the filter asks for nothing beside, and without a key. Else the cache itself
 * tells, by whether it has a row with that key.
 */
import { decodeKey } from '../daystream/codec.js';
import { bindFilter, type BoundFilter } from '../filter/bind.js';
import { parseFilter } from '../filter/parse.js';
import { quote } from '../sqlite/names.js';
import type { Cache } from '../sqlite/open.js';
import { byKey } from '../sqlite/rows.js';
import { heldColumns, keyColumns, type CacheTable } from '../sqlite/tables.js';
import { canonical, valueOf, type Stored } from '../sqlite/values.js';
import { Columns } from './columns.js';
import { identityFull, TableFault } from './fault.js';
import { decode, keysOf } from './slots.js';
import type { TableWriter } from './table.js';

/** Texts of a row's columns by name: those that the filter or the key needs, and that are stated. */
type Texts = Map<string, string | null>;

interface Old {
  readonly line: string;
  readonly texts: Texts;
}

export class FilteredTable implements TableWriter {
  readonly #inner: TableWriter;
  readonly #columns: Columns;
  readonly #filter: BoundFilter;
  readonly #key: readonly string[];
  /** True where a key, or a whole old row, tells whether its row is in. */
  readonly #oldTells: boolean;
  readonly #stored: (texts: Texts) => Texts | undefined;
  /** By a column's key as the log writes it: its name where it is of use, else undefined. */
  readonly #wanted = new Map<string, string | undefined>();
  #old: Old | undefined;

  constructor(cache: Cache, inner: TableWriter) {
    const { table } = inner;
    this.#inner = inner;
    this.#columns = new Columns(table);
    this.#filter = bindFilter(parseFilter(table.choice.where ?? ''), table.columns);
    this.#key = keyColumns(table).map(({ name }) => name);
    this.#oldTells = this.#key.length === 0 || this.#filter.filter.columns.every((name) => this.#key.includes(name));
    this.#stored = storedRow(cache, table, this.#filter.filter.columns);
  }

  get table(): CacheTable { return this.#inner.table; }

  insert(lines: string, start: number, end: number): void {
    if (this.#holds(this.#read(lines, start, end))) this.#inner.insert(lines, start, end);
  }

  replace(lines: string, start: number, end: number): void {
    this.#old = { line: lines.slice(start, end), texts: this.#read(lines, start, end) };
  }

  update(lines: string, start: number, end: number): void {
    const old = this.#old;
    this.#old = undefined;
    const texts = this.#read(lines, start, end);
    const before = this.#before(old?.texts ?? texts);
    const isIn = this.#holds(this.#completed(texts, before));
    if (before === undefined) {
      if (isIn) this.#moveIn(lines, start, end);
    } else if (isIn) {
      if (old !== undefined) this.#inner.replace(old.line, 0, old.line.length);
      this.#inner.update(lines, start, end);
    } else if (old !== undefined) {
      this.#inner.delete(old.line, 0, old.line.length);
    } else {
      this.#inner.delete(lines, start, end);
    }
  }

  delete(lines: string, start: number, end: number): void {
    if (this.#before(this.#read(lines, start, end)) !== undefined) this.#inner.delete(lines, start, end);
  }

  truncate(): void { this.#inner.truncate(); }

  reset(): void {
    this.#old = undefined;
    this.#inner.reset();
  }

  /** What is known of the old row; undefined where it is not in the cache, and need not be. */
  #before(texts: Texts): Texts | undefined {
    if (!this.#oldTells) return this.#stored(texts);
    return this.#holds(texts) ? texts : undefined;
  }

  /** The new row's texts, those that are unchanged taken from the old row. */
  #completed(texts: Texts, before: Texts | undefined): Texts {
    for (const name of this.#filter.filter.columns) {
      if (texts.has(name)) continue;
      const text = before?.get(name);
      if (text === undefined) throw this.#unknown(`whether a row is in cannot be told: its large value in column ${name} is unchanged, so the log does not have it`);
      texts.set(name, text);
    }
    return texts;
  }

  #moveIn(lines: string, start: number, end: number): void {
    if (!this.#columns.areAll(this.#columns.of(keysOf(lines, start, end)))) {
      throw this.#unknown('a row moved in while a large value of it is unchanged, so the log does not have it');
    }
    this.#inner.insert(lines, start, end);
  }

  #holds(texts: Texts): boolean {
    return this.#filter.holds((name) => texts.get(name) ?? null);
  }

  #read(lines: string, start: number, end: number): Texts {
    const texts: Texts = new Map();
    for (let at = start; at < end;) {
      const value = lines.indexOf('\t', at) + 1;
      const tab = lines.indexOf('\t', value);
      const valueEnd = tab === -1 || tab > end ? end : tab;
      const name = this.#nameOf(lines.slice(at, value - 1));
      if (name !== undefined) texts.set(name, decode(lines.slice(value, valueEnd), asText) as string | null);
      at = valueEnd + 1;
    }
    return texts;
  }

  #nameOf(key: string): string | undefined {
    if (this.#wanted.has(key)) return this.#wanted.get(key);
    const name = decodeKey(key);
    const wanted = this.#key.includes(name) || this.#filter.filter.columns.includes(name) ? name : undefined;
    this.#wanted.set(key, wanted);
    return wanted;
  }

  #unknown(reason: string): TableFault {
    const { schema, name } = this.table;
    return new TableFault(this.table, reason, identityFull(schema, name));
  }
}

const asText = (text: string) => text;

/** Gives the texts of the filter's columns, as far as the cache holds them exactly, of the row with a key; undefined where there is none. */
function storedRow(cache: Cache, table: CacheTable, names: readonly string[]): (texts: Texts) => Texts | undefined {
  const key = keyColumns(table);
  if (key.length === 0) return () => undefined;
  const columns = heldColumns(table).filter(({ name, numeric }) => names.includes(name) && numeric === 'text');
  const list = ['1', ...columns.map(({ as }) => quote(as))].join(', ');
  const select = cache.prepare<unknown[], Stored[]>(`SELECT ${list} FROM ${quote(table.table)} WHERE ${byKey(key.map(({ as }) => as))}`).raw().safeIntegers();
  const bind = key.map(({ name, type }) => ({ name, convert: valueOf(type) }));
  return (texts) => {
    const row = select.get(bind.map(({ name, convert }) => convert(texts.get(name) ?? '')));
    return row && new Map([
      ...bind.map(({ name }) => [name, texts.get(name) ?? null] as const),
      ...columns.map(({ name, type }, i) => [name, canonical(type, row[i + 1])] as const),
    ]);
  };
}
