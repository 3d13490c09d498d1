/**
 * The log in a local folder. Two kinds of word reach a waiting reader: chokidar tells
 * of segments that come and go; the open segment is watched by fs.watch, since chokidar
 * drops a change that follows another within milliseconds. Both only wake the reader,
 * which then reads to the end, and a slow poll is the net under both.
 */
import { existsSync, watch as watchFile, type FSWatcher } from 'node:fs';
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { FSWatcher as FolderWatcher } from 'chokidar';
import { DeltaError, reasonOf } from '../errors.js';
import { isSegmentName } from './segment.js';
import type { Transport } from './transport.js';

/** Throws DeltaError `config` where there is no such folder: before a lock or anything else is made in it. */
export function requireFolder(path: string): void {
  if (!existsSync(path)) throw new DeltaError('config', `${path}: does not exist`, { hint: 'give --out the folder of a log' });
}

export class Folder implements Transport {
  readonly place: string;
  #open: { name: string; handle: FileHandle; inode: number } | undefined;
  #watched: { name: string; watcher: FSWatcher } | undefined;
  #folder: FolderWatcher | undefined;
  #grown = true;
  #listChanged = true;
  #wake: (() => void) | undefined;

  constructor(path: string) {
    this.place = resolve(path);
  }

  async list(): Promise<string[]> {
    try {
      return (await readdir(this.place)).filter(isSegmentName).sort();
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such folder' : reasonOf(error);
      throw new DeltaError('log-missing', `${this.place}: ${reason}`, { hint: 'give the folder that deltastream --out writes', cause: error });
    }
  }

  async read(segment: string, offset: number, into: Buffer): Promise<number> {
    const { bytesRead } = await (await this.#handle(segment)).read(into, 0, into.length, offset);
    return bytesRead;
  }

  async size(segment: string): Promise<number> {
    // By path, not by the open handle: a segment that was removed must not look alive, and one that was put in its place, as rsync does, is read from here on.
    const { size, ino } = await stat(join(this.place, segment)).catch((error: unknown) => { throw this.#missing(segment, error); });
    if (this.#open?.name === segment && this.#open.inode !== ino) await this.#letGo();
    return size;
  }

  async changed(segment: string | undefined, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    await this.#watch(segment);
    if (!this.#grown && !this.#listChanged && signal?.aborted !== true) {
      await new Promise<void>((wake) => {
        const timer = setTimeout(wake, timeoutMs);
        this.#wake = () => { clearTimeout(timer); wake(); };
        signal?.addEventListener('abort', this.#wake, { once: true });
      });
      if (this.#wake !== undefined) signal?.removeEventListener('abort', this.#wake);
      this.#wake = undefined;
      // Neither flag set: the poll ran out, and then the list is looked at too.
      if (!this.#grown) this.#listChanged = true;
    }
    const listChanged = this.#listChanged;
    this.#grown = false;
    this.#listChanged = false;
    return listChanged;
  }

  async close(): Promise<void> {
    await this.#folder?.close();
    await this.#letGo();
    this.#folder = undefined;
  }

  async #letGo(): Promise<void> {
    this.#watched?.watcher.close();
    await this.#open?.handle.close();
    this.#watched = this.#open = undefined;
  }

  async #watch(segment: string | undefined): Promise<void> {
    if (this.#folder === undefined) {
      const { watch: watchFolder } = await import('chokidar'); // who only reads need not load it
      this.#folder = watchFolder(this.place, { depth: 0, ignoreInitial: true, ignored: (path) => path !== this.place && !path.endsWith('.daystream') });
      this.#folder.on('add', () => this.#notify(true)).on('unlink', () => this.#notify(true)).on('error', () => this.#notify(true));
    }
    if (segment === undefined || this.#watched?.name === segment) return;
    this.#watched?.watcher.close();
    try {
      const watcher = watchFile(join(this.place, segment), () => this.#notify(false));
      watcher.on('error', () => this.#notify(true));
      this.#watched = { name: segment, watcher };
    } catch (error) {
      throw this.#missing(segment, error);
    }
    this.#grown = true; // what came between the last read and this watch is read now
  }

  #notify(listChanged: boolean): void {
    this.#grown = true;
    this.#listChanged ||= listChanged;
    this.#wake?.();
  }

  async #handle(segment: string): Promise<FileHandle> {
    if (this.#open?.name === segment) return this.#open.handle;
    await this.#open?.handle.close();
    this.#open = undefined;
    const handle = await open(join(this.place, segment), 'r').catch((error: unknown) => { throw this.#missing(segment, error); });
    this.#open = { name: segment, handle, inode: (await handle.stat()).ino };
    return handle;
  }

  #missing(segment: string, error: unknown): DeltaError {
    const hint = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'put the segment back, or copy the tables again with deltaimport' : 'let this user read it';
    return new DeltaError('log-missing', `${join(this.place, segment)}: ${reasonOf(error)}`, { hint, cause: error });
  }
}
