/**
 * What relations are, for a source that says only part of it. A relation message names columns and
 * types; attribute numbers, NOT NULL, what old rows hold, indexes and comments are the catalog's.
 * The catalog may be ahead of the log, so it is believed only where it says nothing that the log has
 * not come to:
 *
 *   what describes the relation was written by        it is
 *   transactions that the log is past, or this one     exact
 *   others; or it does not show this one yet, as       exact as the event triggers sent it in this
 *   where a commit waits for a standby                 transaction; else in doubt
 *
 * In doubt the table is stale: a copy makes it right. Never a wrong row.
 */
import { isFollowed } from '../../daystream/pattern.js';
import type { Lsn } from '../../daystream/lsn.js';
import { isVisible, type Snapshot } from '../../daystream/snapshot.js';
import type { Following } from '../../daystream/following.js';
import { describeState, type RelationState } from '../../postgres/relation-state.js';
import type { RelationMessage } from '../../postgres/pgoutput/messages.js';
import { ShapeSource, type Seen, type Sight } from '../../postgres/shape-source.js';
import type { CatalogState } from '../catalog-state.js';
import { isSigned, openSigned } from '../signed-words.js';
import { fits, guess, isSame, shapeOf } from './shape-match.js';
import { Leaves } from './leaves.js';
import type { LeafNotes } from './leaf-notes.js';
import { isIn, Past, rawXid } from './shape-past.js';
import { ToldTable } from './shape-table.js';
import { ToldTables } from './shape-tables.js';
import { Telling } from './shape-tell.js';
import type { Ending, InTransaction, Shapes, Told } from './shape.js';

export class CatalogShapes implements Shapes {
  readonly #bearers = new Map<string, number>();
  readonly #past = new Past();
  /** Tables that are gone, and the LSN by which the log is past that. */
  readonly #missing = new Map<number, Lsn>();
  /** Partitions that came or went, of which the event triggers told since the last comparison of the catalog. */
  readonly #toldParts = new Set<number>();
  #now = new Telling(this.#bearers);

  private constructor(
    private readonly source: ShapeSource,
    private readonly following: Following,
    private readonly generated: boolean,
    private readonly tables: ToldTables,
    /** What the catalog showed then. */
    private readonly start: Sight,
    /** The watch's. */
    private readonly key: Buffer,
    /** The event triggers'. */
    private secret: Buffer | undefined,
    private readonly leaves: Leaves,
  ) {}

  /**
   * `told`: what the log was last told of the catalog, as its folder keeps it; `isNew`: the log has
   * nothing yet, and no reader; `key`: by which the watch proves what it says. Closes the source at its end.
   */
  static async open(source: ShapeSource, following: Following, told: CatalogState | undefined, isNew: boolean, key: Buffer, notes: LeafNotes): Promise<CatalogShapes> {
    const sight = await source.look([]);
    const tables = new ToldTables();
    const generated = await source.sendsGenerated;
    await tables.read(source, following, told, isNew, generated);
    const shapes = new CatalogShapes(source, following, generated, tables, sight, key, await source.secret(), await Leaves.open(source, notes, following, told, isNew));
    shapes.#past.saw(sight);
    return shapes;
  }

  close(): void {
    this.source.close();
  }

  async relation(message: RelationMessage, at: InTransaction): Promise<Told> {
    if (!isFollowed(this.following.tables, message.schema, message.table)) {
      if (this.tables.get(message.oid)?.isKnown === true) this.#now.left.add(message.oid);
      return { lines: [], shape: undefined };
    }
    const table = this.tables.of(message.oid);
    this.#now.truncated.delete(message.oid);
    if (this.#now.left.delete(message.oid)) this.#now.stale(table, at.xid, 'its rows went by another name for a while');
    const { states, words } = this.#now.controls;
    const isNews = states.has(message.oid) || words.made.has(message.oid) || !table.isTrusted || !table.isKnown;
    if (isNews || table.state === undefined || !fits(message, table.state, this.generated)) await this.#learn(message, table, at);
    else this.#now.schema(table, at.xid);
    const { described } = table;
    return { lines: this.#now.take(), shape: described === undefined ? undefined : shapeOf(message, described.relation) };
  }

  /** Anybody may send one; never throws. */
  control(text: string, { xid, isDoubtful }: InTransaction): void {
    const { controls } = this.#now;
    const said = openSigned(text, xid, this.secret === undefined ? [this.key] : [this.key, this.secret]);
    if (said !== undefined) controls.hear(said, isDoubtful);
    else if (isSigned(text)) controls.isUnproved = true;
    else controls.ask(text);
  }

  truncated(oid: number): void { this.#now.truncated.add(oid); }
  wroteLeaf(root: number, leaf: number, { xid }: InTransaction): void { this.leaves.wrote(root, leaf, xid); }

  end(at: InTransaction): Promise<Ending> | undefined {
    for (const oid of this.#now.truncated) this.tables.of(oid).truncatedBy = Number(at.xid & 0xffff_ffffn);
    for (const [oid, lsn] of this.#missing) if (lsn <= at.commitLsn) this.#now.controls.words.gone.add(oid);
    return this.#now.isEmpty ? undefined : this.#end(at);
  }

  committed(isRepeat: boolean): void {
    if (isRepeat) this.tables.unsay(this.#now.staled);
    this.#now = new Telling(this.#bearers);
  }

  /** What was said is in no log: all of it is said again. */
  abandoned(): void {
    this.#now = new Telling(this.#bearers);
    this.#bearers.clear();
    this.tables.takeBack();
  }

  /** Of a relation that is not what it was, or of which nothing was said: finds out what it is, and says it. */
  async #learn(message: RelationMessage, table: ToldTable, at: InTransaction): Promise<void> {
    const seen = await this.#look([message.oid], at);
    const own = seen.get(message.oid);
    const sent = this.#now.controls.states.get(message.oid);
    const was = table.state;
    const state = this.#certain(table, own, sent, at, message);
    this.#now.changed.add(message.oid);
    const broken = this.#now.controls.broken.get(message.oid);
    if (state === undefined) {
      const known = [was, own, sent].filter((one): one is RelationState => one !== undefined);
      const relation = guess(message, known, own?.relkind === 'p' ? 'partitioned' : own?.isPartition === true && this.following.partitions === 'leaf' ? 'leaf' : 'ordinary');
      table.described = { relation, indexes: [], comments: {}, leftOut: [], estimatedRows: 0, estimatedBytes: 0 };
      table.state = undefined;
      this.#now.schema(table, at.xid);
      this.#now.stale(table, at.xid, this.#now.doubt);
      return;
    }
    this.#checkMade(state, at);
    const why = own === undefined ? broken : table.compareMarks(own, sent !== undefined, broken);
    table.become(state, describeState(state, this.following.partitions, this.generated));
    if (why !== undefined) this.#now.stale(table, at.xid, why);
    this.#now.schema(table, at.xid);
    if (was !== undefined && sent === undefined) this.#now.retyped(table, at.xid, was, true);
  }

  /** Where somebody says that the relation came into being in this transaction: the catalog does not know it from before. */
  #checkMade({ oid, made }: RelationState, at: InTransaction): void {
    if (made !== rawXid(at.xid) && this.#past.lacks([made], at.xid).length === 0) this.#now.controls.words.made.delete(oid);
  }

  /** What the relation is, where that is beyond doubt. `message`: what the server sends rows of. */
  #certain(table: ToldTable, own: Seen | undefined, sent: RelationState | undefined, at: InTransaction, message: RelationMessage | undefined): RelationState | undefined {
    const isIt = (state: RelationState) => message === undefined || fits(message, state, this.generated);
    if (own !== undefined && isIt(own)) {
      const lacks = this.#lacks(table, own, at);
      // What a root says of its partitions, those tell that it had then.
      if (lacks === 0 && sent !== undefined && own.relkind === 'p') return { ...own, missing: sent.missing, fullLeaves: sent.fullLeaves, unloggedLeaf: sent.unloggedLeaf };
      if (lacks === 0 || (sent !== undefined && isSame(own, sent))) return own;
    }
    return sent !== undefined && isIt(sent) ? sent : undefined;
  }

  /** How many transactions that the log may not have come to wrote what describes the relation. */
  #lacks(table: ToldTable, { writers }: Seen, at: InTransaction): number {
    const lacks = this.#past.lacks(writers, at.xid);
    // What was told in an earlier session, and was the same when this one began, is in the log.
    return table.state === undefined && table.isKnown && table.isTrusted ? lacks.filter((writer) => !isIn(this.start.snapshot, writer)).length : lacks.length;
  }

  async #look(oids: readonly number[], at: InTransaction): Promise<ReadonlyMap<number, Seen>> {
    const look = await this.source.lookBehind(oids, at.xid);
    this.#past.reached(at.commitLsn);
    this.#past.saw(look);
    this.#now.isBehind ||= !isVisible(look.snapshot, at.xid);
    return this.#now.isBehind ? new Map() : look.states;
  }

  async #end(at: InTransaction): Promise<Ending> {
    const { controls } = this.#now;
    // Of event triggers that came since: from here on they are heard.
    if (controls.isUnproved) this.secret = await this.source.secret();
    this.#past.reached(at.commitLsn);
    if (controls.seen !== undefined) await this.#saw(controls.seen);
    for (const part of controls.partsTold(at.xid)) this.#toldParts.add(part);
    if (controls.looked !== undefined) for (const [oid, why] of await this.leaves.looked(controls.parts, controls.looked)) controls.broken.set(oid, why);
    this.#recallGone(at);
    for (const oid of this.#now.left) this.#drop(oid, at);
    const subjects = await this.#subjects();
    const asked = subjects.filter((oid) => this.#isAsked(oid));
    const seen = asked.length === 0 ? new Map<number, Seen>() : await this.#look(asked, at);
    const stay: number[] = [];
    for (const oid of subjects) if (!this.#dropped(oid, seen.get(oid), asked.includes(oid), at)) stay.push(oid);
    for (const oid of stay) {
      if (asked.includes(oid)) this.#endOf(this.tables.of(oid), seen.get(oid), at);
      else this.#now.table(this.tables.of(oid), at.xid, undefined, undefined);
    }
    this.#past.came(at.xid);
    if (controls.seen !== undefined) this.#toldParts.clear();
    return { lines: this.#now.take(), reload: this.#now.reload, offer: this.#now.offer };
  }

  /** One that was dropped before the session began, and that whoever compares has forgotten: the log may have it still. */
  #recallGone(at: InTransaction): void {
    const { words, named, states } = this.#now.controls;
    if (at.commitLsn >= this.start.lsn) return;
    for (const [oid, place] of named) {
      if (!words.gone.has(oid) || words.made.has(oid) || states.has(oid) || this.tables.get(oid) !== undefined || !isFollowed(this.following.tables, place.schema, place.table)) continue;
      const table = this.tables.of(oid);
      table.place = place;
      table.isKnown = true;
    }
  }

  /** One that came and went between two looks of whoever compares is not told to be gone. */
  async #saw(seen: Snapshot): Promise<void> {
    this.#past.knows(seen);
    const { oids, lsn } = await this.source.missing(this.tables.known);
    for (const oid of oids) if (!this.#missing.has(oid)) this.#missing.set(oid, lsn);
  }

  /** What is not as it was when the transaction's rows came. */
  #isAsked(oid: number): boolean {
    const { words, states, broken, rewrote, moved, parted } = this.#now.controls;
    return words.look.has(oid) || words.gone.has(oid) || this.#now.joined.has(oid) || words.made.has(oid) || states.has(oid) || broken.has(oid) || rewrote.has(oid) || moved.has(oid) || parted.has(oid) || this.tables.get(oid)?.state === undefined;
  }

  /** The tables to look at, by oid; what a message named is put to the table that speaks for it. */
  async #subjects(): Promise<number[]> {
    const { controls, changed, joined } = this.#now;
    const asked = controls.oids.filter((oid) => !controls.states.has(oid));
    const tables = asked.length === 0 ? new Map<number, number>() : await this.source.tablesOf(asked, this.following.partitions);
    // As it was in the transaction, where that was sent: a partition may have another root now.
    if (this.following.partitions === 'root') for (const { oid, root } of controls.states.values()) tables.set(oid, root ?? oid);
    for (const [oid, table] of tables) controls.move(oid, table);
    // What goes by its root's name now is gone under its own.
    for (const [oid, table] of tables) if (oid !== table && this.tables.get(oid)?.isKnown === true) joined.add(oid);
    const subjects = new Set([...controls.oids, ...changed, ...joined]);
    return [...subjects].sort((a, b) => a - b);
  }

  /** Says that a table is gone, or not followed any more; true where it is not to be spoken of. */
  #dropped(oid: number, seen: Seen | undefined, isAsked: boolean, at: InTransaction): boolean {
    const { states, words } = this.#now.controls;
    const sent = states.get(oid);
    const table = this.tables.get(oid) ?? new ToldTable(oid, false, true);
    const certain = isAsked || table.state === undefined ? this.#certain(table, seen, sent, at, undefined) : table.state;
    const isGone = seen === undefined && isAsked && words.gone.has(oid);
    const state = certain ?? seen;
    if (!isGone && state !== undefined && this.#speaks(state)) return false;
    if (!table.isKnown) return true;
    if (!isGone && certain === undefined) return false;
    this.#drop(oid, at);
    return true;
  }

  /** The log has nothing more of it, and rows that it lacks do not belong to it. */
  #drop(oid: number, at: InTransaction): void {
    this.#now.drop(this.tables.of(oid), at.xid);
    this.#missing.delete(oid);
    this.tables.forget(oid);
  }

  /** True for what has rows of its own name that are followed. */
  #speaks({ schema, table, relkind, isPartition }: RelationState): boolean {
    const hasRows = this.following.partitions === 'leaf' ? relkind === 'r' : !isPartition;
    return hasRows && isFollowed(this.following.tables, schema, table);
  }

  /** What the comparison of the catalog saw, where the log has not said it. */
  #found({ oid, staleFile, truncatedBy }: ToldTable): string | undefined {
    for (const [part, reason] of this.#now.controls.parted.get(oid) ?? []) if (!this.#toldParts.has(part)) return reason;
    const rewrote = this.#now.controls.rewrote.get(oid);
    const moved = this.#now.controls.moved.get(oid);
    if (rewrote !== undefined && rewrote.number !== staleFile) return rewrote.reason;
    return moved !== undefined && moved.number !== truncatedBy ? moved.reason : undefined;
  }

  #endOf(table: ToldTable, own: Seen | undefined, at: InTransaction): void {
    const sent = this.#now.controls.states.get(table.oid);
    const broken = this.#now.controls.broken.get(table.oid) ?? this.#found(table);
    const was = table.state;
    const state = this.#certain(table, own, sent, at, undefined);
    const { stale, reload, offer } = this.#now.controls.words;
    // What the catalog has more than the log will be told in its turn: by the event triggers, or by a look behind it.
    if (state === undefined && was !== undefined && broken === undefined && !this.#now.isBehind && ![stale, reload, offer].some((oids) => oids.has(table.oid))) return;
    if (state === undefined) {
      table.state = undefined;
      if (own !== undefined && table.schema === undefined) {
        table.described = describeState(own, this.following.partitions, this.generated);
        this.#now.schema(table, at.xid);
      }
      this.#now.stale(table, at.xid, broken ?? this.#now.doubt);
      return;
    }
    this.#checkMade(state, at);
    const why = own === undefined ? broken : table.compareMarks(own, sent !== undefined, broken);
    table.become(state, describeState(state, this.following.partitions, this.generated));
    this.#now.table(table, at.xid, was, why);
  }
}
