/** What a translator asks of who knows the catalog: how a relation's rows are written, and what the log is told of it. */
import type { Lsn } from '../../daystream/lsn.js';
import type { RelationMessage } from '../../postgres/pgoutput/messages.js';

/** How rows of one relation are written from here on. */
export interface Shape {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  /** The column's name, by position in the rows that come; undefined: it is not written. */
  readonly columns: readonly (string | undefined)[];
  /** Positions of the key's columns, in key order; empty: none, old rows are whole. */
  readonly key: readonly number[];
  /** REPLICA IDENTITY FULL. */
  readonly isFull: boolean;
}

/** A transaction as the lines about it need it. */
export interface InTransaction {
  /** 64-bit, epoch included. */
  readonly xid: bigint;
  /** Of the commit record. */
  readonly commitLsn: Lsn;
  /** Its logical messages may have been rolled back. */
  readonly isDoubtful: boolean;
}

export interface Told {
  /** Whole lines, encoded, without LF. */
  readonly lines: readonly string[];
  /** Undefined: the relation is not followed. */
  readonly shape: Shape | undefined;
}

/** What stands at the end of a transaction: lines, and what its commit line asks for. */
export interface Ending {
  readonly lines: readonly string[];
  readonly reload: readonly number[];
  readonly offer: readonly number[];
}

export interface Shapes {
  /** A relation as the server describes it, before the first row that needs it. */
  relation(message: RelationMessage, at: InTransaction): Promise<Told>;
  /** A control message of the transaction: the text behind the prefix. */
  control(text: string, at: InTransaction): void;
  /** Right before the commit line; undefined: there is nothing to say. */
  end(at: InTransaction): Promise<Ending> | undefined;
  truncated(oid: number): void;
  /** A row of the partition comes by the root's name, the first since the server described it. */
  wroteLeaf(root: number, leaf: number, at: InTransaction): void;
  /** The transaction is over. `isRepeat`: the log has had it before, by what the catalog was then, and what was said now is in no log. */
  committed(isRepeat: boolean): void;
  /** The transaction was given up. */
  abandoned(): void;
}
