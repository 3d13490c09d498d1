/** The real commands, as child processes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { programPath } from '../programs.js';

const STOP_TIMEOUT_MS = 5_000;
const MAIN = { deltastream: 'deltastream', deltaimport: 'import', deltamirror: 'deltamirror' } as const;

export class Command {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #lastLine = '';

  /** Starts a command in a process group of its own: a Ctrl-C is the demo's to pass on, in the right order. */
  constructor(name: keyof typeof MAIN, args: readonly string[], where: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }) {
    this.#name = name;
    this.#child = spawn(process.execPath, [programPath(MAIN[name]), ...args], { ...where, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => { this.#lastLine = text.trimEnd().split('\n').at(-1) ?? this.#lastLine; });
    this.#exited = once(this.#child, 'close');
  }

  /** Resolves when it has done its work; throws what it said when it failed. */
  async done(): Promise<void> {
    await this.#exited;
    if (this.#child.exitCode !== 0) throw this.#failure();
  }

  /** Throws when it has ended, which the commands that follow never do by themselves. */
  check(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw this.#failure();
  }

  /** Asks it to end, and makes it when it does not. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.#child.kill('SIGTERM');
    await this.#exited;
    clearTimeout(timer);
  }

  #failure(): Error {
    return new Error(this.#lastLine || `${this.#name}: ended with ${this.#child.signalCode ?? this.#child.exitCode}`);
  }
}
