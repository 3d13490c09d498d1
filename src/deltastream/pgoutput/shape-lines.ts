/** The lines that state what a relation is, as the plugin writes them (docs/format.md §3). */
import { encodePairs, type Pair } from '../../daystream/codec.js';
import { commentPairs, indexPairs, placePairs, relationPairs, type Relation } from '../../daystream/relation.js';
import type { Described } from '../../postgres/catalog.js';

/** A reason may quote what Postgres says. */
const REASON_LIMIT_BYTES = 1000;

export interface Place {
  readonly schema: string;
  readonly table: string;
}

export function lineOf({ schema, table }: Place, xid: bigint, action: string, rest: string): string {
  const head = encodePairs([...placePairs(schema, table), ['_xid', String(xid)], ['_action', action]]);
  return rest === '' ? head : `${head}\t${rest}`;
}

/** Of a schema or create line, what stands behind the action. */
export function schemaText(relation: Relation): string {
  const pairs = relationPairs(relation);
  const head = pairs.length - relation.columns.length;
  const columns = relation.columns.flatMap(({ missing }, i): Pair[] => (missing === undefined ? [pairs[head + i]] : [pairs[head + i], ['_missing', missing]]));
  return encodePairs([...pairs.slice(0, head), ...columns]);
}

/** Of an indexes line, what stands behind the oid; nothing where there is no plain index. */
export function indexesText({ indexes }: Described): string {
  return encodePairs(indexPairs(indexes));
}

/** Of a comments line, what stands behind the oid; nothing where there is none. */
export function commentsText({ relation, comments }: Described): string {
  const columns = new Map(relation.columns.flatMap(({ name, attnum }) => (attnum in comments ? [[name, comments[attnum]] as const] : [])));
  return encodePairs(commentPairs({ table: comments[0], columns }));
}

export function oidText(oid: number, rest = ''): string {
  return rest === '' ? `_oid\t${oid}` : `_oid\t${oid}\t${rest}`;
}

export function staleText(oid: number, reason: string): string {
  return encodePairs([['_oid', String(oid)], ['_reason', clipped(reason)]]);
}

export function quarantineText(reason: string, cure: string): string {
  return encodePairs([['_reason', clipped(reason)], ['_cure', clipped(cure)]]);
}

function clipped(text: string): string {
  if (Buffer.byteLength(text) <= REASON_LIMIT_BYTES) return text;
  // A character that is cut in two is left out.
  return Buffer.from(text).subarray(0, REASON_LIMIT_BYTES).toString().replace(/\uFFFD$/, '');
}
