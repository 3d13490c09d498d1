/** Of which tables a copy is due, read from a log that grows: as deltastream itself knows it, without what it has forgotten. */
import { decodeLine } from '../../src/daystream/codec.js';
import { Due } from '../../src/daystream/due.js';
import { Folder } from '../../src/daystream/folder.js';
import { EVERYTHING, followingOf, type Following } from '../../src/daystream/following.js';
import { linesOf } from '../../src/daystream/lines.js';
import { LogReader } from '../../src/daystream/reader.js';
import { seekStart } from '../../src/daystream/seek.js';
import type { Copy, Unit } from '../../src/daystream/unit.js';

export class CopiesDue {
  readonly #folder: Folder;
  readonly #due = new Due();
  #reader: LogReader | undefined;
  following: Following = EVERYTHING;

  constructor(log: string) {
    this.#folder = new Folder(log);
  }

  /** Their oids, as far as the log goes now. */
  async read(): Promise<number[]> {
    this.#reader ??= new LogReader(this.#folder, await seekStart(this.#folder));
    for (let units = await this.#reader.next(); units.length > 0; units = await this.#reader.next()) {
      for (const unit of units) await this.#follow(unit);
    }
    return this.#due.pairs().flatMap(([, oids]) => (oids ?? '').split(',').map(Number));
  }

  async close(): Promise<void> {
    await this.#folder.close();
  }

  async #follow(unit: Unit): Promise<void> {
    if (unit.kind === 'transaction') this.#due.need(unit.reload, unit.offer);
    if (unit.kind === 'horizon') {
      this.#due.state(unit.line);
      this.following = followingOf(unit.line);
    }
    if (unit.kind !== 'copy') return;
    if (unit.part === 0) this.#due.begun(unit.id, { oid: await this.#tableOf(unit), to: unit.to });
    if (unit.isLast) this.#due.ended(unit.id);
  }

  /** Its first line says it. */
  async #tableOf(copy: Copy): Promise<number> {
    for await (const block of linesOf(this.#folder, copy)) return Number(decodeLine(block.toString('utf8', 0, block.indexOf('\n'))).own.get('_oid'));
    throw new Error('a copy begins without a table');
  }
}
