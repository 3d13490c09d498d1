/** Names in SQLite: how Postgres's are carried over, and which it cannot hold. */

/** The table (or index) `public.t` is `t`, any other `schema.t`, in one name. */
export function cacheName(schema: string, name: string): string {
  return schema === 'public' ? name : `${schema}.${name}`;
}

/** A table's key in maps: no name of Postgres holds a NUL, while `public."s.t"` and `s.t` are one name in the cache. */
export function tableKey(schema: string, name: string): string {
  return `${schema}\0${name}`;
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A name as SQLite compares it: it folds A to Z and nothing else. */
export function folded(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Why SQLite, or we, cannot have an object of this name; undefined where it can. */
export function reservedBecause(name: string): string | undefined {
  if (folded(name).startsWith('sqlite_')) return 'SQLite keeps names that begin with "sqlite_" for itself';
  if (folded(name).startsWith('_daystream')) return 'names that begin with "_daystream" are the cache\'s own';
  return undefined;
}

/** A name of SQLite's row id that no column hides; undefined where all three are columns. */
export function rowidName(columns: readonly string[]): string | undefined {
  const taken = new Set(columns.map(folded));
  return ['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name));
}

/** What a table is called in the cache's list of which the cache has no rows: it takes no name from one that has. */
export function unheldName({ schema, name, oid }: Named): string {
  return `${schema}.${name}#${oid}`;
}

/** What a table that was dropped and kept is called once another one has its name. */
export function droppedName({ table, oid }: { readonly table: string; readonly oid: number }): string {
  return `${table} (dropped ${oid})`;
}

/** True where the user gave the table its name in the cache: it is neither Postgres's nor one that we made up for a while. */
export function isGivenName(table: Named & { readonly table: string }): boolean {
  return table.table !== cacheName(table.schema, table.name) && table.table !== unheldName(table) && reservedBecause(table.table) === undefined;
}

interface Named {
  readonly schema: string;
  readonly name: string;
  readonly oid: number;
}
