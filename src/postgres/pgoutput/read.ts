/** Reads the messages of pgoutput. Each function takes a cursor behind the letter, and in a stream behind the xid. */
import { DeltaError } from '../../errors.js';
import type { Cursor } from './cursor.js';
import type {
  BeginMessage, EndMessage, LogicalMessage, PreparedMessage, RelationColumn, RelationMessage, ReplicaIdentity,
  StreamAbortMessage, StreamEndMessage, TruncateMessage,
} from './messages.js';

const IDENTITIES: Readonly<Record<string, ReplicaIdentity>> = { d: 'default', f: 'full', i: 'index', n: 'nothing' };
const IN_KEY = 1;
const TRANSACTIONAL = 1;
const CASCADE = 1;
const RESTART = 2;

export function readBegin(cursor: Cursor): BeginMessage {
  return { lsn: cursor.lsn(), timestampUs: cursor.time(), xid: cursor.uint32() };
}

export function readCommit(cursor: Cursor): EndMessage {
  cursor.byte(); // flags that nothing uses
  return { lsn: cursor.lsn(), endLsn: cursor.lsn(), timestampUs: cursor.time() };
}

export function readStreamCommit(cursor: Cursor): StreamEndMessage {
  const xid = cursor.uint32();
  return { xid, ...readCommit(cursor) };
}

/** What a newer protocol tells behind the two is for appliers that run beside each other. */
export function readStreamAbort(cursor: Cursor): StreamAbortMessage {
  return { xid: cursor.uint32(), subxid: cursor.uint32() };
}

export function readBeginPrepare(cursor: Cursor): PreparedMessage {
  return { lsn: cursor.lsn(), endLsn: cursor.lsn(), timestampUs: cursor.time(), xid: cursor.uint32(), gid: cursor.text() };
}

/** Prepare, stream prepare and commit prepared are alike. */
export function readPrepared(cursor: Cursor): PreparedMessage {
  cursor.byte(); // flags that nothing uses
  return readBeginPrepare(cursor);
}

/** The times are those of the rollback. */
export function readRollbackPrepared(cursor: Cursor): PreparedMessage {
  cursor.byte(); // flags that nothing uses
  const lsn = cursor.lsn();
  const endLsn = cursor.lsn();
  cursor.time(); // of the prepare
  return { lsn, endLsn, timestampUs: cursor.time(), xid: cursor.uint32(), gid: cursor.text() };
}

export function readRelation(cursor: Cursor): RelationMessage {
  const oid = cursor.uint32();
  const schema = cursor.text();
  const table = cursor.text();
  const letter = String.fromCharCode(cursor.byte());
  const identity = IDENTITIES[letter];
  if (identity === undefined) throw new DeltaError('postgres', `pgoutput: ${schema}.${table} has the replica identity ${JSON.stringify(letter)}, which is none`);
  const columns = Array.from({ length: cursor.uint16() }, () => readColumn(cursor));
  return { oid, schema: schema === '' ? 'pg_catalog' : schema, table, identity, columns };
}

function readColumn(cursor: Cursor): RelationColumn {
  const flags = cursor.byte();
  return { isKey: (flags & IN_KEY) !== 0, name: cursor.text(), type: cursor.uint32(), typmod: cursor.int32() };
}

export function readTruncate(cursor: Cursor): TruncateMessage {
  const count = cursor.uint32();
  const flags = cursor.byte();
  const oids = Array.from({ length: count }, () => cursor.uint32());
  return { oids, cascade: (flags & CASCADE) !== 0, restart: (flags & RESTART) !== 0 };
}

export function readLogicalMessage(cursor: Cursor): LogicalMessage {
  const transactional = (cursor.byte() & TRANSACTIONAL) !== 0;
  return { transactional, lsn: cursor.lsn(), prefix: cursor.text(), content: cursor.bytes(cursor.uint32()) };
}
