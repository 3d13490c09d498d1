/** The columns of a line in the log, against those that the cache holds of the table. */
import { decodeKey } from '../daystream/codec.js';
import { nativeKind } from '../sqlite/native-kinds.js';
import { heldColumns, type CacheTable, type HeldColumn } from '../sqlite/tables.js';
import { valueOf } from '../sqlite/values.js';
import { TableFault } from './fault.js';
import type { Convert } from './slots.js';

/** A column of a line; `held` is undefined where the cache does not hold it. */
export interface LineColumn {
  readonly name: string;
  readonly held: HeldColumn | undefined;
  readonly convert: Convert;
  /** By what letter the native engine knows the conversion. */
  readonly kind: string;
}

const asIs: Convert = (text) => text;
const SKIPPED = '-';

export class Columns {
  readonly held: readonly HeldColumn[];
  readonly #table: CacheTable;
  readonly #byName: ReadonlyMap<string, LineColumn>;

  constructor(table: CacheTable) {
    this.#table = table;
    this.held = heldColumns(table);
    this.#byName = new Map(table.columns.map(({ name, attnum, type }) => {
      const held = this.held.find((column) => column.attnum === attnum);
      return [name, { name, held, convert: held === undefined ? asIs : valueOf(type, held.numeric), kind: held === undefined ? SKIPPED : nativeKind(type, held.numeric) }];
    }));
  }

  /** The columns of a line by its keys (`name TAB`). Throws TableFault where the table has no such column. */
  of(keys: readonly string[]): LineColumn[] {
    return keys.map((key) => {
      const name = decodeKey(key.slice(0, -1));
      const column = this.#byName.get(name);
      if (column === undefined) throw new TableFault(this.#table, `the log has a column ${name} that the cache does not have`);
      return column;
    });
  }

  /** True where a line with these columns states every column that the cache holds. */
  areAll(columns: readonly LineColumn[]): boolean {
    return columns.filter(({ held }) => held !== undefined).length === this.held.length;
  }
}
