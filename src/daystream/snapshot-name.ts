/** Published snapshots of a cache: one file each, called by the position at which it was taken, so that the newest is found by name. */
import { comparePositions, formatPosition, type Position } from './position.js';

const NAME = /^(0|[1-9]\d{0,11})-(0|[1-9]\d{0,14})\.snapshot\.gz$/;

export function snapshotName(position: Position): string {
  return `${formatPosition(position).replace(':', '-')}.snapshot.gz`;
}

export function isSnapshotName(name: string): boolean {
  return NAME.test(name);
}

/** The position at which it was taken; undefined where the name is none of a snapshot. */
export function snapshotPosition(name: string): Position | undefined {
  const match = NAME.exec(name);
  return match === null ? undefined : { clock: Number(match[1]), sequence: Number(match[2]) };
}

/** The names among these that are snapshots', the newest first. */
export function snapshotsOf(names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const position = snapshotPosition(name);
    return position === undefined ? [] : [{ name, position }];
  }).sort((a, b) => comparePositions(b.position, a.position)).map(({ name }) => name);
}
