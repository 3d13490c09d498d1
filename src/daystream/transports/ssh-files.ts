/**
 * The files of a log on another host, by the system's own ssh: one connection, nothing at the
 * other end but POSIX tools. A reader that goes on in a file gets it by one `tail -f` from its
 * offset, which brings what is appended as it is; a reader that looks about gets pieces by `dd`.
 */
import { DeltaError } from '../../errors.js';
import { isLogFile } from '../file-names.js';
import type { Files } from '../files.js';
import { Retries } from './retries.js';
import { Interrupted } from './ssh-failure.js';
import { SshSession } from './ssh-session.js';
import { parseSshUrl, type SshPlace } from './ssh-url.js';
import { StreamWindow } from './stream-window.js';

const BLOCK_BYTES = 1 << 16;
/** A line of `ls -lni`: inode, mode, links, owner, group, bytes, and at its end the name. */
const LISTED = /^\s*(\d+)\s+-\S+\s+\d+\s+\d+\s+\d+\s+(\d+)\s.*\s(\S+)$/;
/** What `s` is where there is no such file, and where it may not be read. */
const NO_FILE = 11;
const UNREADABLE = 12;

interface Listed { readonly inode: string; readonly bytes: number }

/** A file that comes by `tail -f`. */
interface Stream {
  readonly name: string;
  readonly inode: string;
  readonly window: StreamWindow;
  /** So many bytes were in the file when it was last looked at. */
  known: number;
}

export interface SshOptions {
  /** Takes a sentence for the person at the terminal. */
  readonly tell: (text: string) => void;
  readonly signal: AbortSignal;
  /** A connection that is silent for so long where something is due is made anew. */
  readonly stallMs?: number;
}

const STALL_MS = 30_000;

export class SshFiles implements Files {
  readonly patience = 5;
  readonly #at: SshPlace;
  readonly #options: SshOptions;
  #session: SshSession | undefined;
  #stream: Stream | undefined;
  /** The last read: one that goes on behind its start is of a reader that streams. */
  #last: { readonly name: string; readonly offset: number; readonly end: number } | undefined;
  /** The connection takes one script at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #retries: Retries;
  #hasAnswered = false;
  /** Ends also what waits for the place. */
  readonly #closing = new AbortController();

  /** Throws DeltaError `usage` where the URL is none of ssh. Connects when it is first asked for something. */
  constructor(url: string, options: SshOptions) {
    this.#at = parseSshUrl(url);
    this.#options = { ...options, signal: AbortSignal.any([options.signal, this.#closing.signal]) };
    this.#retries = new Retries(this.#at.place, this.#options);
  }

  get place(): string { return this.#at.place; }

  list(): Promise<string[]> {
    return this.#run(async (session) => {
      // Twice: a file's size is read behind the names, so that one with a successor has its last size.
      const lines = await this.#lines(session, 'l=$(ls -q); printf \'%s\\n/\\n\' "$l" >&2; ls -lniLq >&2');
      const names = lines.splice(0, lines.indexOf('/'));
      const sizes = new Map(lines.flatMap((line) => listedOf(line)));
      const stream = this.#stream;
      if (stream !== undefined) stream.known = Math.max(stream.known, sizes.get(stream.name)?.bytes ?? 0);
      return names.filter((name) => isLogFile(name) && sizes.has(name));
    });
  }

  read(name: string, offset: number, into: Buffer): Promise<number> {
    return this.#run(async (session) => {
      const isOn = this.#last?.name === name && offset > this.#last.offset && offset <= this.#last.end;
      if (!this.#holds(name, offset) && isOn) await this.#startStream(session, name, offset);
      const read = this.#holds(name, offset) ? await this.#readStream(session, offset, into) : await this.#readPiece(session, name, offset, into);
      this.#last = { name, offset, end: offset + read };
      return read;
    });
  }

  size(name: string): Promise<number> {
    return this.#run(async (session) => {
      // What a stream has brought is the size for its reader: to ask each time would be a way there and back for each commit.
      if (this.#stream?.name === name) return Math.max(this.#stream.known, this.#stream.window.end);
      const listed = await this.#look(session, name);
      if (listed === undefined) throw this.#missing(name);
      return listed.bytes;
    });
  }

  async changed(name: string | undefined, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const signals = signal === undefined ? [this.#options.signal] : [signal, this.#options.signal];
    if (signals.some(({ aborted }) => aborted)) return false;
    const last = this.#last;
    const isIn = name !== undefined && last?.name === name;
    if (isIn && this.#stream?.name !== name) await this.#run((session) => this.#startStream(session, name, last.end));
    if (isIn && this.#stream?.window.hasMore === true) return false;
    const waited = await this.#wait(isIn, timeoutMs, signals);
    if (waited !== 'poll') return false;
    return isIn ? this.#run((session) => this.#poll(session, name)) : true;
  }

  /** Until more has come, the time is over, or there is nothing to wait for any more. */
  async #wait(isIn: boolean, timeoutMs: number, signals: readonly AbortSignal[]): Promise<'more' | 'poll' | 'over'> {
    const forget: (() => void)[] = [];
    const waited = await new Promise<'more' | 'poll' | 'over'>((done) => {
      const timer = setTimeout(() => done('poll'), timeoutMs);
      forget.push(() => clearTimeout(timer));
      const over = () => done('over');
      for (const signal of signals) {
        signal.addEventListener('abort', over, { once: true });
        forget.push(() => signal.removeEventListener('abort', over));
      }
      if (!isIn) return;
      if (this.#session === undefined || this.#stream === undefined) over();
      else forget.push(this.#session.onOver(over), this.#stream.window.onMore(() => done('more')));
    });
    for (const each of forget) each();
    return waited;
  }

  reset(): void {
    this.#drop();
    this.#last = undefined;
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error(`${this.place}: was closed while it was read`));
    this.#drop();
    await this.#turn;
  }

  /** In silence: is it still this file that is streamed, and are the files still those that were listed? */
  async #poll(session: SshSession, name: string): Promise<boolean> {
    const [list, ...lines] = await this.#lines(session, `n=$(ls -q); if [ "$n" = "$l" ]; then echo same >&2; else echo other >&2; fi; l=$n; ls -lniLq ./${name} >&2`);
    const listed = lines.flatMap((line) => listedOf(line))[0]?.[1];
    const stream = this.#stream;
    if (stream === undefined) return true;
    // Removed, put anew, or cut by its writer: what tail has open is not what is there.
    if (listed === undefined || listed.inode !== stream.inode || listed.bytes < stream.window.end) {
      await this.#endStream(session);
      return true;
    }
    stream.known = Math.max(stream.known, listed.bytes);
    return list !== 'same';
  }

  #holds(name: string, offset: number): boolean {
    return this.#stream?.name === name && this.#stream.window.holds(offset);
  }

  async #startStream(session: SshSession, name: string, offset: number): Promise<void> {
    await this.#endStream(session);
    const listed = await this.#look(session, name);
    if (listed === undefined) throw this.#missing(name);
    const stream: Stream = { name, inode: listed.inode, window: new StreamWindow(offset), known: listed.bytes };
    this.#stream = stream;
    session.stream((bytes) => {
      stream.window.push(bytes);
      if (stream.window.isFull) session.pause();
    });
    session.send(`tail -c +${offset + 1} -f ./${name} </dev/null 2>/dev/null & p=$!`);
  }

  async #endStream(session: SshSession): Promise<void> {
    if (this.#stream === undefined) return;
    this.#stream = undefined;
    session.resume();
    // KILL: another signal right behind the fork would be caught in the shell's own copy, by its traps, and wait would wait for ever.
    await session.bytes('kill -s KILL "$p" 2>/dev/null; wait "$p" 2>/dev/null; p=; s=0', 0, this.#options.signal);
  }

  /** Fills `into` as far as the file is known to go; what has not come yet is due. */
  async #readStream(session: SshSession, offset: number, into: Buffer): Promise<number> {
    const { window, known } = this.#stream!;
    const end = Math.min(offset + into.length, known);
    while (window.end < end) await session.due(new Promise<void>((done) => { window.onMore(done); }), this.#options.signal);
    const read = window.read(offset, into);
    if (!window.isFull) session.resume();
    return read;
  }

  async #readPiece(session: SshSession, name: string, offset: number, into: Buffer): Promise<number> {
    await this.#endStream(session);
    const skip = Math.floor(offset / BLOCK_BYTES);
    const count = Math.ceil((offset + into.length) / BLOCK_BYTES) - skip;
    const file = `./${name}`;
    const script = `if [ ! -e ${file} ]; then s=${NO_FILE}; elif [ ! -r ${file} ]; then s=${UNREADABLE}; else dd if=${file} bs=${BLOCK_BYTES} skip=${skip} count=${count} 2>/dev/null </dev/null; s=$?; fi`;
    const { bytes, status } = await session.bytes(script, count * BLOCK_BYTES, this.#options.signal);
    if (status === NO_FILE) throw this.#missing(name);
    if (status === UNREADABLE) throw new DeltaError('log-missing', `${this.place}/${name}: may not be read there`, { hint: 'let that user read it' });
    if (status !== 0) throw new DeltaError('io', `${this.place}/${name}: cannot be read there: dd ended with ${status}`);
    return bytes.copy(into, 0, offset - skip * BLOCK_BYTES);
  }

  async #look(session: SshSession, name: string): Promise<Listed | undefined> {
    return (await this.#lines(session, `ls -lniLq ./${name} >&2`)).flatMap((line) => listedOf(line))[0]?.[1];
  }

  /** While the output is held up for a slow reader nothing comes, answers neither. */
  async #lines(session: SshSession, script: string): Promise<string[]> {
    if (this.#stream?.window.isFull === true) await this.#endStream(session);
    return session.lines(script, this.#options.signal);
  }

  /** In turn, and again over a new connection where the one at hand fails. */
  #run<T>(work: (session: SshSession) => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => this.#untilDone(work));
    this.#turn = result.catch(() => {});
    return result;
  }

  async #untilDone<T>(work: (session: SshSession) => Promise<T>): Promise<T> {
    const { signal, stallMs = STALL_MS } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      let wasOpen = false;
      try {
        if (this.#session?.isOver === true) this.#drop();
        this.#session ??= await SshSession.open(this.#at, stallMs, signal);
        wasOpen = true;
        const done = await work(this.#session);
        this.#retries.progress();
        this.#hasAnswered = true;
        return done;
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
        this.#drop();
        if (error.isFinal || signal.aborted || (!this.#hasAnswered && !wasOpen)) throw error.error;
        await this.#retries.failed(error.message, wasOpen ? 'cut' : 'wrong', error.error.hint ?? '');
      }
    }
  }

  #drop(): void {
    this.#session?.close();
    this.#session = this.#stream = undefined;
  }

  #missing(name: string): DeltaError {
    return new DeltaError('log-missing', `${this.place}/${name}: is not there`, { hint: 'put the segment back, or copy the tables again with deltaimport' });
  }
}

function listedOf(line: string): [string, Listed][] {
  const match = LISTED.exec(line);
  return match === null ? [] : [[match[3].replace(/^\.\//, ''), { inode: match[1], bytes: Number(match[2]) }]];
}
