/** The caches of a batch, and the mirrors that keep them. */
import { rmSync } from 'node:fs';
import { runImport } from '../support/import.js';
import { beside, Mirroring } from '../support/mirroring.js';
import type { Path } from '../support/path.js';
import { askedOf, type Choice } from './choice.js';
import { untold } from './chosen.js';
import { ident } from './names.js';

/** The caches of a batch, each imported at another time, and their mirrors within this process. */
export class Mirrors {
  /** Those that hold all there is. */
  readonly caches: string[] = [];
  /** The one that holds what is chosen. */
  readonly chosen: string;
  readonly #running = new Map<string, Mirroring>();
  readonly #path: Path;
  readonly #patterns: string;
  readonly #choices: readonly Choice[];
  readonly #batch: number;
  #stopped = false;

  constructor(path: Path, choices: readonly Choice[], batch: number) {
    this.#path = path;
    this.#choices = choices;
    this.#patterns = patternsOf(choices);
    this.#batch = batch;
    this.chosen = path.cache(`chosen-${batch}.db`);
  }

  /** Imports a cache and mirrors it from then on. */
  async start(name: string): Promise<void> {
    const cache = this.#path.cache(`${name}-${this.#batch}.db`);
    await runImport(this.#path.server, this.#patterns, this.#path.log, cache);
    this.caches.push(cache);
    this.#mirror(cache);
  }

  /** The same for what is chosen; numbers are held as one import says, so each way is an import of its own. */
  async startChosen(): Promise<void> {
    let into = false;
    for (const numeric of new Set(this.#choices.map((choice) => choice.numeric))) {
      const choices = this.#choices.filter((choice) => choice.numeric === numeric);
      const each = choices.map(askedOf);
      const asked = { numeric, rename: each.flatMap(({ rename }) => rename), columns: each.flatMap(({ columns }) => columns), where: each.flatMap(({ where }) => where) };
      await runImport(this.#path.server, into ? patternsOf(choices, false) : patternsOf(choices), this.#path.log, this.chosen, { into, asked });
      into = true;
    }
    this.#mirror(this.chosen);
  }

  /** Ends the mirror of the first cache, makes tables of it anew where there are any, and begins it anew. */
  async restart(again: readonly string[]): Promise<void> {
    await this.#again(this.caches[0], again);
  }

  /** The chosen tables that could not be followed for want of a value that the log does not have. */
  untold(): string[] {
    return untold(this.chosen, this.#choices);
  }

  /** Imports chosen tables again, by their choice as the cache keeps it. */
  async bringBack(tables: readonly string[]): Promise<void> {
    await this.#again(this.chosen, tables);
  }

  /** Waits for what is going on; throws at once where a mirror fails meanwhile. */
  async beside<T>(going: Promise<T>): Promise<T> {
    return beside(going, () => [...this.#running.values()]);
  }

  async caughtUp(): Promise<void> {
    await this.beside(this.#path.caughtUp(...this.#running.keys()));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled([...this.#running.values()].map((mirror) => mirror.stop()));
    for (const cache of [...this.caches, this.chosen]) for (const suffix of ['', '-wal', '-shm', '.lock']) rmSync(`${cache}${suffix}`, { force: true });
  }

  async #again(cache: string, tables: readonly string[]): Promise<void> {
    await this.#running.get(cache)!.stop();
    if (tables.length > 0) await runImport(this.#path.server, tables.join(','), undefined, cache, { into: true });
    this.#mirror(cache);
  }

  #mirror(cache: string): void {
    if (this.#stopped) return; // an import that ended after another failed
    this.#running.set(cache, new Mirroring(cache, this.#path.log));
  }
}

function patternsOf(choices: readonly Choice[], withMarker = true): string {
  return [...choices.map(({ schema }) => `${ident(schema)}.*`), ...(withMarker ? ['marker'] : [])].join(',');
}
