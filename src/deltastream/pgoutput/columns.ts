/** How a value is copied into a line, by its type. */
import { encodeKey } from '../../daystream/codec.js';
import type { RelationMessage } from '../../postgres/pgoutput/messages.js';
import type { Shape } from './shape.js';

/**
 * `plain`: no text of the type has anything to escape. `escaped`: text that was checked when it came in.
 * `checked`: what may print bytes that are no text.
 */
export type CopyKind = 'plain' | 'escaped' | 'checked';

export interface Column {
  /** Position in the rows that come. */
  readonly index: number;
  readonly name: string;
  /** Tab, name, tab. */
  readonly key: Buffer;
  readonly kind: CopyKind;
}

/** bool, int8, int2, int4, oid, float4, float8, date, time, timestamp, timestamptz, interval, timetz, bit, varbit, numeric, uuid, pg_lsn */
const PLAIN = new Set([16, 20, 21, 23, 26, 700, 701, 1082, 1083, 1114, 1184, 1186, 1266, 1560, 1562, 1700, 2950, 3220]);

/** Built-in types that may print what is no text, as plugin-c/value.c has it: "char" before 15, and what may hold it or a type that is not built in. */
const CHAR = 18;
const RECORD = 2249;
const FIRST_OF_USERS = 16384;

/** The columns of a shape, in their order; `message` tells their types. */
export function columnsOf(shape: Shape, message: RelationMessage): Column[] {
  return shape.columns.flatMap((name, index) => name === undefined ? [] : [{
    index,
    name,
    key: Buffer.from(`\t${encodeKey(name)}\t`),
    kind: kindOf(message.columns[index].type),
  }]);
}

function kindOf(type: number): CopyKind {
  if (PLAIN.has(type)) return 'plain';
  return type === CHAR || type === RECORD || type >= FIRST_OF_USERS || CHAR_ARRAYS.has(type) ? 'checked' : 'escaped';
}

/** "char"[] and record[]. */
const CHAR_ARRAYS = new Set([1002, 2287]);
