/** Changing a mirrored table to its new shape, in the SQLite transaction that is open. */
import type { Lost } from './lost.js';
import type { Cache } from './open.js';
import type { CacheTable } from './tables.js';
import type { Bindable, Stored } from './values.js';

export { AlterFailed, type Lost } from './lost.js';

export interface AlterValues {
  /** By attnum what old rows hold in an added column, as SQLite holds it; absent: NULL. */
  readonly missing: ReadonlyMap<number, Bindable | null>;
  /** By attnum how the stored values of a retyped column become the new ones; absent: they stay. */
  readonly convert: ReadonlyMap<number, (value: Stored) => Bindable | null>;
}

export function createTable(_cache: Cache, _table: CacheTable): void {
  throw new Error('not yet');
}

export function dropTable(_cache: Cache, _table: CacheTable): Lost[] {
  throw new Error('not yet');
}

export function alterTable(_cache: Cache, _before: CacheTable, _after: CacheTable, _how: AlterValues): Lost[] {
  throw new Error('not yet');
}

export function renameTable(_cache: Cache, _from: string, _to: string): Lost[] {
  throw new Error('not yet');
}

export function swapTable(_cache: Cache, _before: CacheTable | undefined, _shadow: CacheTable, _table: CacheTable): Lost[] {
  throw new Error('not yet');
}
