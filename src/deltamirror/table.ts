/**
 * Applies the row lines of one table. A line's columns come in the same order line after
 * line, so its keys are compared with those of the line before and only its values are
 * taken out; another order, or fewer columns, makes another plan.
 */
import { decodeKey, unescape } from '../daystream/codec.js';
import type { Cache } from '../sqlite/open.js';
import { deleteAll, deleteOldRow, insertInto, updateOldRow, updateSameKey, type Absent, type RowStatement } from '../sqlite/rows.js';
import { keyNames } from '../sqlite/schema.js';
import type { CacheTable } from '../sqlite/tables.js';
import { valueOf, type Bindable } from '../sqlite/values.js';
import { TableFault } from './fault.js';

type Value = Bindable | null;
type Kind = 'insert' | 'update' | 'rekey' | 'delete' | 'replace';

/** How lines of one kind with these columns are applied. */
interface Plan {
  /** `name TAB` of each column, as on the wire. */
  readonly keys: readonly string[];
  readonly names: readonly string[];
  readonly convert: readonly ((text: string) => Bindable)[];
  /** For `rekey`: the plan that took the old row's values. */
  readonly old: Plan | undefined;
  /** Undefined for `replace`, which only takes the old row's values. */
  readonly row: RowStatement | undefined;
  /** The parameters, filled anew for each line. */
  readonly values: Value[];
}

const MANY_PLANS = 1000;

export class TableWriter {
  readonly table: CacheTable;
  readonly #cache: Cache;
  readonly #absent: Absent;
  readonly #converters: ReadonlyMap<string, (text: string) => Bindable>;
  readonly #key: readonly string[];
  readonly #plans = new Map<string, Plan>();
  /** The last plan of each kind: the one that the next line most likely has too. */
  readonly #last: Partial<Record<Kind, Plan>> = {};
  /** The plan whose values are the old row of the next update. */
  #old: Plan | undefined;

  constructor(cache: Cache, table: CacheTable, absent: Absent) {
    this.#cache = cache;
    this.table = table;
    this.#absent = absent;
    this.#converters = new Map(table.columns.map(({ name, type }) => [name, valueOf(type)]));
    this.#key = keyNames(table);
  }

  insert(lines: string, start: number, end: number): void {
    const plan = this.#take('insert', lines, start, end);
    try {
      plan.row!.statement.run(plan.values);
    } catch (error) {
      throw this.#asFault(error, 'an insert met a row that is there already: the cache has diverged from Postgres');
    }
  }

  /** Keeps the old row for the update in the next line. */
  replace(lines: string, start: number, end: number): void {
    this.#old = this.#take('replace', lines, start, end);
  }

  update(lines: string, start: number, end: number): void {
    const old = this.#old;
    const plan = this.#take(old === undefined ? 'update' : 'rekey', lines, start, end);
    if (old !== undefined) for (let i = 0; i < old.values.length; i++) plan.values[plan.names.length + i] = old.values[i];
    this.#old = undefined;
    this.#runOne(plan, this.#absent === 'unchanged' || plan.names.length === this.table.columns.length
      ? 'an update found no row: the cache has diverged from Postgres'
      : 'an update found no row, or one so large that a column it does not name may be unchanged as well as NULL, which the original format cannot tell');
  }

  delete(lines: string, start: number, end: number): void {
    this.#runOne(this.#take('delete', lines, start, end), 'a delete found no row: the cache has diverged from Postgres');
  }

  /** Forgets an old row whose update was undone before it came. */
  reset(): void {
    this.#old = undefined;
  }

  truncate(): void {
    deleteAll(this.#cache, this.table).run();
  }

  #runOne(plan: Plan, otherwise: string): void {
    let changes: number;
    try {
      ({ changes } = plan.row!.statement.run(plan.values));
    } catch (error) {
      throw this.#asFault(error, 'an update met a row that has its new key already: the cache has diverged from Postgres');
    }
    // P5: an update or delete that finds no row is never passed over.
    if (changes !== 1) throw this.#fault(otherwise);
  }

  /** The plan that fits the line, its values taken from it. */
  #take(kind: Kind, lines: string, start: number, end: number): Plan {
    const old = kind === 'rekey' ? this.#old : undefined;
    const last = this.#last[kind];
    if (last !== undefined && last.old === old && take(last, lines, start, end)) return last;
    const keys = keysOf(lines, start, end);
    const id = `${kind}\t${keys.join('')}\t${old?.keys.join('') ?? ''}`;
    let plan = this.#plans.get(id);
    if (plan === undefined) {
      if (this.#plans.size >= MANY_PLANS) this.#plans.clear();
      plan = this.#plan(kind, keys, old);
      this.#plans.set(id, plan);
    }
    this.#last[kind] = plan;
    if (!take(plan, lines, start, end)) throw this.#fault('a line of the log does not read as it was written');
    return plan;
  }

  #plan(kind: Kind, keys: readonly string[], old: Plan | undefined): Plan {
    const names = keys.map((key) => decodeKey(key.slice(0, -1)));
    const convert = names.map((name) => {
      const converter = this.#converters.get(name);
      if (converter === undefined) throw this.#fault(`the log has a column ${name} that the cache does not have`);
      return converter;
    });
    const row = this.#statement(kind, names, old?.names ?? []);
    return { keys, names, convert, old, row, values: Array<Value>(row?.parameters ?? names.length).fill(null) };
  }

  #statement(kind: Kind, names: readonly string[], oldNames: readonly string[]): RowStatement | undefined {
    switch (kind) {
      case 'insert':
        if (this.#absent === 'unchanged' && names.length !== this.table.columns.length) throw this.#fault('an insert in the log has fewer columns than the cache');
        return insertInto(this.#cache, this.table, names);
      case 'update':
        if (this.#key.length === 0 || !this.#key.every((name) => names.includes(name))) throw this.#fault('an update in the log names no row');
        return updateSameKey(this.#cache, this.table, names, this.#absent);
      case 'rekey':
        return updateOldRow(this.#cache, this.table, names, this.#absent, oldNames);
      case 'delete':
        return deleteOldRow(this.#cache, this.table, names);
      case 'replace':
        return undefined;
    }
  }

  #asFault(error: unknown, conflict: string): unknown {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code.startsWith('SQLITE_CONSTRAINT')) return this.#fault(conflict);
    if (code === 'SQLITE_TOOBIG') return this.#fault('a value is longer than SQLite holds');
    return error;
  }

  #fault(reason: string): TableFault {
    return new TableFault({ schema: this.table.schema, table: this.table.name }, reason);
  }
}

/** Fills the plan's values from the columns in `lines[start, end)`; false where the columns are not the plan's. */
function take(plan: Plan, lines: string, start: number, end: number): boolean {
  const { keys, convert, values, row } = plan;
  let at = start;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (!lines.startsWith(key, at)) return false;
    at += key.length;
    let tab = lines.indexOf('\t', at);
    if (tab === -1 || tab > end) tab = end;
    values[row === undefined ? i : row.targets[i]] = decode(lines.slice(at, tab), convert[i]);
    at = tab + 1;
  }
  return at === end + 1;
}

function decode(text: string, convert: (text: string) => Bindable): Value {
  if (!text.includes('\\')) return convert(text);
  return text === '\\N' ? null : convert(unescape(text));
}

/** `name TAB` of each column in `lines[start, end)`. */
function keysOf(lines: string, start: number, end: number): string[] {
  const keys: string[] = [];
  for (let at = start; at < end;) {
    const tab = lines.indexOf('\t', at);
    if (tab === -1 || tab >= end) break;
    keys.push(lines.slice(at, tab + 1));
    const next = lines.indexOf('\t', tab + 1);
    at = next === -1 || next > end ? end : next + 1;
  }
  return keys;
}
