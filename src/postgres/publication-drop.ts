/** What is ours in a database besides the event triggers. */
import type pg from 'pg';
import { codeOf, translate } from './failure.js';
import { COMMENT_START, dropSql } from './publication-change.js';
import { PLUGIN } from './slot.js';

const NO_RIGHT = '42501';

/** Drops it, if it is there; false where the role may not. */
export async function dropPublication(client: pg.Client, name: string): Promise<boolean> {
  try {
    await client.query(dropSql(name));
    return true;
  } catch (cause) {
    if (codeOf(cause) === NO_RIGHT) return false;
    throw translate(cause, `publication "${name}"`);
  }
}

/** What else of deltastream is left in this database, in words: slots of our plugin, publications of ours. */
export async function readOthers(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ what: string }>(OTHERS, [PLUGIN, COMMENT_START]);
  return rows.map(({ what }) => what);
}

const OTHERS = `
  select 'slot "' || slot_name || '"' as what from pg_catalog.pg_replication_slots where plugin = $1 and database = current_database()
  union all
  select 'publication "' || pubname || '"' from pg_catalog.pg_publication where starts_with(obj_description(oid, 'pg_publication'), $2)
  order by 1`;
