/**
 * A log's files by HTTP: from any server that sends files and knows Range requests, or from
 * `daystream serve`, which also pushes what is new. A file `index` tells what there is.
 *
 * Bytes are taken from an answer as far as it goes; behind its end stands what the answer said
 * of the file's size. That holds until `changed` asks again, so an idle reader costs one
 * conditional request each time that it looks, and none where the server pushes.
 */
import { backoffMs, pause } from '../backoff.js';
import type { Files } from '../files.js';
import { isSegmentName } from '../segment.js';
import type { Piece } from './http/answer.js';
import { Asker, type HttpOptions, type Index } from './http/asker.js';
import { Body } from './http/body.js';
import { Failure } from './http/failure.js';
import { Live } from './http/live.js';
import { Pushing } from './http/pushing.js';
import { Window } from './http/window.js';

export type { HttpOptions } from './http/asker.js';

/** Who reads less than this at a new place looks for something: it is given the neighbourhood, and not all that follows. */
const SEARCH_BYTES = 256 << 10;
const NEARBY_BYTES = 64 << 10;
/** A segment grows all the time and the set of files changes once a day: each time but one of so many the segment is looked at. */
const LOOKS_PER_INDEX = 4;
/** While a log is written it grows every 10 s. So often unchanged, an answer is not believed: its version may never change. */
const MOST_UNCHANGED = 30;

/** What the last answer said of a file. */
interface Known {
  readonly name: string;
  readonly bytes: number;
  /** Its version; undefined where the server names none. */
  readonly tag: string | undefined;
}

export class HttpFiles implements Files {
  readonly place: string;
  readonly patience = 5;
  readonly #asker: Asker;
  readonly #options: HttpOptions;
  #index: Index | undefined;
  #known: Known | undefined;
  #window = new Window('', 0);
  /** What goes on at the window's end: an answer's bytes, or what the server pushes. */
  #coming: { readonly piece: Piece; skip: number; came: number } | undefined;
  #live: Live | undefined;
  readonly #pushing = new Pushing();
  /** Ends also what waits for the server. */
  readonly #closing = new AbortController();
  #looks = 0;
  /** Answers, one after another, that nothing has changed. */
  #unchanged = 0;
  /** One thing after another: what is fetched ahead shares the window with what is looked at. */
  #turn: Promise<unknown> = Promise.resolve();

  /** `base` ends in a slash and holds no secret. */
  constructor(base: URL, options: HttpOptions = {}) {
    this.place = base.href.replace(/\/$/, '');
    const { signal } = this.#closing;
    this.#options = { ...options, signal: options.signal === undefined ? signal : AbortSignal.any([options.signal, signal]) };
    this.#asker = new Asker(this.place, base, this.#options);
  }

  list(): Promise<string[]> {
    return this.#inTurn(async () => {
      await this.#lookAtIndex();
      return [...(this.#index?.names ?? [])];
    });
  }

  read(name: string, offset: number, into: Buffer): Promise<number> {
    return this.#inTurn(async () => {
      for (;;) {
        if (!this.#window.holds(name, offset)) this.#goTo(name, offset);
        const window = this.#window;
        // What is not wanted yet stays there, so that a slow reader holds up the server and no memory grows.
        if (window.end < offset + into.length) for (const chunk of this.#live?.take() ?? []) window.push(chunk);
        while (this.#live === undefined && window === this.#window && window.end < offset + into.length && await this.#fetch(window, into.length));
        if (window === this.#window) return window.copy(offset, into); // else all was forgotten meanwhile
      }
    });
  }

  size(name: string): Promise<number> {
    return this.#inTurn(async () => (this.#live?.name === name ? this.#live.end : (await this.#measured(name)).bytes));
  }

  async changed(name: string | undefined, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (name !== undefined && isSegmentName(name) && this.#index?.isLive === true && this.#pushing.isWorthAsking) return this.#follow(name, timeoutMs, signal);
    this.#pushing.looked();
    await pause(timeoutMs, signal).catch(() => {}); // aborted: the caller sees it
    return signal?.aborted === true ? false : this.#inTurn(() => this.#look(name));
  }

  reset(): void {
    // What a proxy passes in pieces ends anywhere, and what does not fit may be half of it.
    if (this.#live !== undefined) this.#pushing.over(this.#live.hasBrought, true, this.#live.end);
    this.#goTo('', 0);
    this.#known = this.#index = undefined;
    this.#asker.close();
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error(`${this.place}: was closed while it was read`));
    this.#goTo('', 0);
    this.#asker.close();
  }

  /** Leaves what is at hand, and the answers that bring more of it. */
  #goTo(name: string, offset: number): void {
    this.#coming?.piece.body.close();
    this.#live?.close();
    this.#coming = this.#live = undefined;
    this.#window = new Window(name, offset);
  }

  async #lookAtIndex(): Promise<boolean> {
    const index = await this.#asker.index(this.#index?.tag);
    if (index === undefined) return false;
    const isChanged = index.names.join() !== this.#index?.names.join();
    this.#index = index;
    return isChanged;
  }

  async #measured(name: string): Promise<Known> {
    if (this.#known?.name === name) return this.#known;
    const piece = await this.#asker.piece({ name, first: 0, last: 0 });
    if (piece?.body !== undefined && piece.length === 1) await piece.body.all(1).catch(() => {}); // so that the connection serves again
    else piece?.body?.close();
    this.#known = { name, bytes: piece?.total ?? await this.#counted(name), tag: undefined };
    return this.#known;
  }

  /** The size of a file of which no answer says it: all of it is fetched. */
  async #counted(name: string): Promise<number> {
    for (;;) {
      const body = (await this.#asker.piece({ name, first: 0, last: undefined }))?.body;
      let bytes = 0;
      try {
        for (let chunk = await body?.next(); chunk !== undefined; chunk = await body?.next()) bytes += chunk.length;
        return bytes;
      } catch (error) {
        await this.#asker.failed(error);
      }
    }
  }

  /** Asks what may have changed: the segment, or now and then the set of files. */
  async #look(name: string | undefined): Promise<boolean> {
    if (name === undefined || this.#known?.name !== name) {
      this.#known = undefined; // whoever asks for a size has another look
      return this.#lookAtIndex();
    }
    if (++this.#looks % LOOKS_PER_INDEX === 0) return this.#lookAtIndex();
    const { bytes, tag } = this.#known;
    const isDoubted = this.#unchanged >= MOST_UNCHANGED;
    const piece = await this.#asker.piece({ name, first: bytes, last: undefined }, isDoubted ? undefined : tag);
    this.#unchanged = piece === undefined ? this.#unchanged + 1 : 0;
    if (isDoubted) this.#index = this.#index && { ...this.#index, tag: undefined }; // nor is the index's
    if (piece === undefined) return false;
    const total = piece.total ?? (piece.body === undefined ? bytes : undefined);
    this.#known = total === undefined ? undefined : { name, bytes: total, tag: piece.body && piece.tag };
    if (total !== undefined && total < bytes) this.#goTo('', 0); // it was cut, and what came of it may be written anew
    if (piece.body === undefined) this.#asker.progress();
    else if (total !== undefined && total <= bytes) piece.body.close();
    else if (this.#window.name === name && this.#window.end === bytes) this.#begin(piece);
    else piece.body.close();
    return false;
  }

  /** Fetches more behind the window; false at the end of what there is, and where the window is left meanwhile, as `reset` does out of turn. */
  async #fetch(window: Window, wanted: number): Promise<boolean> {
    const { name, end, isNew } = window;
    if (this.#coming !== undefined) return this.#receive(window, this.#coming);
    if (this.#known?.name === name && this.#known.bytes <= end) return false;
    const isSearch = isNew && wanted < SEARCH_BYTES;
    const piece = await this.#asker.piece({ name, first: end, last: isSearch ? end + Math.max(wanted, NEARBY_BYTES) - 1 : undefined });
    if (window !== this.#window) {
      piece?.body?.close();
      return false;
    }
    const total = piece?.total ?? (piece?.body === undefined ? end : undefined);
    this.#known = total === undefined ? undefined : { name, bytes: total, tag: piece?.body && piece.tag };
    if (piece?.body === undefined) this.#asker.progress();
    else if (total !== undefined && total <= end) piece.body.close();
    else this.#begin(piece);
    this.#pushing.ranged(this.#coming === undefined ? end : total ?? Infinity);
    if (total !== undefined && total < end) this.#goTo(name, end); // as in #look
    return this.#coming !== undefined;
  }

  #begin(piece: Piece): void {
    this.#coming?.piece.body.close();
    this.#coming = { piece, skip: piece.skip, came: 0 };
  }

  /** The next bytes of the answer at hand. True also where it ended and another one has to be asked for. */
  async #receive(window: Window, coming: { readonly piece: Piece; skip: number; came: number }): Promise<boolean> {
    const { body, length, tag, total } = coming.piece;
    try {
      const chunk = coming.came === length ? undefined : await body.next();
      if (window !== this.#window) return false;
      if (chunk === undefined) {
        this.#coming = undefined;
        if (coming.came < (length ?? 0)) throw new Failure('cut', 'ended early');
        if (length === undefined && total === undefined) this.#known = { name: window.name, bytes: window.end - coming.skip, tag };
        if (coming.came === length && await body.next() !== undefined) throw new Failure('wrong', 'answers more bytes than it says');
        return true;
      }
      const skipped = Math.min(coming.skip, chunk.length);
      coming.skip -= skipped;
      coming.came += chunk.length - skipped;
      window.push(chunk.subarray(skipped));
      this.#asker.progress();
    } catch (error) {
      body.close();
      if (window !== this.#window) return false;
      this.#coming = undefined;
      await this.#asker.failed(error);
    }
    return true;
  }

  /** Waits for what the server pushes. Where that brings nothing, ranges are asked for before the next stream. */
  async #follow(name: string, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (this.#live?.name !== name) await this.#inTurn(() => this.#openLive(name));
    const live = this.#live;
    if (live !== undefined) {
      await live.wait(timeoutMs, signal);
      if (live.hasBrought) this.#asker.progress();
      if (!live.isOver) return false;
      await this.#inTurn(async () => this.#leave(live));
    }
    // Whose streams bring nothing must not be asked for the next one without rest.
    if (!this.#pushing.isWorthAsking) await pause(timeoutMs, signal).catch(() => {});
    else if (this.#pushing.vain > 0) await pause((this.#options.backoffMs ?? backoffMs)(this.#pushing.vain), signal).catch(() => {});
    return true;
  }

  async #openLive(name: string): Promise<void> {
    if (this.#window.name !== name || this.#coming !== undefined) this.#goTo(name, (await this.#measured(name)).bytes);
    const { end } = this.#window;
    const body = await this.#asker.live(name, end);
    this.#known = undefined;
    if (body instanceof Body) this.#live = new Live(name, end, body);
    else if (body === 'refused') this.#pushing.refused();
    else this.#pushing.over(false, true, end);
    if (body === 'shorter') this.#goTo('', 0);
  }

  /** What it brought last stays to be read; what it may have held back is asked for. */
  #leave(live: Live): void {
    if (this.#live !== live) return;
    for (const chunk of live.take()) this.#window.push(chunk);
    this.#live = undefined;
    const hasStalled = live.failure instanceof Failure && live.failure.kind === 'wrong';
    this.#pushing.over(live.hasBrought, hasStalled, live.end);
    this.#known = live.hasBrought && !hasStalled ? { name: live.name, bytes: this.#window.end, tag: undefined } : undefined;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}
