/** One table as the log was told of it. */
import type { Relation } from '../../daystream/relation.js';
import type { Described } from '../../postgres/catalog.js';
import type { RelationState } from '../../postgres/relation-state.js';
import type { Seen } from '../../postgres/shape-source.js';
import type { Place } from './shape-lines.js';

/** By what one sees that ALTER TABLE wrote its rows anew. */
export interface Marks {
  readonly filenode: number;
  readonly attributes: string;
}

export class ToldTable {
  /** What it is; undefined: not known for certain. */
  state: RelationState | undefined;
  described: Described | undefined;
  marks: Marks | undefined;
  /** As the log called it last. */
  place: Place | undefined;
  isUnlogged = false;
  /** The file of which the log says that it does not have the rows. */
  staleFile: number | undefined;
  /** The raw xid of the last transaction that truncated it. */
  truncatedBy: number | undefined;
  /** What stands in the log, since this session began. */
  schema: string | undefined;
  indexes: string | undefined;
  comments: string | undefined;
  identity: Relation['identity'] | undefined;

  constructor(
    readonly oid: number,
    /** Readers may have it: when it goes, that is to be said. */
    public isKnown: boolean,
    /** False: it may have changed while nobody followed. */
    public isTrusted: boolean,
  ) {}

  /** From here on it is this. */
  become(state: RelationState, described: Described): void {
    const relation = { ...described.relation, identity: this.#identityToTell(described.relation, state) };
    // As long as a root's columns stay, nobody has to fill one in: partitions that come and go say nothing of it.
    const columns = relation.kind === 'partitioned' && this.described !== undefined && bare(relation) === bare(this.described.relation) ? this.described.relation.columns : relation.columns;
    this.state = state;
    this.described = { ...described, relation: { ...relation, columns } };
  }

  /** Of a root whose partitions differ, it stays at the one that promises less (plugin-c/schema.c). */
  #identityToTell(relation: Relation, { fullLeaves }: RelationState): Relation['identity'] {
    const told = this.identity;
    if (relation.kind !== 'partitioned' || fullLeaves || told === undefined) return relation.identity;
    return (told === 'full') === (relation.key.length === 0) ? told : relation.identity;
  }

  /**
   * Takes the marks as the catalog has them; gives why the log lacks rows, where it does. `isTold`: the
   * event triggers say so themselves; `broken`: what is known of it.
   */
  compareMarks({ filenode, attributes, relkind, name }: Seen, isTold: boolean, broken: string | undefined): string | undefined {
    const before = this.marks;
    this.marks = { filenode, attributes };
    if (broken !== undefined) this.staleFile = filenode;
    // TRUNCATE, which has a line, and VACUUM FULL leave the columns alone.
    if (broken !== undefined || before === undefined || isTold || relkind !== 'r' || before.filenode === filenode || before.attributes === attributes) return broken;
    this.staleFile = filenode;
    return `ALTER TABLE rewrote the rows of ${name}`;
  }
}

/** Without what older rows hold. */
function bare({ columns }: Relation): string {
  return JSON.stringify(columns.map(({ attnum, name, type, notNull }) => [attnum, name, type, notNull]));
}
