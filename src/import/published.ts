/**
 * Tables that a log of pgoutput does not have, though it follows them: the publication says so. It
 * has a table from the moment that no transaction wrote it any more (publication-change.ts), so one
 * that is in it as a snapshot sees it has all in the log that the snapshot does not see.
 */
import type pg from 'pg';
import { isExact, matches, type Pattern } from '../daystream/pattern.js';
import type { Partitions } from '../daystream/following.js';
import type { SegmentHeader } from '../daystream/segment.js';
import { DeltaError } from '../errors.js';
import type { Choice } from '../postgres/choice.js';
import { placeOf } from '../postgres/connection.js';
import { readPublished, unpublished } from '../postgres/publication.js';

/** The choice without those, which are passed over; throws DeltaError config for one that was asked for by its name, and where none is left. */
export async function onlyPublished(client: pg.Client, choice: Choice, patterns: readonly Pattern[], { publication }: SegmentHeader, partitions: Partitions): Promise<Choice> {
  if (publication === undefined) return choice;
  const published = new Map((await readPublished(client, publication, partitions)).map((table) => [table.oid, table]));
  const passedOver = [...choice.passedOver];
  const chosen = choice.chosen.filter(({ oid, schema, table }) => {
    const found = published.get(oid);
    const missing = found && unpublished(found, publication);
    if (missing === undefined) return true;
    const reason = `is not in the log: ${missing.reason}`;
    if (choice.chosen.length === 1 || patterns.some((pattern) => isExact(pattern) && matches(pattern, schema, table))) {
      throw new DeltaError('config', `${placeOf(client)}: table ${schema}.${table} ${reason}`, { hint: missing.cure || 'leave it out of --tables' });
    }
    passedOver.push({ schema, table, reason: missing.cure === '' ? reason : `${reason} — ${missing.cure}` });
    return false;
  });
  if (chosen.length > 0 || choice.chosen.length === 0) return { chosen, passedOver };
  throw new DeltaError('config', `${placeOf(client)}: none of the chosen tables is in the log: the first, ${choice.chosen[0].schema}.${choice.chosen[0].table}, ${passedOver[choice.passedOver.length].reason}`);
}
