/** A table as a log tells it: the rows of its newest whole copy, and the changes behind it that the copy did not see. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChangeDecoder, type Change, type Row } from '../../src/daystream/change.js';
import { isVisible, parseSnapshot, type Snapshot } from '../../src/daystream/snapshot.js';
import type { Body, Copy, Unit, UnitPlace } from '../../src/daystream/unit.js';
import { readAll } from './log.js';

export interface CopiedTable {
  readonly parts: readonly Copy[];
  /** By the key column's text. */
  readonly rows: ReadonlyMap<string, string>;
}

/** Undefined while the log holds no whole copy of the table. Rows are their values, joined. */
export async function copied(out: string, table: string, key = 'id'): Promise<CopiedTable | undefined> {
  const units = await readAll(out);
  const of = (unit: UnitPlace & Body) => [...new ChangeDecoder().decode(unit.body ?? readFileSync(join(out, unit.segment)).subarray(unit.bodyStart, unit.bodyEnd))].filter((change): change is Exclude<Change, { kind: 'message' }> => change.kind !== 'message' && change.table === table);
  const last = units.findLastIndex((unit) => unit.kind === 'copy' && unit.isLast && of({ ...unit }).some(({ kind }) => kind === 'insert'));
  if (last === -1) return undefined;
  const { id } = units[last] as Copy;
  const parts = units.filter((unit): unit is Copy => unit.kind === 'copy' && unit.id === id);
  const snapshot = parseSnapshot(parts[0].snapshot ?? '');
  requireSeen(units.slice(0, units.indexOf(parts[0])), snapshot);
  const rows = new Map<string, string>();
  for (const part of parts) for (const change of of(part)) apply(rows, change, key);
  for (const unit of units.slice(units.indexOf(parts[0]))) {
    if (unit.kind === 'transaction' && !isVisible(snapshot, unit.xid)) for (const change of of(unit)) apply(rows, change, key);
  }
  return { parts, rows };
}

/** Every transaction above part 0 is visible in its snapshot. */
function requireSeen(above: readonly Unit[], snapshot: Snapshot): void {
  for (const unit of above) if (unit.kind === 'transaction' && !isVisible(snapshot, unit.xid)) throw new Error(`transaction ${unit.xid} stands above a copy that does not see it`);
}

function apply(rows: Map<string, string>, change: Change, key: string): void {
  switch (change.kind) {
    case 'insert':
      if (rows.has(change.row.get(key) ?? '')) throw new Error(`row ${change.row.get(key)} comes twice`);
      rows.set(change.row.get(key) ?? '', textOf(change.row));
      break;
    case 'update':
      if (!rows.delete((change.old ?? change.row).get(key) ?? '')) throw new Error(`row ${change.row.get(key)} is not there`);
      rows.set(change.row.get(key) ?? '', textOf(change.row));
      break;
    case 'delete':
      if (!rows.delete(change.old.get(key) ?? '')) throw new Error(`row ${change.old.get(key)} is not there`);
      break;
    case 'truncate':
      rows.clear();
      break;
    default:
  }
}

function textOf(row: Row): string {
  return [...row.values()].map((value) => value ?? '\\N').join('|');
}
