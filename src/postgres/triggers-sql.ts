/**
 * What `deltastream setup` installs: event triggers that tell each schema change in the transaction
 * that makes it. They read, and emit one message: no table of ours, no lock but those of the catalog.
 */
import { CONTROL_PREFIX } from './control.js';
import { PUBLISH_TAGS, publishFunction } from './publication-triggers.js';
import { DECLARE_TOLD, DESCRIBE, DROPPED, EMIT_TOLD, PARTITIONS_MOVED, PINNED, rewriteFunction, SIGN } from './triggers-shapes.js';
import { DROP_SECRET, MAKE_SECRET, SCHEMA } from './triggers-secret.js';
import { usersOf } from './type-users.js';

/** Rises with every change of what is installed. */
export const TRIGGERS_VERSION = 3;

/** What the script ends with where the schema is another role's: the SQLSTATE invalid_schema_definition. */
export const FOREIGN_SCHEMA = '42P15';

/** Commands that change what the log says of a table, or what decides the text of its rows. A drop is an event of its own. */
const TAGS = [
  'ALTER DOMAIN', 'ALTER INDEX', 'ALTER SCHEMA', 'ALTER TABLE', 'ALTER TYPE', 'COMMENT',
  'CREATE INDEX', 'CREATE SCHEMA', 'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO',
];

/** By whoever the schema is changed, and whatever the search path: an owner's rights, a pinned path. */
const HEAD = 'RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp';

/** A schema change is worth more than its message: the comparison of the catalog finds what is not told here. */
const GIVE_UP = "WHEN OTHERS THEN RAISE WARNING 'deltastream: % is not told: %', TG_TAG, SQLERRM;";

/**
 * Which label each enum value has is told apart by the version of its row: a label that is there
 * afterwards in another version was renamed, one that was not there was added.
 */
const BEFORE = `
CREATE FUNCTION ${SCHEMA}.before() ${HEAD} AS $function$
BEGIN
  PERFORM set_config('deltastream.labels', coalesce((SELECT jsonb_object_agg(oid, xmin::text)::text FROM pg_enum), '{}'), true);
EXCEPTION ${GIVE_UP}
END $function$;`;

/** Emits what is outside the block with the exceptions, whose subtransaction would take an xid. */
const EMIT = `
  IF looked <> '{}' THEN PERFORM pg_logical_emit_message(true, '${CONTROL_PREFIX}', 'look ' || array_to_string(looked, ' ')); END IF;`;

/**
 * Of a relation: itself, or the table of an index or of a constraint; of a schema: all its tables,
 * and whoever uses its types, which are qualified by its name. Rows hold a row type as it was
 * when its columns were others: a column's row in a version of this transaction is one that changed.
 */
const AFTER = `
CREATE FUNCTION ${SCHEMA}.after() ${HEAD} ${PINNED} AS $function$
DECLARE
  relations oid[];
  types oid[];
  altered oid[];
  looked oid[] := '{}';
  stale oid[] := '{}';
  labels jsonb;
  subjects oid[];
  ${DECLARE_TOLD}
BEGIN
  BEGIN
    WITH command AS MATERIALIZED (SELECT classid, objid FROM pg_event_trigger_ddl_commands())
    SELECT array(SELECT c.oid FROM command JOIN pg_class c ON c.oid = objid WHERE classid = 'pg_class'::regclass AND relpersistence <> 't'
                 UNION SELECT indrelid FROM command JOIN pg_index ON indexrelid = objid WHERE classid = 'pg_class'::regclass
                 UNION SELECT conrelid FROM command JOIN pg_constraint k ON k.oid = objid WHERE classid = 'pg_constraint'::regclass
                 UNION SELECT c.oid FROM command JOIN pg_class c ON relnamespace = objid WHERE classid = 'pg_namespace'::regclass AND TG_TAG = 'ALTER SCHEMA'),
           array(SELECT objid FROM command WHERE classid = 'pg_type'::regclass
                 UNION SELECT t.oid FROM command JOIN pg_type t ON typnamespace = objid WHERE classid = 'pg_namespace'::regclass AND TG_TAG = 'ALTER SCHEMA')
      INTO relations, types;
    IF relations <> '{}' THEN
      looked := array(SELECT oid FROM pg_class WHERE oid = ANY (relations) AND relkind IN ('r', 'p') AND relpersistence <> 't' ORDER BY oid);
      altered := array(SELECT reltype FROM pg_class WHERE oid = ANY (relations) AND relkind IN ('c', 'r', 'p') AND reltype <> 0);
      IF TG_TAG IN ('ALTER TYPE', 'ALTER TABLE') AND EXISTS (${usersOf('altered')}) THEN
        altered := array(SELECT reltype FROM pg_class c WHERE reltype = ANY (altered) AND EXISTS (
          SELECT FROM pg_attribute a JOIN pg_locks l ON l.transactionid = a.xmin
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND l.pid = pg_backend_pid() AND l.mode = 'ExclusiveLock'));
        stale := array(${usersOf('altered')});
      END IF;
    END IF;
    IF types <> '{}' THEN
      IF TG_TAG = 'ALTER TYPE' THEN
        labels := nullif(current_setting('deltastream.labels', true), '')::jsonb;
        altered := array(SELECT enumtypid FROM pg_enum
                          WHERE enumtypid = ANY (types) AND (labels IS NULL OR labels ->> oid::text <> xmin::text));
        stale := stale || array(${usersOf('altered')});
      END IF;
      looked := array(SELECT unnest(looked) UNION (${usersOf('types')}) ORDER BY 1);
    END IF;${PARTITIONS_MOVED}${DESCRIBE}${SIGN}
  EXCEPTION ${GIVE_UP}
    told := '{}';
  END;${EMIT}${EMIT_TOLD}
  IF stale <> '{}' THEN PERFORM pg_logical_emit_message(true, '${CONTROL_PREFIX}', 'stale ' || array_to_string(stale, ' ')); END IF;
END $function$;`;

/**
 * What is dropped is named, but not the table of a dropped index nor the root of a dropped
 * partition: those are among the tables that this transaction has locked for it.
 */
const DROP = `
CREATE FUNCTION ${SCHEMA}.drop() ${HEAD} ${PINNED} AS $function$
DECLARE
  looked oid[] := '{}';
  gone oid[] := '{}';
  subjects oid[];
  ${DECLARE_TOLD}
BEGIN
  BEGIN
    gone := array(SELECT objid FROM pg_event_trigger_dropped_objects()
                   WHERE classid = 'pg_class'::regclass AND NOT is_temporary AND object_type = 'table' ORDER BY objid);
    looked := array(SELECT objid FROM pg_event_trigger_dropped_objects()
                     WHERE classid = 'pg_class'::regclass AND NOT is_temporary AND object_type IN ('table', 'table column', 'index')
                     ORDER BY objid);
    IF looked <> '{}' THEN
      looked := array(SELECT unnest(looked) UNION
        SELECT c.oid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
         WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode IN ('AccessExclusiveLock', 'ShareUpdateExclusiveLock')
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384
         ORDER BY 1);
    END IF;${DROPPED}${DESCRIBE}${SIGN}
  EXCEPTION ${GIVE_UP}
    told := '{}';
  END;${EMIT}${EMIT_TOLD}
END $function$;`;

export const NAMES = ['before', 'after', 'drop', 'rewrite', 'publish'] as const;

const inTags = (tags: readonly string[]) => `ddl_command_end WHEN TAG IN (${tags.map((tag) => `'${tag}'`).join(', ')})`;

const EVENTS: Readonly<Record<(typeof NAMES)[number], string>> = {
  before: "ddl_command_start WHEN TAG IN ('ALTER TYPE')",
  after: inTags(TAGS),
  drop: 'sql_drop',
  rewrite: 'table_rewrite',
  publish: inTags(PUBLISH_TAGS),
};

/** The functions are made anew, never replaced: one that somebody else made would stay theirs, and fire for everybody. */
const REMOVE_ALL = NAMES.map((name) => `DROP EVENT TRIGGER IF EXISTS deltastream_${name};
DROP FUNCTION IF EXISTS ${SCHEMA}.${name}();`).join('\n');

export const TAKE_OVER = `ALTER SCHEMA ${SCHEMA} OWNER TO CURRENT_USER, or DROP SCHEMA ${SCHEMA} CASCADE, and again`;

/** Whoever owns the schema may drop what is in it, and the event triggers go with it: no more than who may do so anyway. */
const REQUIRE_OWNER = `DO $do$
DECLARE
  holder text := (SELECT owner.rolname FROM pg_catalog.pg_namespace JOIN pg_catalog.pg_roles AS owner ON owner.oid = nspowner
                    JOIN pg_catalog.pg_roles AS me ON me.rolname = current_user
                   WHERE nspname = '${SCHEMA}' AND owner.oid <> me.oid AND NOT owner.rolsuper
                     AND (me.rolsuper OR NOT pg_catalog.pg_has_role(owner.oid, 'MEMBER')));
BEGIN
  IF holder IS NOT NULL THEN
    RAISE EXCEPTION 'schema ${SCHEMA} belongs to role "%", who may drop what is installed in it', holder USING ERRCODE = '${FOREIGN_SCHEMA}', HINT = '${TAKE_OVER}';
  END IF;
END $do$;`;

/**
 * One script, in a transaction of the caller's. ALWAYS: sessions with session_replication_role =
 * replica write to the same WAL, so that their schema changes have to be in it too.
 */
export const INSTALL = `CREATE SCHEMA IF NOT EXISTS ${SCHEMA};
${REQUIRE_OWNER}
${REMOVE_ALL}
${MAKE_SECRET}
${[BEFORE, AFTER, DROP, rewriteFunction(SCHEMA, HEAD, GIVE_UP), publishFunction(SCHEMA, HEAD, GIVE_UP)].join('\n').trim()}
${NAMES.map((name) => `CREATE EVENT TRIGGER deltastream_${name} ON ${EVENTS[name]} EXECUTE FUNCTION ${SCHEMA}.${name}();
ALTER EVENT TRIGGER deltastream_${name} ENABLE ALWAYS;`).join('\n')}
COMMENT ON SCHEMA ${SCHEMA} IS 'made by deltastream setup, version ${TRIGGERS_VERSION}';
`;

/** The schema stays where somebody else keeps something in it. */
export const REMOVE = `${REMOVE_ALL}
${DROP_SECRET}
DO $do$ BEGIN
  IF to_regnamespace('${SCHEMA}') IS NOT NULL THEN EXECUTE 'DROP SCHEMA ${SCHEMA}'; END IF;
EXCEPTION WHEN dependent_objects_still_exist THEN NULL;
END $do$;
`;
