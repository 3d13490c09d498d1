/**
 * The segments that are followed, and the folder that they lie in. Word that a file grew or
 * that files came and went only wakes: what there is, is looked at. A poll is the net under it.
 */
import { watch, type FSWatcher } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { segmentOf } from '../daystream/file-names.js';
import { reasonOf } from '../errors.js';
import { openFile } from './file.js';
import { Follower } from './follower.js';
import { Tail } from './tail.js';

const POLL_MS = 1000;

/** A segment that somebody asked for, while somebody has use for it. */
export interface Followed {
  readonly name: string;
  readonly opening: Promise<void>;
  /** Undefined until it is open, and where there is no such file. */
  tail: Tail | undefined;
  users: number;
}

export class Tails {
  readonly #followed = new Map<string, Followed>();
  readonly #watcher: FSWatcher | undefined;
  readonly #poll: NodeJS.Timeout;
  #isListing = false;
  #isListChanged = false;

  constructor(private readonly folder: string, tell: (text: string) => void) {
    this.#watcher = this.#watch(tell);
    this.#poll = setInterval(() => this.#wakeAll(), POLL_MS);
  }

  /** All that is followed. */
  [Symbol.iterator](): Iterator<Followed> { return this.#followed.values(); }

  /** Takes hold of a segment, with others who have it; `release` lets go. */
  async hold(name: string): Promise<Followed> {
    const followed = this.#followed.get(name) ?? this.#open(name);
    followed.users++;
    try {
      await followed.opening;
    } catch (error) {
      await this.release(followed);
      throw error;
    }
    return followed;
  }

  async release(followed: Followed): Promise<void> {
    if (--followed.users > 0) return;
    this.#forget(followed);
    await followed.tail?.end();
  }

  /** Follows for an answer whose head is set, until it is closed. */
  async follow(tail: Tail, from: number, response: ServerResponse): Promise<void> {
    const follower = new Follower(response, from, (drained) => tail.catchUp(drained));
    tail.add(follower);
    void this.#look();
    await new Promise<void>((resolve) => { response.once('close', resolve); });
    tail.remove(follower);
  }

  /** Everybody has to come again, and elsewhere. */
  close(): void {
    this.#watcher?.close();
    clearInterval(this.#poll);
    for (const { tail } of this.#followed.values()) tail?.break();
  }

  #open(name: string): Followed {
    const opening = openFile(this.folder, name).then((file) => { if (file !== undefined) followed.tail = new Tail(file); });
    const followed: Followed = { name, opening, tail: undefined, users: 0 };
    this.#followed.set(name, followed);
    return followed;
  }

  #forget(followed: Followed): void {
    if (this.#followed.get(followed.name) === followed) this.#followed.delete(followed.name);
  }

  #watch(tell: (text: string) => void): FSWatcher | undefined {
    const complain = (error: unknown) => tell(`${this.folder}: cannot be watched, so it is looked at once a second: ${reasonOf(error)}`);
    try {
      return watch(this.folder, (event, name) => this.#heard(event, name)).on('error', complain);
    } catch (error) {
      complain(error);
      return undefined;
    }
  }

  #heard(event: string, name: string | null): void {
    if (name === null) this.#wakeAll();
    else this.#followed.get(name)?.tail?.wake();
    if (event === 'rename' && name !== null && segmentOf(name) !== undefined) void this.#look();
  }

  #wakeAll(): void {
    for (const { tail } of this.#followed.values()) tail?.wake();
    void this.#look();
  }

  /** Looks which segments there are, and does it again where word came meanwhile. */
  async #look(): Promise<void> {
    this.#isListChanged = true;
    if (this.#isListing) return;
    this.#isListing = true;
    while (this.#isListChanged && this.#followed.size > 0) {
      this.#isListChanged = false;
      const found = await Promise.all([...this.#followed.values()].map(async (followed) => ({ followed, inode: await this.#inode(followed.name) })));
      // Listed behind that: what has gone by then may go, if its next one was there before.
      const segments = (await readdir(this.folder).catch(() => [])).flatMap((name) => segmentOf(name) ?? []);
      for (const { followed, inode } of found) this.#judge(followed, inode, segments.some((other) => other > followed.name));
    }
    this.#isListing = false;
  }

  /** A segment that has a next one may go: what is open is sent to its end. One that another was put in the place of has other bytes. */
  #judge(followed: Followed, inode: number | undefined, hasNext: boolean): void {
    const { tail } = followed;
    if (tail === undefined) return;
    if (hasNext) tail.close();
    if (inode === tail.inode || (inode === undefined && hasNext)) return;
    this.#forget(followed);
    tail.break();
  }

  async #inode(name: string): Promise<number | undefined> {
    const stats = await stat(join(this.folder, name)).catch(() => undefined);
    return stats?.ino;
  }
}
