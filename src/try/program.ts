/**
 * The commands of this package, as processes: what a user would start. Each has a channel to us and
 * ends when we do, however we end (cli.ts). The password is in their environment, not in what they are called with.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { programOf, type CommandName } from '../cli.js';
import { DeltaError } from '../errors.js';

const STOP_TIMEOUT_MS = 8_000;
const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

export interface Where {
  /** Of the child: with the password, if one was given. */
  readonly env: NodeJS.ProcessEnv;
  /** Is told each line that a child says. */
  readonly tell: (line: string) => void;
}

export class Program {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #stdout = '';
  #rest = '';
  #lastLine = '';
  #isStopping = false;

  /** In a process group of its own: a Ctrl-C is ours to pass on, in the right order. */
  constructor(readonly name: CommandName, args: readonly string[], { env, tell }: Where) {
    this.#child = spawn(process.execPath, [programOf(name), ...args], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      if (this.#stdout.length < OUTPUT_LIMIT_BYTES) this.#stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#said(text, tell));
    this.#closed = once(this.#child, 'close');
  }

  /** What it printed, when it has done its work. Throws DeltaError with its own last word where it failed. */
  async done(): Promise<string> {
    await this.#closed;
    if (this.#child.exitCode !== 0) throw this.#failure();
    return this.#stdout;
  }

  /** What it printed, whether its work was done or not. */
  async printed(): Promise<string> {
    await this.#closed;
    if (this.#stdout === '') throw this.#failure();
    return this.#stdout;
  }

  /** Rejects when it has ended unasked, which one that follows does only when it must. */
  async failed(): Promise<never> {
    await this.#closed;
    if (this.#isStopping) return new Promise(() => {});
    throw this.#failure();
  }

  /** Asks it to end, and makes it where it does not. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.#child.kill('SIGTERM');
    await this.#closed;
    clearTimeout(timer);
  }

  #failure(): DeltaError {
    return new DeltaError('config', this.#lastLine || `${this.name}: ended with ${this.#child.signalCode ?? this.#child.exitCode}`);
  }

  #said(text: string, tell: (line: string) => void): void {
    const lines = `${this.#rest}${text}`.split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) tell(line);
    this.#lastLine = lines.at(-1) ?? this.#lastLine;
  }
}
