/**
 * What contrib's test_decoding prints, taken apart (its source is the grammar: pg_decode_change
 * and tuple_to_stringinfo in test_decoding.c). Names are quoted as in SQL; a type stands in
 * brackets and may hold brackets and quotes itself; numbers, booleans and bit strings are bare,
 * all else stands in quotes, which alone are doubled.
 */

/** The mark of a value that an update left where it was stored. */
export const UNCHANGED = Symbol('unchanged-toast-datum');

export type TwinValue = string | null | typeof UNCHANGED;
export type TwinRow = ReadonlyMap<string, TwinValue>;

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

export type TwinChange =
  | (TableName & { readonly kind: 'insert'; readonly row: TwinRow })
  /** `old` holds no column that is NULL: test_decoding leaves those out. */
  | (TableName & { readonly kind: 'update'; readonly old: TwinRow | undefined; readonly row: TwinRow })
  | (TableName & { readonly kind: 'delete'; readonly old: TwinRow | undefined })
  | { readonly kind: 'truncate'; readonly tables: readonly TableName[]; readonly options: readonly string[] };

export interface TwinTransaction {
  readonly xid: bigint;
  readonly changes: readonly TwinChange[];
}

/** The transactions of what pg_logical_slot_get_changes gave with include-xids, row by row. */
export function parseTransactions(lines: Iterable<string>): TwinTransaction[] {
  const all: TwinTransaction[] = [];
  let open: { xid: bigint; changes: TwinChange[] } | undefined;
  for (const line of lines) {
    const border = /^(BEGIN|COMMIT) (\d+)$/.exec(line);
    if (border?.[1] === 'BEGIN') {
      if (open !== undefined) throw new Error(`a transaction within ${open.xid}: ${line}`);
      open = { xid: BigInt(border[2]), changes: [] };
    } else if (border !== null) {
      if (open?.xid !== BigInt(border[2])) throw new Error(`not the transaction that is open: ${line}`);
      all.push(open);
      open = undefined;
    } else if (!line.startsWith('message: ')) { // as deltastream sends them to its own plugin
      if (open === undefined) throw new Error(`outside of a transaction: ${line.slice(0, 200)}`);
      open.changes.push(parseChange(line));
    }
  }
  if (open !== undefined) throw new Error(`transaction ${open.xid} has no end`);
  return all;
}

/** One change. Throws where the text does not fit the grammar to its last character. */
export function parseChange(text: string): TwinChange {
  const scanner = new Scanner(text);
  scanner.expect('table ');
  const tables = [scanner.tableName()];
  while (scanner.accepts(', ')) tables.push(scanner.tableName());
  scanner.expect(': ');
  const [place] = tables;
  const change = ((): TwinChange => {
    if (scanner.accepts('INSERT:')) return { kind: 'insert', ...place, row: scanner.row() };
    if (scanner.accepts('UPDATE:')) {
      const old = scanner.accepts(' old-key:') ? scanner.row() : undefined;
      if (old !== undefined) scanner.expect(' new-tuple:');
      return { kind: 'update', ...place, old, row: scanner.row() };
    }
    if (scanner.accepts('DELETE:')) return { kind: 'delete', ...place, old: scanner.accepts(' (no-tuple-data)') ? undefined : scanner.row() };
    scanner.expect('TRUNCATE:');
    return { kind: 'truncate', tables, options: scanner.options() };
  })();
  scanner.expectEnd();
  return change;
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  accepts(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  expect(token: string): void {
    if (!this.accepts(token)) throw this.#unexpected(JSON.stringify(token));
  }

  expectEnd(): void {
    if (this.#at !== this.#text.length) throw this.#unexpected('the end');
  }

  tableName(): TableName {
    const schema = this.#identifier();
    this.expect('.');
    return { schema, table: this.#identifier() };
  }

  /** Columns up to the end, or to `new-tuple:`, which no column can be named without quotes. */
  row(): TwinRow {
    const row = new Map<string, TwinValue>();
    while (this.#at < this.#text.length && !this.#text.startsWith(' new-tuple:', this.#at)) {
      this.expect(' ');
      const name = this.#identifier();
      this.#type();
      this.expect(':');
      row.set(name, this.#value());
    }
    return row;
  }

  options(): string[] {
    if (this.accepts(' (no-flags)')) return [];
    return ['restart_seqs', 'cascade'].filter((option) => this.accepts(` ${option}`));
  }

  #identifier(): string {
    if (this.#text[this.#at] === '"') return this.#quoted('"');
    return this.#take(/[a-z_][a-z0-9_]*/y, 'a name');
  }

  #type(): void {
    this.expect('[');
    for (let depth = 1; depth > 0;) {
      switch (this.#text[this.#at]) {
        case undefined: throw this.#unexpected('the end of a type');
        case '"': this.#quoted('"'); continue;
        case '[': depth += 1; break;
        case ']': depth -= 1; break;
      }
      this.#at += 1;
    }
  }

  #value(): TwinValue {
    if (this.#text[this.#at] === "'") return this.#quoted("'");
    if (this.accepts('B')) return this.#quoted("'");
    const bare = this.#take(/[^ ]+/y, 'a value');
    switch (bare) {
      case 'null': return null;
      case 'unchanged-toast-datum': return UNCHANGED;
      case 'true': return 't'; // what boolean's output function prints, and so our log
      case 'false': return 'f';
      default: return bare;
    }
  }

  /** What stands between quotes; a quote within is doubled. */
  #quoted(quote: string): string {
    this.expect(quote);
    let content = '';
    for (;;) {
      const end = this.#text.indexOf(quote, this.#at);
      if (end === -1) throw this.#unexpected('a closing quote');
      content += this.#text.slice(this.#at, end);
      this.#at = end + 1;
      if (!this.accepts(quote)) return content;
      content += quote;
    }
  }

  #take(pattern: RegExp, what: string): string {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found === undefined) throw this.#unexpected(what);
    this.#at += found.length;
    return found;
  }

  #unexpected(wanted: string): Error {
    return new Error(`test_decoding: ${wanted} is not at ${this.#at}: ${this.#text.slice(Math.max(0, this.#at - 40), this.#at + 40)}`);
  }
}
