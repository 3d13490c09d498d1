/**
 * What the native engine knows of the tables: how TypeScript has applied a line before,
 * told as such lines come by. It goes by names, so all of it is forgotten as soon as a
 * name, a table, or whether its lines count may be another.
 */
import { NativeLines } from '../sqlite/native-lines.js';
import type { Cache } from '../sqlite/open.js';
import type { Followed } from './followed.js';
import type { TableWriter } from './table.js';

/** A line's table, as the engine compares it. */
const TABLE = /^(?:_schema\t[^\t]*\t)?_table\t[^\t]*\t/;

export class Plans {
  readonly native: NativeLines;
  readonly #followed: Followed;
  #version = 0;
  /** Tables whose old row waits for its update: that line is TypeScript's, and the engine does not know it from another. */
  readonly #awaiting = new Set<TableWriter>();

  /** Undefined where the engine is not there. */
  static open(cache: Cache, followed: Followed): Plans | undefined {
    const native = NativeLines.open(cache);
    return native && new Plans(native, followed);
  }

  private constructor(native: NativeLines, followed: Followed) {
    this.native = native;
    this.#followed = followed;
  }

  /** Before a unit. Unless the tables are steady, what was told in another one does not hold in this one. */
  begin(): void {
    if (!this.#followed.isSteady) this.native.forget();
  }

  /** True where the engine may go on; it then knows nothing that does not hold here. */
  areReady(): boolean {
    if (this.#version !== this.#followed.version) this.native.forget();
    this.#version = this.#followed.version;
    for (const writer of this.#awaiting) if (writer.awaitsUpdate !== true) this.#awaiting.delete(writer);
    return this.#awaiting.size === 0;
  }

  /** The same for whole transactions, of which nothing is known yet. */
  areReadyForUnits(): boolean {
    return this.#followed.isSteady && this.areReady();
  }

  forget(): void {
    this.native.forget();
  }

  /** After the writer applied a line that begins so, the first time or again. */
  learn(head: string, writer: TableWriter, action: 'insert' | 'update' | 'delete'): void {
    const plan = writer.planned?.(action);
    const table = plan === undefined ? null : TABLE.exec(head);
    if (plan !== undefined && table !== null) this.native.plan(table[0], plan);
  }

  /** After a row of a table that nothing applies. */
  skip(head: string): void {
    const table = TABLE.exec(head);
    if (table !== null) this.native.skip(table[0]);
  }

  /** After `replace`. */
  awaitUpdate(writer: TableWriter): void {
    this.#awaiting.add(writer);
  }
}
