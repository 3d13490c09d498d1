/**
 * Whose text a type decides. Dependencies are what Postgres itself keeps of it: a column depends on
 * its type, a domain on its base, an array on its element, a range on its subtype; by an index, so
 * that the way up costs what it finds.
 */

/**
 * A query for the oids of all permanent tables, roots and partitions alike, that have a column of
 * one of the types: plain, or through domains, arrays, ranges and row types. `types` is an SQL
 * expression of type oid[].
 */
export function usersOf(types: string): string {
  return `
    WITH RECURSIVE above (type) AS (
      SELECT unnest(${types})
      UNION
      SELECT CASE WHEN d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass THEN d.objid ELSE c.reltype END
        FROM above
        JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid = above.type
        LEFT JOIN pg_catalog.pg_class c ON c.oid = d.objid
       WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
          OR d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid > 0)
    SELECT DISTINCT c.oid
      FROM above
      JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid = above.type
      JOIN pg_catalog.pg_class c ON c.oid = d.objid
     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid > 0
       AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'`;
}
