/**
 * The patterns that `deltastream tables` made of `--tables`: a file in the folder of the log. It
 * holds as long as the command line says what it said when the file was made; a changed command
 * line is the newer word.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { realFiles } from '../daystream/writer-files.js';
import { parsePatterns } from '../daystream/pattern.js';
import { DeltaError } from '../errors.js';
import { codeOf } from '../postgres/failure.js';
import type { StreamOptions } from './options.js';

const FILE = 'tables.json';

export interface FollowedTables {
  /** The command line's patterns that these were made of. */
  readonly base: string;
  readonly tables: string;
}

/** Undefined where `--tables` holds as it is. Throws DeltaError `config` for a file that is not ours. */
export function readFollowedTables(folder: string): FollowedTables | undefined {
  const path = join(folder, FILE);
  try {
    const { base, tables } = JSON.parse(readFileSync(path, 'utf8')) as FollowedTables;
    if (typeof base !== 'string') throw new Error('it has no base');
    parsePatterns(tables);
    return { base, tables };
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw new DeltaError('config', `${path}: is not what deltastream tables writes`, { hint: `rm ${path}, and --tables holds as it is`, cause });
  }
}

/** Durable when it returns. Where nothing is left of what was changed there is no file. */
export function writeFollowedTables(folder: string, followed: FollowedTables): void {
  const path = join(folder, FILE);
  if (followed.tables === followed.base) {
    rmSync(path, { force: true });
  } else {
    const file = openSync(`${path}.new`, 'w');
    try {
      writeSync(file, `${JSON.stringify(followed)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}.new`, path);
  }
  realFiles.syncFolder(folder);
}

/** The options with the patterns that hold. Removes the file that the command line has overtaken. */
export function withFollowedTables(options: StreamOptions, tell: (text: string) => void): StreamOptions {
  const followed = readFollowedTables(options.out);
  if (followed === undefined) return options;
  if (followed.base === options.tables) return { ...options, tables: followed.tables };
  rmSync(join(options.out, FILE), { force: true });
  tell(`--tables was changed: it holds, and no longer what deltastream tables made of ${followed.base} (${followed.tables})`);
  return options;
}
