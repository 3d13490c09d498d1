/**
 * One connection of ssh, and the POSIX shell at its other end, which reads our program from
 * its standard input as it comes. Bytes of files come back on its standard output, answers in
 * words on its standard error, so that they come while a `tail -f` has the output. Both are
 * known by a mark that is made at random for the connection and stands in no file.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { reasonOf } from '../../errors.js';
import { interrupted, interruption, noFolder, type Interrupted } from './ssh-failure.js';
import { quoted, sshArguments, type SshPlace } from './ssh-url.js';

/** What ssh and the shell say besides: the last lines are kept for a message. */
const SAID_LINES = 40;

interface Answer {
  readonly mark: string;
  readonly lines: string[];
  done(lines: string[]): void;
}

export class SshSession {
  readonly #place: SshPlace;
  /** As long without a byte where one is due the connection is taken for dead. */
  readonly #stallMs: number;
  readonly #child: ChildProcess;
  readonly #nonce = randomBytes(16).toString('hex');
  readonly #said: string[] = [];
  #marks = 0;
  #answer: Answer | undefined;
  /** Its first mark has come. */
  #isAnswering = false;
  #partialLine = '';
  /** Takes the bytes of the standard output. */
  #sink: (bytes: Buffer) => void = () => {};
  #due = 0;
  #stall: NodeJS.Timeout | undefined;
  /** Why the connection is over. */
  #over: Interrupted | undefined;
  /** Told when it is. No promise that lives as long as the connection: each wait would leave something on it. */
  readonly #waiting = new Set<(reason: Interrupted) => void>();

  private constructor(place: SshPlace, stallMs: number) {
    this.#place = place;
    this.#stallMs = stallMs;
    // A group of its own: what is typed at our terminal is not for it.
    this.#child = spawn('ssh', sshArguments(place), { stdio: 'pipe', detached: true });
    this.#child.stdout!.on('data', (bytes: Buffer) => { this.#heard(); this.#sink(bytes); });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => { this.#heard(); this.#take(text); });
    for (const stream of [this.#child.stdin!, this.#child.stdout!, this.#child.stderr!]) stream.on('error', () => {}); // its end is told by the process
    this.#child.on('error', (error) => this.#end(interrupted(place, 'config', `ssh cannot be started: ${reasonOf(error)}`, 'install the OpenSSH client')));
    this.#child.on('close', (code, signal) => this.#end(interruption(place, [...this.#said, ...(this.#answer?.lines ?? []), this.#partialLine], signal ?? `exit code ${code}`)));
  }

  /** Connects, and goes to the folder. Throws Interrupted. */
  static async open(place: SshPlace, stallMs: number, signal: AbortSignal): Promise<SshSession> {
    const session = new SshSession(place, stallMs);
    try {
      // What would make cd and ls print otherwise is unset; a tail must not outlive its shell.
      session.send(`LC_ALL=C; export LC_ALL; unset CDPATH QUOTING_STYLE TIME_STYLE BLOCK_SIZE LS_BLOCK_SIZE BLOCKSIZE; p=; m=${session.#nonce}; trap '[ -z "$p" ] || kill -s KILL $p' EXIT; trap 'exit 1' HUP INT TERM`);
      const said = await session.lines(`if cd -- ${quoted(place.folder)}; then printf 'in\\n' >&2; else printf 'not\\n' >&2; fi`, signal);
      if (said.at(-1) !== 'in') throw noFolder(place, said);
      await session.bytes('s=0', 0, signal); // what a login file prints comes before, and is dropped
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** Runs a script that prints lines on its standard error. One at a time. */
  async lines(script: string, signal: AbortSignal): Promise<string[]> {
    const mark = `${this.#nonce}.${++this.#marks}`;
    const answer = new Promise<string[]>((done) => { this.#answer = { mark, lines: [], done }; });
    this.send(`printf '%s\\n' "$m.${this.#marks}" >&2; ${script}; printf '%s\\n' "$m.${this.#marks}" >&2`);
    return this.due(answer, signal);
  }

  /** Runs a script that prints bytes, `limit` at most, and then leaves a status in `s`. What comes above the limit is dropped. */
  async bytes(script: string, limit: number, signal: AbortSignal): Promise<{ bytes: Buffer; status: number }> {
    const mark = `${this.#nonce}:${++this.#marks}:`;
    const end = new RegExp(`${mark}(\\d{1,3})\n$`);
    const answer = new Promise<{ bytes: Buffer; status: number }>((done) => {
      let bytes: Buffer = Buffer.allocUnsafe(limit + mark.length + 4);
      let length = 0;
      this.#sink = (chunk) => {
        if (length + chunk.length > bytes.length) {
          // What is not asked for any more: the end alone is kept, since the mark may be in it.
          bytes = Buffer.concat([bytes.subarray(0, length), chunk]).subarray(-bytes.length);
          length = bytes.length;
        } else {
          length += chunk.copy(bytes, length);
        }
        // Behind the mark nothing comes until the next script, so all that comes ends with it.
        const match = end.exec(bytes.toString('latin1', Math.max(0, length - mark.length - 4), length));
        if (match === null) return;
        this.#sink = () => {};
        done({ bytes: bytes.subarray(0, length - match[0].length), status: Number(match[1]) });
      };
    });
    this.send(`${script}; printf '%s:%s:%s\\n' "$m" ${this.#marks} "$s"`);
    return this.due(answer, signal);
  }

  /** A command line for the shell at the other end. */
  send(script: string): void {
    this.#child.stdin!.write(`${script}\n`);
  }

  /** From here on the standard output is taken by `sink`. */
  stream(sink: (bytes: Buffer) => void): void {
    this.#sink = sink;
  }

  pause(): void { this.#child.stdout!.pause(); }
  resume(): void { this.#child.stdout!.resume(); }

  /** Waits for something that is due: a connection that is silent for too long meanwhile is over. */
  async due<T>(what: Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    if (this.#over !== undefined) throw this.#over;
    this.#due++;
    this.#heard();
    let forget!: () => void;
    try {
      return await new Promise<T>((resolve, reject) => {
        const abort = () => reject(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        const deaf = this.onOver(reject);
        forget = () => {
          signal.removeEventListener('abort', abort);
          deaf();
        };
        what.then(resolve, reject);
      });
    } finally {
      forget();
      if (--this.#due === 0) clearTimeout(this.#stall);
    }
  }

  /** Calls `listener` when the connection is over; gives what takes that back. */
  onOver(listener: (reason: Interrupted) => void): () => void {
    if (this.#over !== undefined) listener(this.#over);
    this.#waiting.add(listener);
    return () => { this.#waiting.delete(listener); };
  }

  get isOver(): boolean { return this.#over !== undefined; }

  close(): void {
    clearTimeout(this.#stall);
    this.#child.stdin!.destroy();
    this.#child.stdout!.destroy();
    this.#child.kill();
  }

  #end(reason: Interrupted): void {
    if (this.#over !== undefined) return;
    this.#over = reason;
    for (const listener of this.#waiting) listener(reason);
  }

  #heard(): void {
    clearTimeout(this.#stall);
    if (this.#due === 0) return;
    this.#stall = setTimeout(() => {
      this.#end(interrupted(this.#place, 'connection', `no answer for ${this.#stallMs / 1000} s`, `see: ssh ${this.#place.destination} true`));
      this.close();
    }, this.#stallMs);
  }

  #take(text: string): void {
    const lines = (this.#partialLine + text).split('\n');
    this.#partialLine = lines.pop()!;
    for (const line of lines) {
      const answer = this.#answer;
      if (answer === undefined || !line.endsWith(answer.mark)) this.#keep(line);
      else if (!this.#isAnswering) this.#isAnswering = true;
      else {
        this.#isAnswering = false;
        this.#answer = undefined;
        answer.done(answer.lines);
      }
    }
  }

  #keep(line: string): void {
    if (this.#isAnswering) {
      this.#answer?.lines.push(line);
      return;
    }
    this.#said.push(line.replace(/\r$/, ''));
    if (this.#said.length > SAID_LINES) this.#said.shift();
  }
}
