/**
 * What the event triggers send beside `look`, for sources that do not decode the catalog (pgoutput):
 * what relations are in the transaction that changes them, and why rows changed without a record.
 * The plugin, which sees all this itself, passes over the words; where no publication of ours is,
 * nobody is told.
 */
import { PINNED_SETTINGS } from './connection.js';
import { CONTROL_PREFIX } from './control.js';
import { COMMENT_START } from './publication-change.js';
import { statesOf, treeOf } from './relation-state.js';
import { signed } from './triggers-secret.js';

/** Of functions that print values: as every connection of ours prints them. */
export const PINNED = Object.entries(PINNED_SETTINGS)
  .filter(([name]) => name !== 'search_path' && name !== 'client_encoding')
  .map(([name, value]) => `SET ${name} = '${value}'`).join(' ');

/** True where somebody hears it. */
const IS_HEARD = `EXISTS (SELECT FROM pg_publication AS p WHERE starts_with(obj_description(p.oid, 'pg_publication'), '${COMMENT_START}'))`;

const isOwn = (xid: string) => `EXISTS (SELECT FROM pg_locks AS l WHERE l.transactionid = ${xid} AND l.pid = pg_backend_pid() AND l.mode = 'ExclusiveLock')`;
const nameOf = (oid: string) => `(SELECT quote_ident(n.nspname) || '.' || quote_ident(named.relname) FROM pg_class AS named JOIN pg_namespace AS n ON n.oid = named.relnamespace WHERE named.oid = ${oid})`;
const rootOf = (oid: string) => `coalesce(pg_partition_root(${oid})::oid, ${oid})`;
const MADE = (oid: string) => `(SELECT a.xmin FROM pg_attribute AS a WHERE a.attrelid = ${oid} AND a.attnum = -6)`;

export const DECLARE_TOLD = "told bytea[] := '{}';\n  detached record;";

/** The tables to be described: themselves and their roots. */
const SUBJECTS = `array(SELECT unnest(looked) UNION SELECT pg_partition_root(c.oid)::oid FROM pg_class AS c WHERE c.oid = ANY (looked) AND c.relispartition)`;

/** Statements for a block in which exceptions are caught. `subjects` is declared by the function. */
export const DESCRIBE = `
    IF looked <> '{}' AND ${IS_HEARD} THEN
      subjects := ${SUBJECTS};
      told := told || array(WITH ${treeOf('subjects')}
        SELECT convert_to('shape ' || state::text, 'UTF8') FROM (${statesOf('subjects')}) AS described ORDER BY oid);
    END IF;`;

/** A new partition that was made here and is empty brings no rows; what was detached was a partition, and is not of this transaction. */
export const PARTITIONS_MOVED = `
    IF TG_TAG = 'ALTER TABLE' AND ${IS_HEARD} AND EXISTS (SELECT FROM pg_class WHERE oid = ANY (relations) AND relkind = 'p') THEN
      told := told || array(
        SELECT convert_to('broken ' || ${rootOf('i.inhparent')} || ' partition ' || ${nameOf('c.oid')} || ' was attached', 'UTF8')
          FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = ANY (relations) AND c.relispartition AND ${isOwn('i.xmin')}
           AND NOT (c.relkind = 'r' AND ${isOwn(MADE('c.oid'))} AND pg_relation_size(c.oid) = 0));
      looked := looked || array(
        SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = ANY (relations) AND NOT i.inhrelid = ANY (looked) AND ${isOwn('i.xmin')});
      FOR detached IN
        SELECT c.oid, convert_to('broken ' || ${rootOf('p.oid')} || ' partition ' || ${nameOf('c.oid')} || ' was detached', 'UTF8') AS text
          FROM pg_class AS p CROSS JOIN pg_locks AS held JOIN pg_class AS c ON c.oid = held.relation
         WHERE p.oid = ANY (relations) AND p.relkind = 'p'
           AND held.pid = pg_backend_pid() AND held.locktype = 'relation' AND held.mode IN ('AccessExclusiveLock', 'ShareUpdateExclusiveLock')
           AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND c.oid <> p.oid AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND ${isOwn('c.xmin')} AND NOT ${isOwn(MADE('c.oid'))} LOOP
        told := told || detached.text;
        looked := looked || detached.oid;
      END LOOP;
    END IF;`;

/** The table is gone; of a partition, which is gone too, the parent is locked. */
export const DROPPED = `
    IF gone <> '{}' AND ${IS_HEARD} THEN
      told := told || convert_to('gone ' || array_to_string(gone, ' '), 'UTF8') || array(
        SELECT convert_to('named ' || objid || ' ' || jsonb_build_array(schema_name, object_name), 'UTF8')
          FROM pg_event_trigger_dropped_objects() WHERE objid = ANY (gone) AND classid = 'pg_class'::regclass AND objsubid = 0) || array(
        SELECT convert_to('broken ' || ${rootOf('c.oid')} || ' a partition was dropped', 'UTF8')
          FROM pg_class AS c WHERE c.oid = ANY (looked) AND c.relkind = 'p');
    END IF;`;

/** Within the block with the exceptions: what cannot be proved is not told. */
export const SIGN = `
    IF cardinality(told) > 0 THEN told := ${signed('told')}; END IF;`;

/** Outside that block, whose subtransaction would take an xid. */
export const EMIT_TOLD = `
  PERFORM pg_logical_emit_message(true, '${CONTROL_PREFIX}', text) FROM unnest(told) AS text;`;

/** Fires before the rows are written anew: one that is empty has none to change. */
export function rewriteFunction(schema: string, head: string, giveUp: string): string {
  return `
CREATE FUNCTION ${schema}.rewrite() ${head} AS $function$
DECLARE
  ${DECLARE_TOLD}
BEGIN
  BEGIN
    IF ${IS_HEARD} THEN
      told := array(SELECT convert_to('broken ' || c.oid || ' ALTER TABLE rewrote the rows of ' || ${nameOf('c.oid')}, 'UTF8')
                      FROM pg_class AS c WHERE c.oid = pg_event_trigger_table_rewrite_oid() AND c.relpersistence <> 't' AND pg_relation_size(c.oid) > 0);
    END IF;${SIGN}
  EXCEPTION ${giveUp}
    told := '{}';
  END;${EMIT_TOLD}
END $function$;`;
}
