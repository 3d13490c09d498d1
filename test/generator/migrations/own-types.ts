/** Changes of a seed's own types, on which columns of its tables rest. */
import { ident, literal } from '../names.js';
import { among, constant, type Change, type Changes } from './change.js';
import type { Live } from './catalog.js';
import { typeOf, type OwnType } from './types.js';

/** What the labels begin with that are added. */
const ADDED = '+';

export const OWN_TYPES: Changes = {
  'add enum value': toType('enum', ({ random, names }, { sql, labels }) => `ALTER TYPE ${sql} ADD VALUE ${literal(label(`${ADDED}${names.next('v')}`))}${labels.length === 0 ? '' : ` ${random.pick(['BEFORE', 'AFTER'])} ${literal(random.pick(labels))}`}`),
  'rename enum value': toType('enum', (live, { sql, labels }) => `ALTER TYPE ${sql} RENAME VALUE ${literal(live.random.pick(renamable(live, labels)))} TO ${literal(label(live.names.next('v')))}`),
  'swap enum values': toType('enum', (live, { sql, labels }) => {
    const [a, b] = [live.random.pick(renamable(live, labels)), live.random.pick(renamable(live, labels))];
    const rename = (from: string, to: string) => `ALTER TYPE ${sql} RENAME VALUE ${literal(from)} TO ${literal(to)}`;
    return a === b ? undefined : [rename(a, 'between'), rename(b, a), rename('between', b)].join('; ');
  }),
  'add attribute': toType('composite', ({ random, names }, { sql, attributes }) => (attributes.length > 6 ? undefined : `ALTER TYPE ${sql} ADD ATTRIBUTE ${ident(names.next('a'))} ${random.pick(['integer', 'text', 'date'])}`)),
  'drop attribute': toType('composite', ({ random }, { sql, attributes }) => (attributes.length < 2 ? undefined : `ALTER TYPE ${sql} DROP ATTRIBUTE ${ident(random.pick(attributes).name)}`)),
  'rename attribute': toType('composite', ({ random, names }, { sql, attributes }) => (attributes.length === 0 ? undefined : `ALTER TYPE ${sql} RENAME ATTRIBUTE ${ident(random.pick(attributes).name)} TO ${ident(names.next('a'))}`)),
  'change domain': toType('domain', (live, type) => {
    const values = typeOf(type.sql, live.types);
    const [first] = type.constraints;
    return live.random.pick([
      `ALTER DOMAIN ${type.sql} ${first === undefined ? `ADD CONSTRAINT ${ident(live.names.next('check'))} CHECK (VALUE IS DISTINCT FROM NULL OR VALUE IS NULL)` : `DROP CONSTRAINT ${ident(first)}`}`,
      `ALTER DOMAIN ${type.sql} ${values === undefined ? 'DROP DEFAULT' : `SET DEFAULT ${constant(live.random, values)}`}`,
      `ALTER DOMAIN ${type.sql} DROP DEFAULT`,
    ]);
  }),
  'rename type': toType(undefined, ({ names }, type) => `ALTER TYPE ${type.sql} RENAME TO ${ident(names.next('type'))}`),
  'move type': toType(undefined, ({ random, schemas }, type) => `ALTER TYPE ${type.sql} SET SCHEMA ${ident(random.pick([...schemas.followed, schemas.beside]))}`),
};

/** The types that a seed begins with. */
export function firstTypes(schema: string): string[] {
  const name = (type: string) => `${ident(schema)}.${type}`;
  return [
    `CREATE TYPE ${name('mood')} AS ENUM ('sad', 'so "so", {sad}', 'tab\there', '\\N')`,
    `CREATE DOMAIN ${name('number')} AS integer CHECK (VALUE > -10000)`,
    `CREATE DOMAIN ${name('word')} AS character varying(40)`,
    `CREATE TYPE ${name('pair')} AS (a integer, "b ""c" text, m ${name('mood')})`,
    `CREATE TYPE ${name('nest')} AS (p ${name('pair')}, d date)`,
    `CREATE DOMAIN ${name('wrapped')} AS ${name('pair')}`,
  ];
}

function toType(kind: OwnType['kind'] | undefined, make: (live: Live, type: OwnType) => string | undefined): Change {
  return (live) => {
    const type = among(live.random, live.types.filter((candidate) => kind === undefined || candidate.kind === kind));
    return type === undefined ? undefined : make(live, type);
  };
}

/** Comparing the catalog does not show that a label was added, used and renamed between two looks (docs/operations.md, "Schema changes"). */
function renamable({ schemas }: Live, labels: readonly string[]): string[] {
  return labels.filter((text) => !schemas.isPolled || !text.startsWith(ADDED));
}

/** Postgres takes no longer ones, and none that is empty. */
function label(name: string): string {
  return name.slice(0, 15);
}
