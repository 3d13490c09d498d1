/** The caches of a batch: each with its mirror in this process, and one whose mirror is a process that is killed again and again. */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { written } from '../../../src/daystream/pattern.js';
import { DeltaError } from '../../../src/errors.js';
import { openReader } from '../../../src/sqlite/open.js';
import { readPatterns } from '../../../src/sqlite/patterns.js';
import { runImport } from '../../support/import.js';
import { Killer } from '../../support/killer.js';
import { beside, Mirroring } from '../../support/mirroring.js';
import type { Daemon, Path } from '../../support/path.js';
import type { Random } from '../../support/random.js';
import { ident } from '../names.js';
import { ANCHOR, namesOf, type Schemas } from './catalog.js';
import type { Wanting } from './shapes.js';

const LIFE_MS = 1500;
/** Of a table that was made where no event trigger is: the next look puts it into the publication. */
const NOT_YET = /is not in the publication/;
const INTERVAL_MS = 300;
/** How often an import may meet a change of the very tables that it copies. */
const ATTEMPTS = 20;

export class Fleet {
  /** Those that hold everything. */
  readonly whole: Wanting[] = [];
  /** Paths of those that hold what they chose. */
  readonly #chosen: string[] = [];
  readonly #path: Path;
  readonly #batch: number;
  readonly #random: Random;
  readonly #patterns: string;
  /** As Postgres calls them: of what can be chosen by its name. */
  readonly #kinds: readonly string[];
  readonly #mirrors: Mirroring[] = [];
  #daemon: Daemon | undefined;
  #killer: Killer | undefined;
  #stopped = false;

  constructor(path: Path, batch: number, random: Random, schemas: readonly Schemas[], followsAll: boolean) {
    this.#path = path;
    this.#batch = batch;
    this.#random = random;
    this.#patterns = patternsOf(schemas, followsAll);
    this.#kinds = followsAll ? ['r'] : ['r', 'p']; // a root whose partitions go by their own names has no rows
  }

  get paths(): readonly string[] {
    return [...this.whole.map(({ path }) => path), ...this.#chosen];
  }

  /** With what they want by now: a table that was chosen by its name is chosen by its next one, too. */
  get chosen(): readonly Wanting[] {
    return this.#chosen.map((path) => {
      const cache = openReader(path);
      try {
        return { path, patterns: readPatterns(cache).map(({ pattern }) => pattern.text).join(',') };
      } finally {
        cache.close();
      }
    });
  }

  /** Imports all there is and mirrors it from then on. */
  async start(name: string): Promise<void> {
    this.whole.push({ path: await this.#import(name, () => Promise.resolve(this.#patterns)), patterns: this.#patterns });
    this.#mirror(this.whole.at(-1)!.path);
  }

  /** The same, by a process that does not live long at a time. */
  async startKilled(): Promise<void> {
    const path = await this.#import('killed', () => Promise.resolve(this.#patterns));
    this.whole.push({ path, patterns: this.#patterns });
    if (this.#stopped) return;
    this.#daemon = this.#path.mirror(path);
    this.#killer = new Killer(this.#daemon, this.#random, LIFE_MS);
  }

  /** A cache of a host that wants some tables: schemas, and tables by name that are there now. */
  async startChosen(client: pg.Client, schemas: readonly Schemas[]): Promise<void> {
    this.#chosen.push(await this.#import('chosen', () => this.#choose(client, schemas)));
    this.#mirror(this.#chosen[0]);
  }

  /** From now on nobody is killed. */
  async calm(): Promise<void> {
    await this.#killer?.end();
  }

  /** Waits for what is going on; throws at once where a mirror fails meanwhile. */
  beside<T>(going: Promise<T>): Promise<T> {
    return beside(going, () => this.#mirrors);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#killer?.end().catch(() => {});
    await this.#daemon?.stop('SIGKILL');
    await Promise.allSettled(this.#mirrors.map((mirror) => mirror.stop()));
    for (const path of this.paths) for (const suffix of ['', '-wal', '-shm', '.lock']) rmSync(`${path}${suffix}`, { force: true });
  }

  #mirror(path: string): void {
    if (!this.#stopped) this.#mirrors.push(new Mirroring(path, this.#path.log)); // else an import that ended after another failed
  }

  async #import(name: string, patterns: () => Promise<string>): Promise<string> {
    const path = this.#path.cache(`${name}-${this.#batch}.db`);
    for (let attempt = 1; ; attempt++) {
      try {
        await runImport(this.#path.server, await patterns(), this.#path.log, path);
        return path;
      } catch (error) {
        if (!(error instanceof DeltaError) || attempt === ATTEMPTS) throw error;
        if (NOT_YET.test(error.message)) await sleep(INTERVAL_MS);
      }
    }
  }

  async #choose(client: pg.Client, schemas: readonly Schemas[]): Promise<string> {
    const patterns = ['marker'];
    for (const { followed: [first, ...others] } of schemas) {
      patterns.push(this.#random.below(3) === 0 ? written(first, ANCHOR) : `${ident(first)}.*`);
      const { rows } = await client.query<{ schema: string; name: string }>(
        "SELECT nspname AS schema, relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = ANY ($1) AND relkind::text = ANY ($3) AND NOT relispartition AND relpersistence = 'p' AND (NOT EXISTS (SELECT FROM pg_publication) OR EXISTS (SELECT FROM pg_publication_rel WHERE prrelid = c.oid)) ORDER BY 1, 2 LIMIT $2", [others, this.#random.below(4), this.#kinds]);
      patterns.push(...rows.map(({ schema, name }) => written(schema, name)));
    }
    return patterns.join(',');
  }
}

/** What is followed, as deltastream and the caches that hold everything are told. */
export function patternsOf(schemas: readonly Schemas[], followsAll: boolean): string {
  return ['marker', ...schemas.flatMap((each) => (followsAll ? namesOf(each) : each.followed)).map((schema) => `${ident(schema)}.*`)].join(',');
}

