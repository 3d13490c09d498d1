/** The secret that proves what the event triggers say: their owner's, and of those who were given it. */
import type pg from 'pg';

/** Of the functions, the event triggers and the secret. */
export const SCHEMA = 'deltastream';
/** What a proved message begins with; the mac follows in hex, and behind one space what it says. */
export const SIGNED = 'signed ';

/** `denied`: it is there, and the role may not read it. */
export type Secret = Buffer | 'denied' | undefined;

/** Undefined where there is none of whoever owns the event triggers: anybody may make another. */
export async function readSecret(client: pg.Client): Promise<Secret> {
  const { rows: [found] } = await client.query<{ may: boolean }>(MAY_READ);
  if (found?.may !== true) return found === undefined ? undefined : 'denied';
  return (await client.query<{ value: Buffer }>(`SELECT value FROM ${SCHEMA}.secret`)).rows[0]?.value;
}

/** An SQL expression of type bytea[]: the texts with their macs, of which `secret` is the key, in this transaction. */
export const signedBy = (secret: string, texts: string) => `array(
        SELECT convert_to('${SIGNED}' || encode(sha256(${secret} || sha256(${secret} || convert_to(pg_current_xact_id() || ' ', 'UTF8') || said.text)), 'hex') || ' ', 'UTF8') || said.text
          FROM unnest(${texts}) WITH ORDINALITY AS said (text, place) ORDER BY place)`;

/** The same of the secret that is installed. */
export const signed = (texts: string) => signedBy(`(SELECT value FROM ${SCHEMA}.secret)`, texts);

/**
 * A materialized view: no source writes its rows to a log, and no dump has them, as a table's. It stays
 * when the functions are made anew, with what was granted of it, unless it is another role's.
 */
export const MAKE_SECRET = `DO $do$ BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = '${SCHEMA}'::pg_catalog.regnamespace AND relname = 'secret' AND pg_catalog.pg_get_userbyid(relowner) <> current_user) THEN
    DROP MATERIALIZED VIEW ${SCHEMA}.secret;
  END IF;
END $do$;
CREATE MATERIALIZED VIEW IF NOT EXISTS ${SCHEMA}.secret AS
  SELECT pg_catalog.uuid_send(pg_catalog.gen_random_uuid()) OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid()) AS value;
REVOKE ALL ON ${SCHEMA}.secret FROM PUBLIC;`;

export const DROP_SECRET = `DROP MATERIALIZED VIEW IF EXISTS ${SCHEMA}.secret;`;

const MAY_READ = `
  SELECT has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS may
    FROM pg_event_trigger AS e JOIN pg_class AS c ON c.relowner = e.evtowner AND c.relname = 'secret' AND c.relkind = 'm'
    JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = '${SCHEMA}'
   WHERE e.evtname = 'deltastream_after'`;
