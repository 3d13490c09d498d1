/**
 * What the native engine knows of the tables: how TypeScript has applied a line before,
 * told as such lines come by. It goes by names, so all of it is forgotten as soon as a
 * name, a table, or whether its lines count may be another.
 */
import { NativeLines, type PlannedAction } from '../sqlite/native-lines.js';
import type { Cache } from '../sqlite/open.js';
import type { Followed } from './followed.js';
import type { TableWriter } from './table.js';

const TABLE = /^(?:_schema\t[^\t]*\t)?_table\t[^\t]*\t/;

/** The table of a line that begins so, as the engine compares it; empty where the line names none. */
export function tableOf(head: string): string {
  return TABLE.exec(head)?.[0] ?? '';
}

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

  /** True where the engine may go on, which knows something then, and nothing that does not hold here. */
  areReady(): boolean {
    if (this.#version !== this.#followed.version) this.native.forget();
    this.#version = this.#followed.version;
    for (const writer of this.#awaiting) if (writer.awaitsUpdate !== true) this.#awaiting.delete(writer);
    return this.#awaiting.size === 0 && this.native.knowsAny;
  }

  /** The same for whole transactions, of which nothing is known yet. */
  areReadyForUnits(): boolean {
    return this.#followed.isSteady && this.areReady();
  }

  forget(): void {
    this.native.forget();
    this.#awaiting.clear();
  }

  /** After the writer applied a line of the table, the first time or again. */
  learn(table: string, writer: TableWriter, action: PlannedAction): void {
    const plan = writer.planned?.(action);
    if (plan !== undefined) this.native.plan(table, plan);
  }

  /** After a row of a table that nothing applies. */
  skip(table: string): void {
    this.native.skip(table);
  }

  /** After `replace`. */
  awaitUpdate(writer: TableWriter): void {
    this.#awaiting.add(writer);
  }
}
