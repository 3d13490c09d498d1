/** The library's public face: `import { readTransactions } from 'deltamirror'`. */
export { readTransactions, type LogTransaction, type ReadOptions } from './daystream/read.js';
export type { Change, Row } from './daystream/change.js';
export type { IndexColumn, Relation, RelationColumn, RelationComments, RelationIndex, ReplicaIdentity, TableKind } from './daystream/relation.js';
export { comparePositions, formatPosition, parsePosition, type Position } from './daystream/position.js';
export { formatLsn, parseLsn, type Lsn } from './daystream/lsn.js';
export { canonical } from './sqlite/values.js';
export { DeltaError, type ErrorCode } from './errors.js';
