/** The log in a local folder. */
import { existsSync } from 'node:fs';
import { DeltaError } from '../errors.js';
import { Segments } from './segments.js';
import { FolderFiles } from './transports/folder-files.js';

/** Throws DeltaError `config` where there is no such folder: before a lock or anything else is made in it. */
export function requireFolder(path: string): void {
  if (!existsSync(path)) throw new DeltaError('config', `${path}: does not exist`, { hint: 'give --out the folder of a log' });
}

export class Folder extends Segments {
  constructor(path: string) {
    super(new FolderFiles(path));
  }
}
