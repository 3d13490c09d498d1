/**
 * Rows of partitions that go by their root's name, where the partition came since the last look: it may
 * be gone, elsewhere or truncated before the next one, of which pgoutput says nothing. The server
 * describes a partition before the first of its rows, so it is known which had any.
 *
 *   at the look that knows it, the partition                      the rows of the log are
 *   was made as one, never got another file, and its maker
 *   did not write it                                              those of the partition
 *   is anything else                                              in doubt: its root is stale
 */
import type { Following } from '../../daystream/following.js';
import { isVisible, type Snapshot } from '../../daystream/snapshot.js';
import type { ShapeSource } from '../../postgres/shape-source.js';
import type { CatalogState } from '../catalog-state.js';
import { MANY, type LeafNote, type LeafNotes } from './leaf-notes.js';

const REASON = 'a partition came since the last look, had rows, and was truncated, filled by its maker, detached or dropped';

export class Leaves {
  private constructor(
    private readonly source: ShapeSource,
    private readonly notes: LeafNotes,
    /** Partitions that the last look knew, and their roots. */
    private readonly known: Map<number, number>,
  ) {}

  /** `told`: what the log's folder keeps of the last look; where it keeps nothing, nobody knows more than the catalog of now. */
  static async open(source: ShapeSource, notes: LeafNotes, { partitions }: Following, told: CatalogState | undefined, isNew: boolean): Promise<Leaves> {
    if (partitions === 'leaf') return new Leaves(source, notes, new Map());
    const marks = isNew ? undefined : told?.seen?.marks;
    if (marks === undefined) return new Leaves(source, notes, new Map((await source.leaves()).map(({ oid, root }) => [oid, root ?? oid])));
    return new Leaves(source, notes, new Map(Object.entries(marks).flatMap(([oid, { root }]) => (root === null ? [] : [[Number(oid), root] as const]))));
  }

  /** A row of the leaf comes by the root's name, in a transaction of this xid. */
  wrote(root: number, leaf: number, xid: bigint): void {
    if (this.known.get(leaf) !== root) this.notes.add(root, leaf, xid);
  }

  /** A look knows them as partitions of the roots, and saw what is visible in the snapshot. Gives which tables lack rows, and why. */
  async looked(parts: ReadonlyMap<number, readonly number[]>, looked: Snapshot): Promise<Map<number, string>> {
    for (const [root, leaves] of parts) for (const leaf of leaves) this.known.set(leaf, root);
    this.notes.forgetJudged();
    const due = this.notes.all.filter(({ xid }) => isVisible(looked, xid));
    const why = new Map<number, string>();
    if (due.length === 0) return why;
    const found = new Map((await this.source.leaves(due.map(({ leaf }) => leaf))).map((leaf) => [leaf.oid, leaf]));
    for (const note of due) {
      const leaf = note.leaf === MANY ? undefined : found.get(note.leaf);
      if (leaf !== undefined && leaf.root === note.root && leaf.isPristine && isBehind(note, leaf.made)) continue;
      why.set(note.root, REASON);
      // What it is now lacks the rows that went by the other name.
      if (leaf !== undefined && leaf.root !== note.root) why.set(leaf.root ?? leaf.oid, REASON);
    }
    this.notes.judged(due);
    return why;
  }
}

/** The writer began behind the transaction, or the subtransaction, that made the partition: it is another one. */
function isBehind({ xid }: LeafNote, made: number): boolean {
  return BigInt.asIntN(32, xid - BigInt(made)) > 0n;
}
