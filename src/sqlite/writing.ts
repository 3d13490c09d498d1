/** The mirror's transactions of SQLite, in which it alone may write to a protected cache (protect.ts). */
import type { Cache, Statement } from './open.js';
import { placeWriter, type Place } from './position.js';
import { isProtected, renewProtection, setProtection } from './protect.js';

export class Writing {
  readonly #cache: Cache;
  readonly #isProtected: boolean;
  readonly #writePlace: (place: Place) => void;
  readonly #changed: () => void;
  readonly #schemaVersion: Statement;
  /** Of the file's schema, as it was last seen. */
  #seen: unknown;
  #open = false;

  /** `changed` is told when somebody has made or dropped an index or a trigger: how a table's rows are best applied depends on those. */
  constructor(cache: Cache, changed: () => void) {
    this.#cache = cache;
    this.#changed = changed;
    this.#isProtected = isProtected(cache);
    // Somebody may have dropped a trigger, or copied the file's tables without them.
    if (this.#isProtected) setProtection(cache, true);
    this.#writePlace = placeWriter(cache, this.#isProtected);
    this.#schemaVersion = cache.prepare('PRAGMA main.schema_version').pluck();
    this.#seen = this.#schemaVersion.get();
  }

  get isOpen(): boolean { return this.#open; }

  begin(): void {
    if (this.#open) return;
    this.#cache.exec('BEGIN IMMEDIATE');
    if (this.#isProtected) this.#cache.exec('UPDATE main._daystream_position SET protect = 0');
    this.#open = true;
    const seen = this.#seen;
    this.#seen = this.#schemaVersion.get();
    if (this.#seen !== seen) this.#changed();
  }

  /** `haveTablesChanged`: one came, went, or has another name than at the last commit. */
  commit(place: Place, haveTablesChanged: boolean): void {
    if (this.#isProtected && haveTablesChanged) renewProtection(this.#cache, true);
    // P4: the position moves in the same SQLite transaction as the rows it speaks of.
    this.#writePlace(place);
    this.#cache.exec('COMMIT');
    this.#open = false;
  }

  rollback(): void {
    if (this.#cache.inTransaction) this.#cache.exec('ROLLBACK');
    this.#open = false;
  }
}
