/**
 * How the types of Postgres compare in a filter: each type belongs to one class, and a class
 * to one comparison that Postgres and the mirror can both do exactly. What cannot be compared
 * without surprise is refused here by name (docs/filters.md).
 */

export type Class =
  | 'decimal'      // integers, oid, numeric: exactly
  | 'float'        // real, double precision: as doubles, NaN above all
  | 'boolean'
  | 'text'         // byte by byte
  | 'uuid'
  | 'date' | 'time' | 'timestamp' | 'timestamptz'
  | 'exact'        // equality of the text that Postgres prints, no order
  | 'opaque';      // NULL or not

const CLASSES: Readonly<Record<string, Class>> = {
  smallint: 'decimal',
  integer: 'decimal',
  bigint: 'decimal',
  oid: 'decimal',
  numeric: 'decimal',
  real: 'float',
  'double precision': 'float',
  boolean: 'boolean',
  text: 'text',
  'character varying': 'text',
  character: 'text',
  bpchar: 'text',
  name: 'text',
  uuid: 'uuid',
  date: 'date',
  'time without time zone': 'time',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
};

/** Types of well-known extensions whose own equality is not that of their text. */
const FUZZY: ReadonlySet<string> = new Set([
  'citext', 'hstore', 'cube', 'seg', 'geometry', 'geography', 'raster', 'box2d', 'box3d', 'vector', 'halfvec', 'sparsevec',
  'ean13', 'isbn', 'isbn13', 'ismn', 'ismn13', 'issn', 'issn13', 'upc',
]);

/** The class of a type, named as in the log's schema line (docs/format.md, "The relation"). */
export function classOf(type: string): Class {
  if (type.endsWith('[]')) return 'opaque';
  // Only types that are not built in have a schema before them; built-in ones that are not named above have no plain equality.
  if (!isQualified(type)) return CLASSES[bareType(type)] ?? 'opaque';
  return FUZZY.has(withoutSchema(type)) ? 'opaque' : 'exact';
}

/** Trailing blanks are padding, not value. */
export function isPadded(type: string): boolean {
  return ['character', 'bpchar'].includes(bareType(type));
}

/** `timestamp(3) with time zone` is `timestamp with time zone`. */
export function bareType(type: string): string {
  return isQualified(type) ? type : type.replace(/\([\d,-]+\)/, '');
}

function isQualified(type: string): boolean {
  return type.includes('.');
}

/** `public.geometry(Point,4326)` is `geometry`. */
function withoutSchema(type: string): string {
  return type.replace(/\([^()"]*\)$/, '').replace(/^.*\./, '');
}
