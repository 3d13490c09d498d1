import { closeSync, fsync, fsyncSync, ftruncateSync, openSync, renameSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';

const fsyncAsync = promisify(fsync);

/** What the writer asks of the operating system: the one place where a failing disk enters. */
export interface WriterFiles {
  /** Opens for reading and appending; creates the file where it is not there. */
  open(path: string): number;
  /** Writes all of it, at the end. */
  write(file: number, bytes: Buffer): void;
  truncate(file: number, length: number): void;
  sync(file: number): Promise<void>;
  /** The same, holding up everything else: for the one sync a day that ends a segment. */
  syncNow(file: number): void;
  /** Makes a finished file appear under its name. */
  publish(from: string, to: string): void;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): void;
  close(file: number): void;
}

export const realFiles: WriterFiles = {
  open: (path) => openSync(path, 'a+'),
  write(file, bytes) {
    for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
  },
  truncate: ftruncateSync,
  sync: fsyncAsync,
  syncNow: fsyncSync,
  publish: renameSync,
  syncFolder(path) {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  },
  close: closeSync,
};
