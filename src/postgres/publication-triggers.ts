/**
 * The event trigger's part for publications of ours: a table that is made and followed is in the
 * publication from its beginning, and one that loses its replica identity leaves it in the same
 * transaction, before Postgres refuses an UPDATE of it. Their comments tell what they follow.
 */
import { CONTROL_PREFIX } from './control.js';
import { COMMENT_START } from './publication-change.js';
import { IS_BAD } from './publication.js';
import { signed } from './triggers-secret.js';

/** A publication is locked until the transaction ends that changes it: nobody waits for another's schema change. */
const LOCK_TIMEOUT = '50ms';

/** What may make a table that can be published, or take that from it. A publication that somebody else changes is told. */
export const PUBLISH_TAGS = ['CREATE TABLE', 'CREATE SCHEMA', 'CREATE FOREIGN TABLE', 'ALTER TABLE', 'DROP INDEX', 'ALTER PUBLICATION'];

/** Of `t.oid`, with all its partitions. */
const CAN_BE_PUBLISHED = `NOT EXISTS (
          WITH RECURSIVE tree (oid) AS (SELECT t.oid UNION ALL SELECT inhrelid FROM tree JOIN pg_inherits ON inhparent = tree.oid JOIN pg_class AS part ON part.oid = inhrelid WHERE part.relispartition)
          SELECT FROM tree JOIN pg_class AS c ON c.oid = tree.oid JOIN pg_class AS r ON r.oid = t.oid
           WHERE c.relkind <> 'p' AND ${IS_BAD})`;

/** Of `r`: another event trigger may have filled it. */
const IS_EMPTY = `coalesce(pg_relation_size(r.oid), 0) = 0 AND NOT EXISTS (SELECT FROM pg_partition_tree(r.oid) AS part WHERE part.isleaf AND pg_relation_size(part.relid) > 0)`;

/**
 * What this function does itself fires it again, and that is passed over. Nobody else can say that
 * something is: any session may set the setting, but to no value that holds.
 */
const OWN_DOING = "encode(sha256((SELECT value FROM deltastream.secret) || convert_to('publishing ' || pg_current_xact_id(), 'UTF8')), 'hex')";

/**
 * Empty are only tables that were made by this command; into one that was made before in the
 * transaction, or before it, rows may have come. Who alters it keeps writers out until the end, or
 * the comparison of the catalog adds it.
 */
export function publishFunction(schema: string, head: string, giveUp: string): string {
  return `
CREATE FUNCTION ${schema}.publish() ${head} SET lock_timeout = '${LOCK_TIMEOUT}' AS $function$
DECLARE
  ours record;
  t record;
  commands oid[];
  made oid[] := '{}';
  stale oid[] := '{}';
  told bytea[] := '{}';
  own text;
BEGIN
  BEGIN
    own := ${OWN_DOING};
    IF current_setting('deltastream.publishing', true) = own THEN RETURN; END IF;
    PERFORM set_config('deltastream.publishing', own, true);
    commands := array(SELECT objid FROM pg_event_trigger_ddl_commands() WHERE classid = 'pg_class'::regclass);
    FOR ours IN SELECT p.oid, p.pubname, substr(remark, ${COMMENT_START.length + 1})::jsonb AS follows
                  FROM pg_publication AS p CROSS JOIN LATERAL obj_description(p.oid, 'pg_publication') AS remark
                 WHERE starts_with(remark, '${COMMENT_START}') AND NOT p.puballtables LOOP
      IF TG_TAG = 'ALTER PUBLICATION' THEN
        stale := stale || array(SELECT prrelid FROM pg_event_trigger_ddl_commands() JOIN pg_publication_rel AS r
                                    ON r.oid = objid AND classid = 'pg_publication_rel'::regclass OR prpubid = objid AND classid = 'pg_publication'::regclass
                                 WHERE prpubid = ours.oid);
        CONTINUE;
      END IF;
      FOR t IN SELECT prrelid AS oid FROM pg_publication_rel WHERE prpubid = ours.oid LOOP
        CONTINUE WHEN ${CAN_BE_PUBLISHED};
        EXECUTE format('ALTER PUBLICATION %I DROP TABLE ONLY %s', ours.pubname, t.oid::regclass);
        stale := stale || t.oid;
      END LOOP;
      FOR t IN SELECT r.oid, TG_TAG <> 'ALTER TABLE' AND ${IS_EMPTY} AS is_made FROM pg_class AS r JOIN pg_namespace AS n ON n.oid = relnamespace
                WHERE r.oid = ANY (commands) AND r.relkind IN ('r', 'p') AND r.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
                  AND CASE ours.follows ->> 'partitions' WHEN 'root' THEN NOT r.relispartition ELSE r.relkind = 'r' END
                  AND CASE jsonb_typeof(ours.follows -> 'tables') WHEN 'array' THEN EXISTS (
                        SELECT FROM jsonb_array_elements(ours.follows -> 'tables') AS w WHERE coalesce(w ->> 0, nspname) = nspname AND coalesce(w ->> 1, relname) = relname) ELSE true END
                  AND NOT EXISTS (SELECT FROM pg_publication_rel WHERE prpubid = ours.oid AND prrelid = r.oid)
                  AND (TG_TAG <> 'ALTER TABLE' OR EXISTS (
                        SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = r.oid AND mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock')
                           AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))) LOOP
        CONTINUE WHEN NOT ${CAN_BE_PUBLISHED};
        EXECUTE format('ALTER PUBLICATION %I ADD TABLE ONLY %s', ours.pubname, t.oid::regclass);
        IF t.is_made THEN made := made || t.oid; ELSE stale := stale || t.oid; END IF;
      END LOOP;
    END LOOP;
    PERFORM set_config('deltastream.publishing', '', true);
    IF made <> '{}' THEN told := ${signed("ARRAY[convert_to('made ' || array_to_string(made, ' '), 'UTF8')]")}; END IF;
  EXCEPTION ${giveUp}
    told := '{}';
    stale := '{}';
  END;
  PERFORM pg_logical_emit_message(true, '${CONTROL_PREFIX}', text) FROM unnest(told) AS text;
  IF stale <> '{}' THEN PERFORM pg_logical_emit_message(true, '${CONTROL_PREFIX}', 'stale ' || array_to_string(stale, ' ')); END IF;
END $function$;`;
}
