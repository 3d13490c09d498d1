/** Identifiers that have tripped a replicator somewhere; every one is legal in Postgres. */
import { folded } from '../../src/sqlite/names.js';
import type { Random } from '../support/random.js';

const HOSTILE = [
  'plain', 'Order', 'select', 'user', 'group', 'TABLE', 'null', 'rowid', 'oid', '_rowid_', 'ctid2', 'a"b', '"', '""', "it's", 'semi;colon; --',
  'tab\there', 'line\nfeed', 'cr\rhere', 'dot.ted', '.', '*', '%s', '$1', '?', ':name', '@x', 'back\\slash', '\\', '\\N', '\\t', 'a,b', 'a b', ' ', '   ',
  ' lead', 'trail ', '_action', '_table', '_xid', '_c', '_s', '_crc', '_schema', '_missing', '_', '__', '_lsn', 'action', 'old-key:', 'new-tuple:',
  'unchanged-toast-datum', '[integer]:', ']', '(x)', '{}', '/* x */', '-- x', 'x=y', 'é', 'ünïcödé', '漢字', '😀', '\u2028', '\ufeff', '\u0001', '\u007f', '\u00a0',
  'é'.repeat(31), '漢'.repeat(21), '😀'.repeat(15), 'x'.repeat(63), '\\_x', '1', '1e5', '0x10', 'INSERT:', 'BEGIN 1', 'new', 'old', 'excluded', 'true', 'NaN',
  // Kept from SQLite by other names of theirs: these only look like its own.
  'sqlite', 'xsqlite_y', 'main', 'temp', 'main.t', 'sqlit\u0435_x',
];

/** Gives names no two of which SQLite would take for one. */
export class Names {
  readonly #random: Random;
  readonly #taken = new Set<string>();
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A hostile name, more often than not; else one that begins with `stem`. */
  next(stem: string): string {
    const name = this.#random.below(5) < 3 ? this.#random.pick(HOSTILE) : `${stem}${++this.#count}`;
    if (this.#taken.has(folded(name))) return this.next(stem);
    this.#taken.add(folded(name));
    return name;
  }
}

/** As SQL has it. */
export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as SQL has it, whatever it holds. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
