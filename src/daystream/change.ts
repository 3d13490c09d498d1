/** A transaction's lines as typed changes: the log as a library gives it. */
import { DeltaError } from '../errors.js';
import { decodeLine, type Column, type Line } from './codec.js';
import { formatPosition, type Position } from './position.js';
import { decodeComments, decodeIndexes, decodeRelation, PUBLIC, type Relation, type RelationComments, type RelationIndex } from './relation.js';
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
  | (OfTable & { readonly kind: 'truncate'; readonly cascade: boolean; readonly restart: boolean })
  /** `create`: the table came into being here, and what follows is all of it. */
  | (OfTable & { readonly kind: 'schema' | 'create'; readonly relation: Relation })
  /** The log has nothing more of the table with this oid. */
  | (OfTable & { readonly kind: 'drop'; readonly oid: number })
  /** All plain indexes that the table has now. */
  | (OfTable & { readonly kind: 'indexes'; readonly oid: number; readonly indexes: readonly RelationIndex[] })
  /** All comments that the table and its columns have now. */
  | (OfTable & { readonly kind: 'comments'; readonly oid: number; readonly comments: RelationComments })
  /** The rows changed and the log does not tell how, until a copy of the table. */
  | (OfTable & { readonly kind: 'stale'; readonly oid: number; readonly reason: string })
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
      case 'truncate': return { kind: action, ...place, ...truncateOptions(line) };
      case 'schema':
      case 'create': return { kind: action, ...place, relation: decodeRelation(line) };
      case 'drop': return { kind: action, ...place, oid: Number(text(line, '_oid')) };
      case 'indexes': return { kind: action, ...place, oid: Number(text(line, '_oid')), indexes: decodeIndexes(line) };
      case 'comments': return { kind: action, ...place, oid: Number(text(line, '_oid')), comments: decodeComments(line) };
      case 'stale': return { kind: action, ...place, oid: Number(text(line, '_oid')), reason: text(line, '_reason') };
      case 'quarantine': return { kind: action, ...place, reason: text(line, '_reason'), cure: text(line, '_cure') };
      default: throw unknownAction(action ?? undefined, line.position);
    }
  }
}

function truncateOptions(line: Line): { cascade: boolean; restart: boolean } {
  const options = (line.own.get('_options') ?? '').split(',');
  return { cascade: options.includes('cascade'), restart: options.includes('restart') };
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
