/** A program that is measured: how long it ran, and how much memory it had at most. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { programPath } from '../dev/programs.js';

const PEAK_INTERVAL_MS = 20;
const KEPT_CHARACTERS = 100_000;

/** Where /proc/PID/stat has them, counted behind the program's name (proc(5)); Linux shows ticks of 10 ms. */
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;
const TICKS_PER_SECOND = 100;

/** The programs of this project, by their folder in src/. */
export type OwnProgram = 'deltastream' | 'import' | 'deltamirror' | 'inspect';

export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #startedMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  #errors = '';
  #peakBytes = 0;
  stdout = '';
  /** From start to end; rejects where the program fails. */
  readonly ended: Promise<{ readonly seconds: number; readonly peakBytes: number }>;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#name = [command, ...args].join(' ');
    this.#child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => { this.stdout = (this.stdout + text).slice(-KEPT_CHARACTERS); });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => { this.#errors = (this.#errors + text).slice(-KEPT_CHARACTERS); });
    this.#timer = setInterval(() => this.#look(), PEAK_INTERVAL_MS);
    this.ended = this.#end();
    this.ended.catch(() => {}); // whoever waits for it is told
  }

  static own(program: OwnProgram, args: readonly string[]): Program {
    return new Program(process.execPath, [programPath(program), ...args]);
  }

  /** The most memory that was resident so far (VmHWM of Linux); 0 where the system does not tell. */
  get peakBytes(): number {
    this.#look();
    return this.#peakBytes;
  }

  /** Seconds of one processor that it has had so far; 0 where the system does not tell. */
  get processorSeconds(): number {
    try {
      const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
      return (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) / TICKS_PER_SECOND;
    } catch {
      return 0;
    }
  }

  /** Waits until it has said something like that on stderr, and gives what it said. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const said = pattern.exec(this.#errors);
      if (said !== null) return said;
      await Promise.race([once(this.#child.stderr!, 'data'), this.ended.then(() => { throw new Error(`${this.#name}: ended too early: ${this.#errors}`); })]);
    }
  }

  /** Waits until it has printed anything on stdout. */
  async printed(): Promise<void> {
    if (this.stdout === '') await Promise.race([once(this.#child.stdout!, 'data'), this.ended]);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGTERM');
    await this.ended.catch(() => {}); // stopped is what it should be
  }

  async #end(): Promise<{ seconds: number; peakBytes: number }> {
    try {
      const [code] = await once(this.#child, 'exit');
      const seconds = (performance.now() - this.#startedMs) / 1000;
      if (this.#child.stdout?.closed === false) await once(this.#child, 'close');
      if (code !== 0) throw new Error(`${this.#name}: ended with ${code ?? this.#child.signalCode}: ${this.#errors.trim()}`);
      return { seconds, peakBytes: this.#peakBytes };
    } finally {
      clearInterval(this.#timer);
    }
  }

  #look(): void {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
      this.#peakBytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? this.#peakBytes / 1024) * 1024;
    } catch {
      // It has just ended, or the system has no /proc.
    }
  }
}
