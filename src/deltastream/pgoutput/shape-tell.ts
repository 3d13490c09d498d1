/** What the log is told of tables within one transaction, in the plugin's order (plugin-c/tell.c). */
import type { RelationState } from '../../postgres/relation-state.js';
import { Controls } from './shape-control.js';
import { commentsText, indexesText, lineOf, oidText, quarantineText, schemaText, staleText, type Place } from './shape-lines.js';
import { replacedColumn, retypedColumn } from './shape-retype.js';
import type { ToldTable } from './shape-table.js';

export class Telling {
  readonly controls = new Controls();
  /** Tables whose state came to be known within the transaction. */
  readonly changed = new Set<number>();
  /** Known tables of which rows came under a name that is not followed. */
  readonly left = new Set<number>();
  /** And not written since. */
  readonly truncated = new Set<number>();
  /** The catalog does not show the transaction yet. */
  isBehind = false;
  /** Known tables that another one speaks for now. */
  readonly joined = new Set<number>();
  readonly #stale = new Set<number>();
  readonly #quarantined = new Set<number>();
  readonly #reload = new Set<number>();
  readonly #offer = new Set<number>();
  #lines: string[] = [];

  constructor(private readonly bearers: Map<string, number>) {}

  get isEmpty(): boolean {
    return this.controls.isEmpty && this.changed.size === 0 && this.left.size === 0 && this.#reload.size === 0 && this.#offer.size === 0;
  }

  get doubt(): string { return `the catalog is ${this.isBehind ? 'behind' : 'ahead of'} the log`; }
  get reload(): number[] { return [...this.#reload]; }
  get staled(): number[] { return [...this.#stale]; }
  get offer(): number[] { return [...this.#offer].filter((oid) => !this.#reload.has(oid)); }

  take(): string[] {
    return this.#lines.splice(0);
  }

  isStale(oid: number): boolean {
    return this.#stale.has(oid);
  }

  /** The schema line, where it is not the last that was said under this name; `anew`: in any case. */
  schema(table: ToldTable, xid: bigint, anew = false): void {
    const { described, oid } = table;
    if (described === undefined) return;
    const { relation } = described;
    const text = schemaText(relation);
    const name = keyOf(relation);
    const isCreate = this.controls.words.made.has(oid) && table.schema === undefined && !this.#stale.has(oid) && !this.controls.broken.has(oid);
    const isNew = !isCreate && (!table.isKnown || !table.isTrusted);
    const reason = table.isKnown ? 'the catalog changed while nobody followed' : 'it is newly followed, with the rows that it has';
    if (!anew && !isCreate && !isNew && table.schema === `${name}\t${text}` && this.bearers.get(name) === oid) return;
    this.#lines.push(lineOf(relation, xid, isCreate ? 'create' : 'schema', text));
    // Renamed; or another one bore the name meanwhile, for which readers put this one aside.
    const bearer = this.bearers.get(name) ?? oid;
    if (table.place !== undefined && (keyOf(table.place) !== name || bearer !== oid)) this.#offer.add(oid);
    this.#giveName(table, relation);
    table.schema = `${name}\t${text}`;
    table.identity = relation.identity;
    table.isKnown = table.isTrusted = true;
    if (isNew) this.stale(table, xid, reason);
  }

  /** All that differs, of a table whose state is known for certain; `before`: what it was. */
  table(table: ToldTable, xid: bigint, before: RelationState | undefined, broken: string | undefined): void {
    const { state, described, oid } = table;
    if (state === undefined || described === undefined) return;
    const { look, stale, reload, offer } = this.controls.words;
    if (state.relkind === 'r' && state.persistence === 'u') return this.#unlogged(table, xid);
    const wasUnlogged = table.isUnlogged;
    table.isUnlogged = false;
    const asked = table.isKnown && table.isTrusted && look.has(oid) && table.indexes === undefined;
    if (broken !== undefined) this.stale(table, xid, broken);
    this.schema(table, xid, asked);
    table.indexes = this.#state(table, xid, 'indexes', table.indexes, indexesText(described), asked);
    table.comments = this.#state(table, xid, 'comments', table.comments, commentsText(described), asked);
    if (before !== undefined) this.retyped(table, xid, before, !this.controls.states.has(oid));
    if (stale.has(oid)) this.stale(table, xid, 'a message says that its rows changed');
    else if (wasUnlogged) this.stale(table, xid, 'it was unlogged for a while');
    else if (reload.has(oid)) this.#reload.add(oid);
    else if (offer.has(oid)) this.#offer.add(oid);
  }

  /** The log does not tell the rows. Of a partition that is not in the WAL a copy would not tell them for long. */
  stale(table: ToldTable, xid: bigint, reason: string): void {
    const place = table.described?.relation ?? table.place;
    if (this.#stale.has(table.oid) || place === undefined) return;
    const hole = table.state?.unloggedLeaf;
    if (hole != null) return this.#quarantine(table.oid, place, xid, `its partition ${hole} is unlogged: its changes are not in the WAL`, `ALTER TABLE ${hole} SET LOGGED`);
    this.#stale.add(table.oid);
    this.#reload.add(table.oid);
    this.#lines.push(lineOf(place, xid, 'stale', staleText(table.oid, reason)));
  }

  /** Where rows that nothing wrote print otherwise than they did; `isFound`: the change was found, not told, maybe long after it. */
  retyped(table: ToldTable, xid: bigint, before: RelationState, isFound: boolean): void {
    const now = table.state?.columns ?? [];
    const column = retypedColumn(before.columns, now);
    if (column !== undefined) this.stale(table, xid, `column ${column} got another type, which may print its rows otherwise`);
    const replaced = isFound ? replacedColumn(before.columns, now) : undefined;
    if (replaced !== undefined) this.stale(table, xid, `column ${replaced} was dropped and added again`);
  }

  /** The log has nothing more of it. */
  drop(table: ToldTable, xid: bigint): void {
    if (table.isKnown && table.place !== undefined) this.#lines.push(lineOf(table.place, xid, 'drop', oidText(table.oid)));
    if (table.place !== undefined && this.bearers.get(keyOf(table.place)) === table.oid) this.bearers.delete(keyOf(table.place));
    this.#reload.delete(table.oid);
    this.#offer.delete(table.oid);
  }

  #unlogged(table: ToldTable, xid: bigint): void {
    const { state, described } = table;
    if (state === undefined || described === undefined) return;
    if (table.isKnown && !table.isUnlogged) this.#quarantine(table.oid, described.relation, xid, 'it is unlogged: its changes are not in the WAL', `ALTER TABLE ${state.name} SET LOGGED`);
    table.isKnown = table.isUnlogged = true;
  }

  #quarantine(oid: number, place: Place, xid: bigint, reason: string, cure: string): void {
    if (this.#quarantined.has(oid)) return;
    this.#quarantined.add(oid);
    this.#lines.push(lineOf(place, xid, 'quarantine', quarantineText(reason, cure)));
  }

  #state({ oid, described }: ToldTable, xid: bigint, action: string, said: string | undefined, now: string, anew: boolean): string {
    if (described !== undefined && (anew || (said ?? '') !== now)) this.#lines.push(lineOf(described.relation, xid, action, oidText(oid, now)));
    return now;
  }

  #giveName(table: ToldTable, place: Place): void {
    if (table.place !== undefined && this.bearers.get(keyOf(table.place)) === table.oid) this.bearers.delete(keyOf(table.place));
    this.bearers.set(keyOf(place), table.oid);
    table.place = { schema: place.schema, table: place.table };
  }
}

/** Two names are one only where both parts are. */
function keyOf({ schema, table }: Place): string {
  return JSON.stringify([schema, table]);
}
