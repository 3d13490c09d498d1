/** What control messages ask for, and what the event triggers say beside it (docs/format.md, "What makes the source look"). */
import { parseSnapshot, type Snapshot } from '../../daystream/snapshot.js';
import type { RelationState } from '../../postgres/relation-state.js';
import type { Place } from './shape-lines.js';
import { rawXid } from './shape-past.js';
import { readNumberAnd, readOidAnd, readOids, readPlace, readState } from './shape-read.js';

/** Those that name tables, and no more. */
const ASKED = ['look', 'stale', 'reload', 'offer'] as const;
const SAID = ['made', 'gone'] as const;
type Word = (typeof ASKED)[number] | (typeof SAID)[number];

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
  /** Of a root: why, by the partition that came or went. */
  readonly parted = new Map<number, Map<number, string>>();
  /** By which names those went that are gone. */
  readonly named = new Map<number, Place>();
  /** What relations are from here on. */
  readonly states = new Map<number, RelationState>();
  /** By root, the partitions that a look knows from now on. */
  readonly parts = new Map<number, readonly number[]>();
  /** What a look saw at least. */
  looked: Snapshot | undefined;
  /** All that it sees is in the log. */
  seen: Snapshot | undefined;
  /** Somebody proved what he said with a secret that is not known here. */
  isUnproved = false;

  get isEmpty(): boolean {
    return !this.isUnproved && this.broken.size === 0 && this.rewrote.size === 0 && this.moved.size === 0 && this.parted.size === 0 && this.states.size === 0 && this.seen === undefined && Object.values(this.words).every(({ size }) => size === 0);
  }

  /** All that are named. */
  get oids(): number[] {
    return [...new Set([...Object.values(this.words).flatMap((oids) => [...oids]), ...this.broken.keys(), ...this.rewrote.keys(), ...this.moved.keys(), ...this.parted.keys(), ...this.states.keys()])];
  }

  /** Partitions that came or went: their root is copied for it, or they were made in this transaction and are empty. */
  partsTold(xid: bigint): number[] {
    if (this.broken.size > 0) return [...this.states.keys(), ...this.words.gone];
    return [...this.states.values()].filter(({ root, made }) => root !== null && made === rawXid(xid)).map(({ oid }) => oid);
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
    for (const reason of this.parted.get(from)?.values() ?? []) this.broken.set(to, reason);
    this.parted.delete(from);
  }

  /** What anybody may ask: it costs a look or a copy. What is none of it is passed over. */
  ask(text: string): void {
    const [word, rest] = split(text);
    if (isOneOf(ASKED, word)) this.#name(word, rest);
  }

  /** What somebody proved to be his. `isDoubtful`: it may have been rolled back, and does not say any more what a table is. */
  hear(text: string, isDoubtful: boolean): void {
    const [word, rest] = split(text);
    if (isOneOf(SAID, word)) this.#name(word, rest);
    if (word === 'shape') this.#shape(rest, isDoubtful);
    if (word === 'broken') this.#set(this.broken, readOidAnd(rest), (reason) => reason);
    if (word === 'rewrote' || word === 'moved') this.#set(this[word], readOidAnd(rest), readFound);
    if (word === 'parted') this.#part(readOidAnd(rest));
    if (word === 'named') this.#set(this.named, readOidAnd(rest), readPlace);
    if (word === 'parts') this.#set(this.parts, readOidAnd(rest), readOids);
    if (word === 'looked') this.looked = readSnapshot(rest) ?? this.looked;
    if (word === 'seen') this.seen = readSnapshot(rest) ?? this.seen;
  }

  #set<Value>(into: Map<number, Value>, said: readonly [oid: number, rest: string] | undefined, read: (rest: string) => Value | undefined): void {
    const value = said && read(said[1]);
    if (said !== undefined && value !== undefined) into.set(said[0], value);
  }

  #part(said: readonly [oid: number, rest: string] | undefined): void {
    const part = said && readOidAnd(said[1]);
    if (said !== undefined && part !== undefined) this.parted.set(said[0], new Map(this.parted.get(said[0])).set(...part));
  }

  #name(word: Word, rest: string): void {
    for (const oid of readOids(rest) ?? []) this.words[word].add(oid);
  }

  #shape(rest: string, isDoubtful: boolean): void {
    const state = readState(rest);
    if (state !== undefined && isDoubtful) this.words.look.add(state.oid);
    else if (state !== undefined) this.states.set(state.oid, state);
  }
}

function split(text: string): [word: string, rest: string] {
  const space = Math.max(text.indexOf(' '), 0);
  return [text.slice(0, space), text.slice(space + 1)];
}

function isOneOf<Known extends string>(words: readonly Known[], word: string): word is Known {
  return (words as readonly string[]).includes(word);
}

function readFound(text: string): Found | undefined {
  const said = readNumberAnd(text);
  return said && { number: said[0], reason: said[1] };
}

function readSnapshot(text: string): Snapshot | undefined {
  try {
    return parseSnapshot(text);
  } catch {
    return undefined;
  }
}
