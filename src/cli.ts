/**
 * What the four commands share: how a command line is read, how an error reaches
 * the person at the terminal, and the one place that exits.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { DeltaError, reasonOf } from './errors.js';

const EXIT_EXPECTED = 1;
const EXIT_USAGE = 2;
const EXIT_BUG = 70;

/** Where the commands' programs are: beside this module, as it is or in a bundle. */
const MAINS = { daystream: 'inspect/main.js', deltastream: 'deltastream/main.js', deltaimport: 'import/main.js', deltamirror: 'deltamirror/main.js' } as const;

export type CommandName = keyof typeof MAINS;

/** The path of a command's program, for who starts it as a process. */
export function programOf(name: CommandName): string {
  return fileURLToPath(new URL(MAINS[name], import.meta.url));
}

/** A commander command with the version, error and help behaviour of all our commands. */
export function command(name: string, description: string): Command {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return new Command(name)
    .description(description)
    .version(manifest.version)
    .showHelpAfterError(false)
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
}

/** Runs a command to its end and exits: 0, 1 (expected error), 2 (usage) or 70 (a bug of ours). */
export async function run(program: Command): Promise<never> {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM')); // whoever started it over a channel is gone
  process.once('beforeExit', () => process.exit(report(program, new Error('it waits for something that cannot come'))));
  try {
    await program.parseAsync();
    process.exit(process.exitCode ?? 0);
  } catch (thrown) {
    process.exit(report(program, thrown));
  }
}

/** Prints what was thrown as one line on stderr (a bug: with its stack) and gives the exit code. */
function report(program: Command, thrown: unknown): number {
  const name = program.name();
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return 0; // --help and --version
    const reason = thrown.code === 'commander.help' ? 'which command?' : thrown.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    const asked = program.commands.find((each) => each.name() === process.argv[2]);
    process.stderr.write(`${name}: ${reason} — try: ${name}${asked === undefined ? '' : ` ${asked.name()}`} --help\n`);
    return EXIT_USAGE;
  }
  if (thrown instanceof DeltaError) {
    process.stderr.write(`${name}: ${describe(thrown)}\n`);
    return thrown.code === 'usage' ? EXIT_USAGE : EXIT_EXPECTED;
  }
  process.stderr.write(`${name}: a bug in deltamirror, please report it: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
  return EXIT_BUG;
}

/** An expected error on one line, its hint behind a dash. */
export function describe(error: DeltaError): string {
  return oneLine(error.hint === undefined ? reasonOf(error) : `${reasonOf(error)} — ${error.hint}`);
}

/** A text with its control characters made visible: a table may be called by a line feed, and a message is one line. */
export function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, (char) => (char === '\n' ? '\\n' : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`));
}

/** A whole number for people: `1,000`. Without Intl, which takes 15 ms to load. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 row`, `2 rows`. */
export function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Bytes for people: `12.3 MB`. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** A duration for people: `3.4 s`, `12 min`, `5.0 h`, `3 days`. */
export function durationText(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** An argument parser for commander out of one that throws what it expects. */
export function parsedBy<T>(parse: (text: string) => T, example: string): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw error instanceof DeltaError ? new InvalidArgumentError(`Write it like ${example}.`) : error;
    }
  };
}

/** An argument parser for commander: how many of something. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError('Write a whole number above 0.');
  return Number(text);
}

/** An argument parser for commander: a number with an optional unit, in the unit's base. */
function quantity(units: Readonly<Record<string, number>>, example: string): (text: string) => number {
  return (text) => {
    const match = /^(\d+(?:\.\d+)?)\s*([a-zA-Z]*)$/.exec(text);
    const factor = match === null ? undefined : units[match[2]];
    if (match === null || factor === undefined) throw new InvalidArgumentError(`Write it like ${example}.`);
    return Number(match[1]) * factor;
  };
}

/** Durations in milliseconds: `250ms`, `10s`, `5m`. */
export const durationMs = quantity({ ms: 1, s: 1000, m: 60_000, h: 3_600_000 }, '10s');

/** An argument parser for commander: a part of something, from above 0% to 100%, as 0 to 1. */
export function share(text: string): number {
  const percent = /^\d+(?:\.\d+)?%$/.test(text) ? Number(text.slice(0, -1)) : 0;
  if (percent <= 0 || percent > 100) throw new InvalidArgumentError('Write it like 80%.');
  return percent / 100;
}

/** Sizes in bytes, by powers of ten: `512kB`, `1GB`. */
export const bytes = quantity({ B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 }, '1GB');

export interface HostAndPort {
  /** A name or an address; IPv6 without its brackets. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

const PORT_MAX = 65_535;

/** An argument parser for commander: where to listen, as `127.0.0.1:7070`, `[::1]:7070` or `name:7070`. */
export function hostAndPort(text: string): HostAndPort {
  const match = /^(?:\[([\da-fA-F:.]+)\]|([^:[\]\s/@]+)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > PORT_MAX) throw new InvalidArgumentError('Write host:port, like 127.0.0.1:7070.');
  return { host: match[1] ?? match[2], port: Number(match[3]) };
}
