/**
 * Partitions of which rows came by their root's name before a look at the catalog knew them, and the
 * transaction whose rows were the first: in a file of the log's folder, before those rows are in the
 * log, so that a crash forgets none until a look has judged it.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DeltaError, reasonOf } from '../../errors.js';

const LEAVES_FILE = '.partitions';
/** Beyond it, their roots alone are noted. */
const LEAVES_LIMIT = 10_000;
/** Stands for partitions that are not noted by themselves. */
export const MANY = 0;

export interface LeafNote {
  readonly root: number;
  readonly leaf: number;
  readonly xid: bigint;
}

/** Whether there is any that a look has to judge. */
export function hasLeafNotes(folder: string): boolean {
  return existsSync(join(folder, LEAVES_FILE));
}

export function forgetLeafNotes(folder: string): void {
  rmSync(join(folder, LEAVES_FILE), { force: true });
}

export class LeafNotes {
  readonly #path: string;
  readonly #notes = new Map<string, LeafNote>();
  readonly #judged = new Set<LeafNote>();

  /** `isNew`: the log has nothing yet. */
  constructor(folder: string, isNew: boolean) {
    this.#path = join(folder, LEAVES_FILE);
    if (isNew) forgetLeafNotes(folder);
    if (!existsSync(this.#path)) return;
    for (const line of readFileSync(this.#path, 'latin1').split('\n')) {
      const match = /^(\d+) (\d+) (\d+)$/.exec(line); // a torn line's rows are not in the log
      if (match !== null) this.#take({ root: Number(match[1]), leaf: Number(match[2]), xid: BigInt(match[3]) });
    }
  }

  get all(): LeafNote[] {
    return [...this.#notes.values()];
  }

  /** Throws DeltaError `io`. */
  add(root: number, leaf: number, xid: bigint): void {
    const note = { root, leaf: this.#notes.has(keyOf({ root, leaf })) || this.#notes.size < LEAVES_LIMIT ? leaf : MANY, xid };
    if (this.#take(note)) this.#write('a', this.#path, [note]);
  }

  /** A look has judged them: they go when the next one has come, behind the lines of this one. */
  judged(notes: readonly LeafNote[]): void {
    for (const note of notes) this.#judged.add(note);
  }

  /** Leaves out what was judged. Throws DeltaError `io`. */
  forgetJudged(): void {
    if (this.#judged.size === 0) return;
    for (const note of this.#judged) if (this.#notes.get(keyOf(note)) === note) this.#notes.delete(keyOf(note));
    this.#judged.clear();
    if (this.#notes.size === 0) return rmSync(this.#path, { force: true });
    this.#write('w', `${this.#path}.new`, this.all);
    renameSync(`${this.#path}.new`, this.#path);
  }

  /** The first writer of a partition, the last of many; true where that is news. */
  #take(note: LeafNote): boolean {
    const before = this.#notes.get(keyOf(note));
    if (before !== undefined && !this.#judged.has(before) && (note.leaf !== MANY || before.xid >= note.xid)) return false;
    this.#notes.set(keyOf(note), note);
    return true;
  }

  #write(flags: 'a' | 'w', path: string, notes: readonly LeafNote[]): void {
    try {
      const file = openSync(path, flags, 0o600);
      try {
        writeSync(file, notes.map(({ root, leaf, xid }) => `\n${root} ${leaf} ${xid}\n`).join(''));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    } catch (cause) {
      throw new DeltaError('io', `${path}: ${reasonOf(cause)}`, { cause });
    }
  }
}

function keyOf({ root, leaf }: Pick<LeafNote, 'root' | 'leaf'>): string {
  return `${root} ${leaf}`;
}
