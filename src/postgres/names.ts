/**
 * Names in a database of encoding SQL_ASCII, which may be any bytes. Postgres refuses a whole
 * answer in which one is not UTF-8, so a query over all tables asks for them by these.
 */

/** The bytes of UTF-8 in hexadecimal: the Unicode Standard, table 3-7. */
const TAIL = '[89ab].';
const UTF8 = `^([0-7].|(c[2-9a-f]|d.)${TAIL}|(e0[ab].|e[1-9a-cef]${TAIL}|ed[89].)${TAIL}|(f0[9ab].|f[1-3]${TAIL}|f48.)${TAIL}${TAIL})*$`;

const IN_ASCII = "pg_catalog.getdatabaseencoding() = 'SQL_ASCII'";
const bytesOf = (name: string) => `pg_catalog.convert_to(${name}::text, 'SQL_ASCII')`;
const isForeign = (name: string) => `pg_catalog.encode(${bytesOf(name)}, 'hex') !~ '${UTF8}'`;

/** SQL: the name; one that is not UTF-8 with its bytes as `\351`. */
export function readable(name: string): string {
  return `CASE WHEN ${IN_ASCII} AND ${isForeign(name)} THEN pg_catalog.encode(${bytesOf(name)}, 'escape') ELSE ${name}::text END`;
}

/** SQL: whether what the log says of the table besides its values is not all UTF-8. `c` and `n` are its rows of pg_class and pg_namespace. */
export const HAS_FOREIGN_NAME = `CASE WHEN ${IN_ASCII} THEN ${isForeign('n.nspname')} OR ${isForeign('c.relname')}
  OR EXISTS (SELECT FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = atttypid JOIN pg_catalog.pg_namespace AS s ON s.oid = typnamespace
              WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND (${isForeign('attname')} OR ${isForeign('typname')} OR ${isForeign('s.nspname')}))
  OR EXISTS (SELECT FROM pg_catalog.pg_index JOIN pg_catalog.pg_class AS i ON i.oid = indexrelid WHERE indrelid = c.oid AND ${isForeign('i.relname')})
  OR EXISTS (SELECT FROM pg_catalog.pg_description WHERE classoid = 'pg_catalog.pg_class'::regclass AND objoid = c.oid AND ${isForeign('description')})
  ELSE false END`;
