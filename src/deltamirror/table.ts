/** Applies the row lines of one table, whose rows are found by their key; or, in the original format, by all that a line says of them. */
import type { Cache } from '../sqlite/open.js';
import type { NativePlan, PlannedAction } from '../sqlite/native-lines.js';
import { deleteAll, deleteEqual, deleteKey, insertInto, updateEqual, updateOldKey, updateSameKey, type Absent, type RowStatement } from '../sqlite/rows.js';
import { keyColumns, type CacheTable } from '../sqlite/tables.js';
import { Columns, type LineColumn } from './columns.js';
import { CONFLICT, faultOf, MISSING, TableFault } from './fault.js';
import { fill, keysOf, type Slots } from './slots.js';

/** Applies lines of one table. A line's columns are `lines[start, end)`. */
export interface TableWriter {
  readonly table: CacheTable;
  insert(lines: string, start: number, end: number): void;
  /** Keeps the old row for the update in the next line. */
  replace(lines: string, start: number, end: number): void;
  update(lines: string, start: number, end: number): void;
  delete(lines: string, start: number, end: number): void;
  truncate(): void;
  /** Forgets an old row whose update was undone before it came. */
  reset(): void;
  /** How lines like the last one of this action are applied, where the native engine can do it. */
  planned?(action: PlannedAction): NativePlan | undefined;
  /** True where the next update has the old row that `replace` kept. */
  readonly awaitsUpdate?: boolean;
}

type Kind = 'insert' | 'update' | 'rekey' | 'delete' | 'replace';

/** How lines of one kind with these columns are applied. */
interface Plan extends Slots {
  /** For `rekey`: the plan that took the old row's values. */
  readonly old: Plan | undefined;
  /** The names in the cache of those columns that it holds. */
  readonly names: readonly string[];
  /** Undefined for `replace`, which only takes the old row's values. */
  readonly statement: RowStatement['statement'] | undefined;
  /** To be tried first, for an update; in vain too often it rests for a while. */
  readonly guarded: RowStatement['guarded'];
  misses: number;
  /** Undefined for `rekey` and `replace`. */
  readonly native: NativePlan | undefined;
}

const MANY_PLANS = 1000;
/** As in native/lines.c. */
const MISSES = 8;
const PAUSE_LINES = 1000;

export class KeyedTable implements TableWriter {
  readonly table: CacheTable;
  readonly #cache: Cache;
  readonly #absent: Absent;
  readonly #columns: Columns;
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
    this.#columns = new Columns(table);
    this.#key = keyColumns(table).map(({ as }) => as);
  }

  insert(lines: string, start: number, end: number): void {
    const plan = this.#take('insert', lines, start, end);
    try {
      plan.statement!.run(plan.values);
    } catch (error) {
      throw faultOf(this.table, error, CONFLICT.insert);
    }
  }

  replace(lines: string, start: number, end: number): void {
    this.#old = this.#take('replace', lines, start, end);
  }

  update(lines: string, start: number, end: number): void {
    const old = this.#old;
    const plan = this.#take(old === undefined ? 'update' : 'rekey', lines, start, end);
    if (old !== undefined) for (let i = 0; i < old.values.length; i++) plan.values[plan.names.length + i] = old.values[i];
    this.#old = undefined;
    const mayBeUnchanged = this.#absent === 'null-or-unchanged' && plan.names.length < this.#columns.held.length;
    this.#runOne(plan, mayBeUnchanged ? MISSING.largeUpdate : MISSING.update);
  }

  delete(lines: string, start: number, end: number): void {
    this.#runOne(this.#take('delete', lines, start, end), MISSING.delete);
  }

  reset(): void {
    this.#old = undefined;
  }

  get awaitsUpdate(): boolean { return this.#old !== undefined; }

  planned(action: PlannedAction): NativePlan | undefined {
    return this.#last[action]?.native;
  }

  truncate(): void {
    deleteAll(this.#cache, this.table).run();
  }

  #runOne(plan: Plan, otherwise: string): void {
    let changes: number;
    try {
      if (this.#runGuarded(plan)) return;
      ({ changes } = plan.statement!.run(plan.values));
    } catch (error) {
      throw faultOf(this.table, error, CONFLICT.update);
    }
    // P5: an update or delete that finds no row is never passed over.
    if (changes !== 1) throw this.#fault(otherwise);
  }

  /** True where that was all. */
  #runGuarded(plan: Plan): boolean {
    if (plan.guarded === undefined) return false;
    if (plan.misses >= MISSES) {
      plan.misses = plan.misses > PAUSE_LINES ? 0 : plan.misses + 1;
      return false;
    }
    const isDone = plan.guarded.run(plan.values).changes === 1;
    plan.misses = isDone ? 0 : plan.misses + 1;
    return isDone;
  }

  /** The plan that fits the line, its values taken from it. */
  #take(kind: Kind, lines: string, start: number, end: number): Plan {
    const old = kind === 'rekey' ? this.#old : undefined;
    const last = this.#last[kind];
    if (last !== undefined && last.old === old && fill(last, lines, start, end)) return last;
    const keys = keysOf(lines, start, end);
    const id = `${kind}\t${keys.join('')}\t${old?.keys.join('') ?? ''}`;
    let plan = this.#plans.get(id);
    if (plan === undefined) {
      if (this.#plans.size >= MANY_PLANS) this.#plans.clear();
      plan = this.#plan(kind, keys, old);
      this.#plans.set(id, plan);
    }
    this.#last[kind] = plan;
    if (!fill(plan, lines, start, end)) throw this.#fault('a line of the log does not read as it was written');
    return plan;
  }

  #plan(kind: Kind, keys: readonly string[], old: Plan | undefined): Plan {
    const columns = this.#columns.of(keys);
    const names = columns.flatMap(({ held }) => (held === undefined ? [] : [held.as]));
    const row = this.#row(kind, columns, names, old?.names ?? []);
    let next = 0;
    const targets = columns.map(({ held }) => (held === undefined ? -1 : row.targets[next++]));
    const native = kind === 'rekey' || kind === 'replace' ? undefined : { action: kind, keys, kinds: columns.map(({ kind: letter }) => letter).join(''), targets, sql: row.statement!.source, guarded: row.guarded?.source ?? '' };
    return { keys, convert: columns.map(({ convert }) => convert), targets, values: Array(row.parameters).fill(null), old, names, statement: row.statement, guarded: row.guarded, misses: 0, native };
  }

  #row(kind: Kind, columns: readonly LineColumn[], names: readonly string[], oldNames: readonly string[]): Pick<RowStatement, 'parameters' | 'targets' | 'guarded'> & { statement: Plan['statement'] } {
    const hasKey = this.#key.length > 0;
    if (hasKey && kind !== 'insert' && !this.#key.every((name) => names.includes(name))) throw this.#fault(`an ${kind} in the log names no row`);
    switch (kind) {
      case 'insert':
        if (this.#absent === 'unchanged' && !this.#columns.areAll(columns)) throw this.#fault('an insert in the log has fewer columns than the cache');
        return insertInto(this.#cache, this.table, names);
      case 'update':
        if (!hasKey) throw this.#fault('an update in the log names no row');
        return updateSameKey(this.#cache, this.table, names, this.#absent);
      case 'rekey':
        return hasKey ? updateOldKey(this.#cache, this.table, names, this.#absent) : updateEqual(this.#cache, this.table, names, this.#absent, oldNames);
      case 'delete':
        return hasKey ? deleteKey(this.#cache, this.table, names) : deleteEqual(this.#cache, this.table, names);
      case 'replace':
        return { statement: undefined, parameters: hasKey ? this.#key.length : names.length, targets: names.map((name, i) => (hasKey ? this.#key.indexOf(name) : i)) };
    }
  }

  #fault(reason: string): TableFault {
    return new TableFault(this.table, reason);
  }
}
