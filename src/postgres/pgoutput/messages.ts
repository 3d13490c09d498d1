/**
 * The messages of pgoutput, protocol versions 1 to 4. Source: PostgreSQL documentation, "Logical
 * Replication Message Formats". Those of rows are not here: their values are taken from the bytes (tuple.ts).
 */
import type { Lsn } from '../../daystream/lsn.js';

/** First byte of a message. */
export const LETTER = {
  begin: 0x42, // B
  commit: 0x43, // C
  origin: 0x4f, // O
  relation: 0x52, // R
  type: 0x59, // Y
  insert: 0x49, // I
  update: 0x55, // U
  delete: 0x44, // D
  truncate: 0x54, // T
  message: 0x4d, // M
  streamStart: 0x53, // S
  streamStop: 0x45, // E
  streamCommit: 0x63, // c
  streamAbort: 0x41, // A
  beginPrepare: 0x62, // b
  prepare: 0x50, // P
  commitPrepared: 0x4b, // K
  rollbackPrepared: 0x72, // r
  streamPrepare: 0x70, // p
} as const;

/** The transaction as its begin message has it; the LSN is that of the commit record. */
export interface BeginMessage {
  readonly xid: number;
  readonly lsn: Lsn;
  /** Microseconds since 1970-01-01 UTC. */
  readonly timestampUs: bigint;
}

/** How a transaction ends: `lsn` of the record, `endLsn` behind it. */
export interface EndMessage {
  readonly lsn: Lsn;
  readonly endLsn: Lsn;
  readonly timestampUs: bigint;
}

/** The same of one that came in pieces before its end. */
export interface StreamEndMessage extends EndMessage {
  readonly xid: number;
}

/** The end of a prepared transaction, or that it is prepared. */
export interface PreparedMessage extends StreamEndMessage {
  readonly gid: string;
}

/** `subxid` is `xid` where all of the transaction is given up. */
export interface StreamAbortMessage {
  readonly xid: number;
  readonly subxid: number;
}

export type ReplicaIdentity = 'default' | 'full' | 'index' | 'nothing';

export interface RelationMessage {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  readonly identity: ReplicaIdentity;
  readonly columns: readonly RelationColumn[];
}

export interface RelationColumn {
  readonly name: string;
  /** Whether it is part of the replica identity. */
  readonly isKey: boolean;
  /** The type's oid. */
  readonly type: number;
  readonly typmod: number;
}

export interface TruncateMessage {
  readonly oids: readonly number[];
  readonly cascade: boolean;
  readonly restart: boolean;
}

/** What pg_logical_emit_message() wrote. */
export interface LogicalMessage {
  readonly transactional: boolean;
  readonly lsn: Lsn;
  readonly prefix: string;
  readonly content: Buffer;
}
