/** By which way schema changes come that no row and no invalidation shows: said by setup, by doctor and at the start. */
import type { TriggersState } from '../postgres/triggers.js';

export type SchemaChanges = 'triggers' | 'polling';

export function schemaChangesOf(state: TriggersState): SchemaChanges {
  return state === 'installed' ? 'triggers' : 'polling';
}

/** In words, what that means. */
export function explain(changes: SchemaChanges): string {
  return changes === 'triggers' ? 'event triggers tell them in their own transactions' : 'deltastream compares the catalog every --schema-interval';
}

/** Of a role that may not read by what the event triggers prove that they are it: with pgoutput they count for none. */
export function describeDeaf(role: string): string {
  const who = `"${role.replaceAll('"', '""')}"`;
  return `schema changes: role "${role}" cannot tell what the event triggers say from what anybody says, so the catalog is compared every --schema-interval — GRANT USAGE ON SCHEMA deltastream TO ${who}; GRANT SELECT ON deltastream.secret TO ${who};`;
}

/** One line, with what to type where there is something better. */
export function describeSchemaChanges(state: TriggersState): string {
  const said = `schema changes: ${explain(schemaChangesOf(state))}`;
  if (state === 'installed') return said;
  return `${said} — deltastream setup ${state === 'other' ? 'makes the event triggers anew that are another version\'s, or switched off' : 'installs event triggers, which tell them at once'}`;
}
