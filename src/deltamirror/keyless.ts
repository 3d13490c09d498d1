/**
 * Applies the row lines of a table without a key under REPLICA IDENTITY FULL: an update
 * or delete names the whole old row, and exactly one of those that are equal to it goes.
 */
import { insertSql } from '../sqlite/insert.js';
import type { Cache, Statement } from '../sqlite/open.js';
import { RowIndex } from '../sqlite/row-index.js';
import { deleteAll, deleteRowid, updateRowid, type RowStatement } from '../sqlite/rows.js';
import type { CacheTable } from '../sqlite/tables.js';
import { Columns } from './columns.js';
import { faultOf, MISSING, TableFault } from './fault.js';
import { fill, keysOf, type Slots, type Value } from './slots.js';
import type { TableWriter } from './table.js';

/** A line's values in the order of the held columns. */
interface Shape extends Slots {
  /** Indexes of the held columns that such a line does not state. */
  readonly absent: readonly number[];
}

export class KeylessTable implements TableWriter {
  readonly table: CacheTable;
  readonly #columns: Columns;
  readonly #rows: RowIndex;
  readonly #insert: Statement;
  readonly #update: RowStatement;
  readonly #delete: Statement;
  readonly #truncate: Statement;
  #shape: Shape | undefined;
  #old: readonly Value[] | undefined;

  constructor(cache: Cache, table: CacheTable) {
    this.table = table;
    this.#columns = new Columns(table);
    this.#rows = new RowIndex(cache, table);
    this.#insert = cache.prepare(insertSql(table));
    this.#update = updateRowid(cache, table, this.#columns.held.map(({ as }) => as));
    this.#delete = deleteRowid(cache, table);
    this.#truncate = deleteAll(cache, table);
  }

  insert(lines: string, start: number, end: number): void {
    const values = this.#whole(lines, start, end);
    this.#rows.add(this.#run(this.#insert, values).lastInsertRowid, values);
  }

  replace(lines: string, start: number, end: number): void {
    this.#old = this.#whole(lines, start, end).slice();
  }

  update(lines: string, start: number, end: number): void {
    const old = this.#old;
    this.#old = undefined;
    if (old === undefined) throw this.#fault('an update in the log names no row');
    const { values, absent } = this.#take(lines, start, end);
    for (const i of absent) values[i] = old[i];
    const row = this.#find(old, MISSING.update);
    const { statement, guarded, parameters, targets } = this.#update;
    const bound = Array<Value>(parameters).fill(row);
    values.forEach((value, i) => { bound[targets[i]] = value; });
    if (guarded === undefined || this.#run(guarded, bound).changes === 0) this.#run(statement, bound);
    this.#rows.move(row, values);
  }

  delete(lines: string, start: number, end: number): void {
    const row = this.#find(this.#whole(lines, start, end), MISSING.delete);
    this.#delete.run(row);
    this.#rows.remove(row);
  }

  reset(): void {
    this.#old = undefined;
  }

  truncate(): void {
    this.#truncate.run();
    this.#rows.clear();
  }

  /** P5: exactly one row, or the cache has diverged. */
  #find(values: readonly Value[], otherwise: string): number {
    const row = this.#rows.find(values);
    if (row === undefined) throw this.#fault(otherwise);
    return row;
  }

  #run(statement: Statement, values: readonly Value[]): ReturnType<Statement['run']> {
    try {
      return statement.run(values);
    } catch (error) {
      throw faultOf(this.table, error, 'a row without a key met another');
    }
  }

  #whole(lines: string, start: number, end: number): Value[] {
    const { values, absent } = this.#take(lines, start, end);
    if (absent.length > 0) throw this.#fault('a whole row in the log has fewer columns than the cache');
    return values;
  }

  #take(lines: string, start: number, end: number): Shape {
    if (this.#shape !== undefined && fill(this.#shape, lines, start, end)) return this.#shape;
    const keys = keysOf(lines, start, end);
    const columns = this.#columns.of(keys);
    const targets = columns.map(({ held }) => (held === undefined ? -1 : this.#columns.held.findIndex(({ attnum }) => attnum === held.attnum)));
    const absent = this.#columns.held.flatMap((_, i) => (targets.includes(i) ? [] : [i]));
    this.#shape = { keys, convert: columns.map(({ convert }) => convert), targets, values: Array<Value>(this.#columns.held.length).fill(null), absent };
    if (!fill(this.#shape, lines, start, end)) throw this.#fault('a line of the log does not read as it was written');
    return this.#shape;
  }

  #fault(reason: string): TableFault {
    return new TableFault(this.table, reason);
  }
}
