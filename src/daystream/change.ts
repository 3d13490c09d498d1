/** A transaction's lines as typed changes: the log as a library gives it. */
import { DeltaError } from '../errors.js';
import { decodeLine, type Column, type Line } from './codec.js';
import { formatPosition, type Position } from './position.js';
import { decodeRelation, PUBLIC, type Relation } from './relation.js';
import { text } from './segment.js';

/** Column → value in Postgres's text. NULL is null; a column that is absent is unchanged (an update) or not of the key. */
export type Row = ReadonlyMap<string, string | null>;

interface OfTable {
  readonly schema: string;
  readonly table: string;
}

export type Change =
  | (OfTable & { readonly kind: 'insert'; readonly row: Row })
  /** `old` is there when the key changed (its key columns), or without a key (the whole old row). */
  | (OfTable & { readonly kind: 'update'; readonly old: Row | undefined; readonly row: Row })
  | (OfTable & { readonly kind: 'delete'; readonly old: Row })
  | (OfTable & { readonly kind: 'truncate' })
  | (OfTable & { readonly kind: 'schema'; readonly relation: Relation })
  | (OfTable & { readonly kind: 'quarantine'; readonly reason: string; readonly cure: string })
  | { readonly kind: 'message'; readonly prefix: string; readonly content: string | undefined; readonly bytes: Buffer | undefined };

/** Changes of lines that come in blocks; a `replace` line is joined with the update it belongs to. */
export class ChangeDecoder {
  #old: Row | undefined;

  *decode(block: Buffer): Generator<Change> {
    const lines = block.toString('utf8');
    for (let start = 0; start < lines.length;) {
      const lf = lines.indexOf('\n', start);
      const change = this.#change(decodeLine(lines.slice(start, lf)));
      if (change !== undefined) yield change;
      start = lf + 1;
    }
  }

  #change(line: Line): Change | undefined {
    const action = line.own.get('_action');
    if (action === 'message') return decodeMessage(line);
    const place = { schema: line.own.get('_schema') ?? PUBLIC, table: text(line, '_table') };
    switch (action) {
      case 'insert': return { kind: action, ...place, row: rowOf(line.columns) };
      case 'replace':
        this.#old = rowOf(line.columns);
        return undefined;
      case 'update': {
        const old = this.#old;
        this.#old = undefined;
        return { kind: action, ...place, old, row: rowOf(line.columns) };
      }
      case 'delete': return { kind: action, ...place, old: rowOf(line.columns) };
      case 'truncate': return { kind: action, ...place };
      case 'schema': return { kind: action, ...place, relation: decodeRelation(line) };
      case 'quarantine': return { kind: action, ...place, reason: text(line, '_reason'), cure: text(line, '_cure') };
      default: throw unknownAction(action ?? undefined, line.position);
    }
  }
}

function decodeMessage(line: Line): Change & { kind: 'message' } {
  const bytes = line.own.get('_bytes');
  return {
    kind: 'message',
    prefix: text(line, '_prefix'),
    content: line.own.get('_content') ?? undefined,
    bytes: bytes === undefined || bytes === null ? undefined : Buffer.from(bytes.slice(2), 'hex'),
  };
}

export function unknownAction(action: string | undefined, position: Position): DeltaError {
  return new DeltaError('log-damaged', `the line at ${formatPosition(position)} has an action of which this version knows nothing: ${action}`, { hint: 'upgrade deltamirror' });
}

function rowOf(columns: readonly Column[]): Row {
  return new Map(columns.map(({ name, value }) => [name, value]));
}
