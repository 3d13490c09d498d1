/**
 * The files of a log in a local folder. Two kinds of word reach a waiting reader: the folder's
 * watch tells of files that come and go, the open segment's, which may be a link to elsewhere,
 * of what is written. Both only wake the reader, which then reads to the end, and a slow poll
 * is the net under both. Node's own watch and no library's: those list a folder anew at each
 * write to one of its files.
 */
import { readSync, watch, type FSWatcher, type Stats } from 'node:fs';
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { DeltaError, reasonOf } from '../../errors.js';
import { isLogFile } from '../file-names.js';
import type { Files } from '../files.js';
import { Wakeable } from './wakeable.js';

/** What inotify says where this user has as many as the system allows. */
const NO_MORE_WATCHES = new Set(['EMFILE', 'ENOSPC']);

export class FolderFiles implements Files {
  readonly place: string;
  readonly patience = 1;
  #open: { name: string; handle: FileHandle; file: string | undefined } | undefined;
  #watched: { name: string; watcher: FSWatcher } | undefined;
  #folder: { file: string; watcher: FSWatcher } | undefined;
  #grown = true;
  #listChanged = true;
  readonly #news = new Wakeable();
  #isClosed = false;

  /** `isAlone`: the process does little else while it reads, and the way through another thread costs more than to read what is in memory. */
  constructor(path: string, private readonly isAlone = false) {
    this.place = resolve(path);
  }

  async list(): Promise<string[]> {
    try {
      return (await readdir(this.place)).filter(isLogFile);
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such folder' : reasonOf(error);
      throw new DeltaError('log-missing', `${this.place}: ${reason}`, { hint: 'give the folder that deltastream --out writes', cause: error });
    }
  }

  async read(name: string, offset: number, into: Buffer): Promise<number> {
    const handle = await this.#handle(name);
    try {
      if (!this.isAlone) return (await handle.read(into, 0, into.length, offset)).bytesRead;
      const read = readSync(handle.fd, into, 0, into.length, offset);
      if (read === into.length) await setImmediate(); // there is more: who else waits has a turn in between
      return read;
    } catch (error) {
      await this.#letGo(); // of a mount that went, nothing comes by the old handle any more
      throw this.#missing(name, error);
    }
  }

  async size(name: string): Promise<number> {
    // By path, not by the open handle: a file that was removed must not look alive, and one that was put in its place, as rsync does, is read from here on.
    const status = await stat(join(this.place, name)).catch((error: unknown) => { throw this.#missing(name, error); });
    if (this.#open?.name === name && this.#open.file !== fileOf(status)) await this.#letGo();
    return status.size;
  }

  async changed(name: string | undefined, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    await this.#watch(name);
    if (!this.#grown && !this.#listChanged && signal?.aborted !== true) {
      await this.#news.wait(timeoutMs, signal);
      // Neither flag set: the poll ran out, and then the list is looked at too, which may be another folder's by now.
      if (!this.#grown) {
        this.#listChanged = true;
        if (this.#folder?.file !== await this.#folderFile()) this.#unwatchFolder();
      }
    }
    const listChanged = this.#listChanged;
    this.#grown = false;
    this.#listChanged = false;
    return listChanged;
  }

  /** Nothing: what is read is always asked of the file system. */
  reset(): void {}

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#unwatchFolder();
    await this.#letGo();
  }

  async #letGo(): Promise<void> {
    this.#watched?.watcher.close();
    const handle = this.#open?.handle;
    this.#watched = this.#open = undefined;
    await handle?.close();
  }

  async #watch(name: string | undefined): Promise<void> {
    if (this.#folder === undefined) await this.#watchFolder();
    if (name === undefined || this.#watched?.name === name || this.#isClosed) return;
    this.#watched?.watcher.close();
    this.#watched = undefined;
    try {
      const watcher = watch(join(this.place, name), () => this.#notify(false));
      watcher.on('error', () => this.#notify(true));
      this.#watched = { name, watcher };
    } catch (error) {
      if (NO_MORE_WATCHES.has((error as NodeJS.ErrnoException).code ?? '')) return; // the poll remains
      throw this.#missing(name, error);
    }
    this.#grown = true; // what came between the last read and this watch is read now
  }

  /** Where it is not there, or cannot be watched, the poll remains. */
  async #watchFolder(): Promise<void> {
    const file = await this.#folderFile();
    if (file === undefined || this.#isClosed) return;
    try {
      const watcher = watch(this.place, (event, file) => { if (event === 'rename' && (file === null || isLogFile(file))) this.#notify(true); });
      watcher.on('error', () => this.#unwatchFolder());
      this.#folder = { file, watcher };
    } catch {
      return;
    }
    this.#grown = this.#listChanged = true; // what came between the last look and this watch is looked at now
  }

  #unwatchFolder(): void {
    this.#folder?.watcher.close();
    this.#folder = undefined;
  }

  /** What stands under the folder's name; undefined where there is nothing. */
  async #folderFile(): Promise<string | undefined> {
    return fileOf(await stat(this.place).catch(() => undefined));
  }

  #notify(listChanged: boolean): void {
    this.#grown = true;
    this.#listChanged ||= listChanged;
    this.#news.wake();
  }

  async #handle(name: string): Promise<FileHandle> {
    if (this.#open?.name === name) return this.#open.handle;
    const former = this.#open?.handle;
    this.#open = undefined;
    await former?.close();
    const handle = await open(join(this.place, name), 'r').catch((error: unknown) => { throw this.#missing(name, error); });
    this.#open = { name, handle, file: fileOf(await handle.stat()) };
    if (this.#isClosed) await this.#letGo(); // it was opened meanwhile
    return handle;
  }

  #missing(name: string, error: unknown): DeltaError {
    const hint = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'put the segment back, or copy the tables again with deltaimport' : 'let this user read it';
    return new DeltaError('log-missing', `${join(this.place, name)}: ${reasonOf(error)}`, { hint, cause: error });
  }
}

/** A mount has files of the same numbers as another one. */
function fileOf(status: Stats | undefined): string | undefined {
  return status && `${status.dev}:${status.ino}`;
}
