/** What control messages ask for, and what the event triggers say beside it (docs/format.md, "What makes the source look"). */
import { parseSnapshot, type Snapshot } from '../../daystream/snapshot.js';
import type { RelationState } from '../../postgres/relation-state.js';
import type { Place } from './shape-lines.js';

const OID_LIMIT = 0xffff_ffff;
/** Those that name tables, and no more. */
const WORDS = ['look', 'stale', 'reload', 'offer', 'made', 'gone'] as const;
type Word = (typeof WORDS)[number];

interface Found {
  readonly number: number;
  readonly reason: string;
}

/** What one transaction was told, by oid as it was named. */
export class Controls {
  readonly words: Readonly<Record<Word, Set<number>>> = { look: new Set(), stale: new Set(), reload: new Set(), offer: new Set(), made: new Set(), gone: new Set() };
  /** Why the log does not tell the rows. */
  readonly broken = new Map<number, string>();
  /** What the comparison of the catalog saw: why, and the file, or the transaction that made new ones. */
  readonly rewrote = new Map<number, Found>();
  readonly moved = new Map<number, Found>();
  /** By which names those went that are gone. */
  readonly named = new Map<number, Place>();
  /** What relations are from here on. */
  readonly states = new Map<number, RelationState>();
  /** All that it sees is in the log. */
  seen: Snapshot | undefined;

  get isEmpty(): boolean {
    return this.broken.size === 0 && this.rewrote.size === 0 && this.moved.size === 0 && this.states.size === 0 && this.seen === undefined && Object.values(this.words).every(({ size }) => size === 0);
  }

  /** All that are named. */
  get oids(): number[] {
    return [...new Set([...Object.values(this.words).flatMap((oids) => [...oids]), ...this.broken.keys(), ...this.rewrote.keys(), ...this.moved.keys(), ...this.states.keys()])];
  }

  /** What was said of one relation is meant for another, that speaks for it. What it is stays its own. */
  move(from: number, to: number): void {
    if (from === to) return;
    for (const oids of Object.values(this.words)) if (oids.delete(from)) oids.add(to);
    const why = this.broken.get(from);
    this.broken.delete(from);
    if (why !== undefined) this.broken.set(to, why);
    const rewrote = this.rewrote.get(from);
    this.rewrote.delete(from);
    // Of a partition that has become one since: nobody compares its file any more.
    if (rewrote !== undefined) this.broken.set(to, rewrote.reason);
  }

  /** Anybody may send one: what is none is passed over. */
  hear(text: string): void {
    const space = text.indexOf(' ');
    const word = text.slice(0, Math.max(space, 0));
    const rest = text.slice(space + 1);
    if (isWord(word)) return this.#name(this.words[word], rest);
    if (word === 'shape') return this.#shape(rest);
    if (word === 'broken') return this.#break(rest);
    if (word === 'rewrote' || word === 'moved') return this.#find(this[word], rest);
    if (word === 'named') return this.#named(rest);
    if (word === 'seen') this.seen = attempt(() => parseSnapshot(rest)) ?? this.seen;
  }

  #name(into: Set<number>, rest: string): void {
    if (!/^\d{1,10}(?: \d{1,10})*$/.test(rest)) return;
    const oids = rest.split(' ').map(Number);
    if (oids.every((oid) => oid <= OID_LIMIT)) for (const oid of oids) into.add(oid);
  }

  #break(rest: string): void {
    const match = /^(\d{1,10}) (.+)$/s.exec(rest);
    if (match !== null) this.broken.set(Number(match[1]), match[2]);
  }

  #find(into: Map<number, Found>, rest: string): void {
    const match = /^(\d{1,10}) (\d{1,10}) (.+)$/s.exec(rest);
    if (match !== null) into.set(Number(match[1]), { number: Number(match[2]), reason: match[3] });
  }

  #named(rest: string): void {
    const match = /^(\d{1,10}) (.+)$/s.exec(rest);
    const names = match === null ? undefined : attempt(() => JSON.parse(match[2]) as unknown);
    if (match !== null && Array.isArray(names) && typeof names[0] === 'string' && typeof names[1] === 'string') this.named.set(Number(match[1]), { schema: names[0], table: names[1] });
  }

  #shape(rest: string): void {
    const state = attempt(() => JSON.parse(rest) as RelationState);
    if (state !== undefined && isState(state)) this.states.set(state.oid, state);
  }
}

function isWord(word: string): word is Word {
  return (WORDS as readonly string[]).includes(word);
}

/** By its outline: who may write such a message may as well write the rows. */
function isState({ oid, schema, table, columns, indexes, comments, missing }: RelationState): boolean {
  return Number.isInteger(oid) && typeof schema === 'string' && typeof table === 'string' && Array.isArray(columns) && Array.isArray(indexes) && Array.isArray(comments) && typeof missing === 'object';
}

function attempt<Result>(act: () => Result): Result | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
