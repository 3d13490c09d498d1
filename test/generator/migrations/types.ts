/** Types of columns that come, go and become other ones; among them a seed's own, which change too. */
import type { Random } from '../../support/random.js';
import { typeNamed, type Type } from '../values.js';

/** Those that may hold values out of line: few, so that tables stay small. */
const LARGE = new Set(['text', 'bytea', 'jsonb']);
const NAMED = [
  'smallint', 'integer', 'bigint', 'oid', 'boolean', 'real', 'double precision', 'numeric', 'numeric(10,2)', 'money', 'text', 'text', 'character varying(5)', 'character varying',
  'character(5)', 'name', 'uuid', 'inet', 'cidr', 'bit varying', 'bytea', 'json', 'jsonb', 'xml', 'date', 'time', 'timestamp', 'timestamptz', 'timestamp(3) with time zone', 'interval',
  'int4range', 'integer[]', 'text[]', 'character varying(3)[]', 'numeric(6,1)[]', 'timestamptz[]', 'public.citext',
];
/** As format_type() writes what one types otherwise. */
const SPELLING: Readonly<Record<string, string>> = { timestamp: 'timestamp without time zone', timestamptz: 'timestamp with time zone', time: 'time without time zone', 'timestamptz[]': 'timestamp with time zone[]' };

const spelled = (name: string): Type => {
  const type = typeNamed(name);
  return { ...type, sql: SPELLING[name] ?? name, ...(LARGE.has(name) ? {} : { large: undefined }) };
};
const DERIVED: readonly Type[] = [
  { ...spelled('character varying(5)'), sql: 'character varying(20)' },
  { ...spelled('numeric(10,2)'), sql: 'numeric(12,2)' },
  { ...spelled('timestamptz'), sql: 'timestamp(6) with time zone' },
];
const BUILT_IN: readonly Type[] = NAMED.map(spelled);
const BY_NAME: ReadonlyMap<string, Type> = new Map([...BUILT_IN, ...DERIVED].map((type) => [type.sql, type]));

/** Changes for which Postgres does not rewrite the rows, as long as TimeZone is UTC; some of them change what a row's text is. */
const COERCIBLE: Readonly<Record<string, readonly string[]>> = {
  'character varying(5)': ['character varying(20)', 'character varying', 'text'],
  'character varying(20)': ['character varying', 'text'],
  'character varying': ['text', 'public.citext'],
  text: ['character varying', 'public.citext'],
  'public.citext': ['text', 'character varying'],
  integer: ['oid'],
  oid: ['integer'],
  'timestamp with time zone': ['timestamp without time zone', 'timestamp(6) with time zone'],
  'timestamp(3) with time zone': ['timestamp with time zone', 'timestamp without time zone'],
  'timestamp(6) with time zone': ['timestamp with time zone'],
  'timestamp without time zone': ['timestamp with time zone'],
  cidr: ['inet'],
  'numeric(10,2)': ['numeric(12,2)', 'numeric'],
  'numeric(12,2)': ['numeric'],
  xml: ['text'],
};

/** A type of the seed's own, as the catalog has it now. */
export interface OwnType {
  readonly schema: string;
  readonly name: string;
  /** As SQL and format_type() have it. */
  readonly sql: string;
  readonly kind: 'enum' | 'domain' | 'composite';
  readonly labels: readonly string[];
  /** Of a domain. */
  readonly base: string | null;
  readonly attributes: readonly { readonly name: string; readonly type: string }[];
  /** Constraints of a domain. */
  readonly constraints: readonly string[];
}

/** A type by the name that format_type() gives; undefined where nobody knows its values. */
export function typeOf(sql: string, own: readonly OwnType[]): Type | undefined {
  const known = BY_NAME.get(sql);
  if (known !== undefined) return known;
  if (sql.endsWith('[]')) {
    const element = typeOf(sql.slice(0, -2), own);
    return element === undefined ? undefined : { sql, edges: ['{}', '{NULL}'], random: (random) => `{${quoted(textOf(random, element))},NULL}`, keyable: false };
  }
  const type = own.find((candidate) => candidate.sql === sql);
  switch (type?.kind) {
    case undefined: return undefined;
    case 'enum': return { sql, edges: type.labels, keyable: true };
    case 'domain': return domain(type, own);
    case 'composite': return { sql, edges: [row(type.attributes.map(() => null))], random: (random) => row(type.attributes.map((attribute) => attributeText(random, attribute.type, own))), keyable: false };
  }
}

function domain({ sql, base }: OwnType, own: readonly OwnType[]): Type | undefined {
  const type = typeOf(base ?? '', own);
  return type === undefined ? undefined : { ...type, sql, edges: base === 'integer' ? ['0', '7', '2999'] : type.edges.filter((text) => text !== ''), ...(base === 'integer' && { random: undefined }) };
}

function attributeText(random: Random, name: string, own: readonly OwnType[]): string | null {
  const type = typeOf(name, own);
  return type === undefined || random.below(4) === 0 ? null : textOf(random, type);
}

function textOf(random: Random, type: Type): string {
  return type.random !== undefined && random.below(2) === 0 ? type.random(random) : random.pick(type.edges);
}

/** A composite's text; what is quoted may hold anything. */
function row(values: readonly (string | null)[]): string {
  return `(${values.map((value) => (value === null ? '' : quoted(value))).join(',')})`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** A type for a column. */
export function anyType(random: Random, own: readonly OwnType[]): Type {
  if (own.length === 0 || random.below(3) > 0) return random.pick(BUILT_IN);
  const { sql } = random.pick(own);
  return typeOf(random.below(4) === 0 ? `${sql}[]` : sql, own) ?? BUILT_IN[0];
}

export function keyType(random: Random, own: readonly OwnType[]): Type {
  for (;;) {
    const type = anyType(random, own);
    if (type.keyable) return type;
  }
}

/** What a column of the type becomes without a rewrite; undefined where nothing. */
export function coercible(random: Random, sql: string): string | undefined {
  return sql in COERCIBLE ? random.pick(COERCIBLE[sql]) : undefined;
}
