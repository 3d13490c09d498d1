/**
 * The watch's part for a source that does not decode the catalog (pgoutput): what only a comparison
 * can see, as words beside `look` that the plugin passes over.
 */
import type pg from 'pg';
import type { Following } from '../daystream/following.js';
import { CONTROL_PREFIX } from '../postgres/control.js';
import type { TablePrint } from '../postgres/fingerprint.js';
import { readEmpty, readTableMarks, type TableMarks } from '../postgres/table-marks.js';
import { onlyFollowed, type SeenMarks } from './catalog-state.js';
import { sign } from './signed-words.js';

export async function seeMarks(client: pg.Client, prints: readonly TablePrint[], { tables }: Following): Promise<SeenMarks & { readonly tables: readonly TableMarks[]; readonly snapshot: string }> {
  const { rows: [{ snapshot }] } = await client.query<{ snapshot: string }>('select pg_current_snapshot()::text as snapshot');
  const followed = onlyFollowed(prints, tables);
  const known = new Set(followed.map(({ oid }) => oid));
  const marks = (await readTableMarks(client)).filter(({ oid }) => known.has(oid));
  return {
    names: Object.fromEntries(followed.filter(({ own }) => own).map(({ oid, schema, table }) => [oid, [schema, table] as const])),
    marks: Object.fromEntries(marks.map(({ oid, filenode, attributes, root, inherits }) => [oid, { filenode, attributes, root, inherits }])),
    tables: marks,
    snapshot,
  };
}

/** The words. Also of what event triggers have told of, which they may have failed to: whoever hears both knows. */
export async function wordsOf(client: pg.Client, before: SeenMarks | undefined, now: Awaited<ReturnType<typeof seeMarks>>, prints: readonly TablePrint[], { partitions }: Following): Promise<string[]> {
  if (before === undefined) return [];
  const there = new Set(prints.map(({ oid }) => oid));
  const gone = Object.keys(before.names).filter((oid) => !there.has(Number(oid)));
  const moved = partitions === 'root' ? [...await movedRoots(client, before, now.tables), ...partsOf(before, now.tables), `looked ${now.snapshot}`] : [];
  return [...(gone.length === 0 ? [] : [`gone ${gone.join(' ')}`]), ...gone.map((oid) => `named ${oid} ${JSON.stringify(before.names[oid])}`), ...rewrites(before, now.tables, partitions), ...moved];
}

/** Tells them in one transaction, with what was visible at its beginning: all of that is in the log above. `key` proves it. */
export async function tellWords(client: pg.Client, words: readonly string[], key: Buffer): Promise<void> {
  await client.query('BEGIN');
  try {
    const { rows: [{ xid, seen }] } = await client.query<{ xid: string; seen: string }>('select pg_current_xact_id()::text as xid, pg_current_snapshot()::text as seen');
    const texts = [...words, `seen ${seen}`].map((text) => sign(key, BigInt(xid), text));
    await client.query('select pg_logical_emit_message(true, $1::text, content) from unnest($2::text[]) as content', [CONTROL_PREFIX, texts]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {}); // what was thrown says more
    throw error;
  }
}

/** ALTER TABLE that writes rows anew makes another file and describes a column anew; TRUNCATE and VACUUM FULL do not. */
function rewrites({ marks }: SeenMarks, tables: readonly TableMarks[], partitions: Following['partitions']): string[] {
  return tables
    .filter(({ oid, filenode, attributes, root }) => (partitions === 'leaf' || root === null) && marks[oid] !== undefined && marks[oid].filenode !== filenode && marks[oid].attributes !== attributes)
    .map(({ oid, filenode, name }) => `rewrote ${oid} ${filenode} ALTER TABLE rewrote the rows of ${name}`);
}

/** Partitions that this look knows and the one before did not. */
function partsOf({ marks }: SeenMarks, tables: readonly TableMarks[]): string[] {
  const parts = new Map<number, number[]>();
  for (const { oid, root } of tables) if (root !== null && marks[oid]?.root !== root) parts.set(root, [...parts.get(root) ?? [], oid]);
  return [...parts].map(([root, oids]) => `parts ${root} ${oids.join(' ')}`);
}

/**
 * Roots of which a partition came, went, or got another file: TRUNCATE of one partition comes by no
 * other way. A truncate of the root gives another file to each, and the log says it: whose xid it was is told.
 */
async function movedRoots(client: pg.Client, { marks }: SeenMarks, tables: readonly TableMarks[]): Promise<string[]> {
  const parted: string[] = [];
  const words = new Map<number, string>();
  const move = (root: number, writer: number, name: string) => {
    const said = words.get(root);
    // By more than one transaction: not all of it can be a truncate of the root.
    words.set(root, said === undefined || said.startsWith(`moved ${root} ${writer} `) ? `moved ${root} ${writer} partition ${name} was truncated or written anew` : `moved ${root} 0 partitions were truncated or written anew`);
  };
  const now = new Map(tables.map((table) => [table.oid, table]));
  const attached = tables.filter(({ oid, root, isMadePart }) => root !== null && marks[oid]?.root !== root && !isMadePart);
  const empty = new Set(attached.length === 0 ? [] : await readEmpty(client, attached.filter(({ isPartitioned }) => !isPartitioned).map(({ oid }) => oid)));
  for (const [oid, { root }] of Object.entries(marks)) if (root !== null && now.get(Number(oid))?.root !== root) parted.push(`parted ${root} ${oid} a partition was detached or dropped`);
  for (const { oid, root, filenode, inherits, writer, name, isMadePart, isPartitioned } of tables) {
    if (root === null) continue;
    const before = marks[oid]?.root === root ? marks[oid] : undefined;
    if (before === undefined && !isMadePart && !empty.has(oid)) parted.push(`parted ${root} ${oid} partition ${name} was attached`);
    if (before?.inherits !== undefined && before.inherits !== inherits) parted.push(`parted ${root} ${oid} partition ${name} was detached and attached again`);
    // A partition's first file bears its oid. What was attached may have been truncated behind that, which nobody told.
    if (filenode !== (before?.filenode ?? (isPartitioned ? 0 : oid))) move(root, before === undefined && !isMadePart ? 0 : writer, name);
  }
  return [...words.values(), ...parted];
}
