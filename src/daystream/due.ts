/** Of which tables a copy is due (docs/format.md §3, "A copy of a table"), as the log says it line by line. */
import type { Line, Pair } from './codec.js';
import { oidsOf } from './unit.js';

/** A table that a copy is due of. `missing`: for readers that choose it and do not have it; undefined: for everybody. */
export interface Need {
  readonly oid: number;
  readonly to: 'missing' | undefined;
}

interface Current extends Need {
  readonly id: string;
}

export class Due {
  readonly #reload = new Set<number>();
  readonly #offer = new Set<number>();
  /** The copy under way: what needs the table from its first part on needs another one. */
  #current: Current | undefined;
  #asked = 0;
  /** By oid, the newest of what was asked. */
  readonly #newest = new Map<number, number>();

  /** In the order in which they are to be copied; without the copy under way. */
  get needs(): Need[] {
    return [...[...this.#reload].map((oid) => ({ oid, to: undefined })), ...[...this.#offer].map((oid) => ({ oid, to: 'missing' as const }))];
  }

  /** Rises with everything that is needed. */
  get asked(): number { return this.#asked; }

  /** Rises when this table is needed once more. */
  askedOf(oid: number): number {
    return this.#newest.get(oid) ?? 0;
  }

  /** True where everybody needs a copy, or the one under way is for everybody. */
  isForAll(oid: number): boolean {
    return this.#reload.has(oid) || (this.#current?.oid === oid && this.#current.to === undefined);
  }

  /** What a commit line says. */
  need(reload: readonly number[], offer: readonly number[]): void {
    for (const oid of reload) {
      this.#reload.add(oid);
      this.#offer.delete(oid);
    }
    for (const oid of offer) if (!this.#reload.has(oid)) this.#offer.add(oid);
    for (const oid of [...reload, ...offer]) this.#newest.set(oid, ++this.#asked);
  }

  /** What a horizon says: this is all. It counts the copy under way among what is due. */
  state(line: Line): void {
    const again = this.#current !== undefined && this.#isDue(this.#current.oid);
    this.#reload.clear();
    this.#offer.clear();
    this.need(oidsOf(line, '_reload'), oidsOf(line, '_offer'));
    if (this.#current !== undefined && !again) this.#drop(this.#current.oid);
  }

  /** Part 0 of a copy stands in the log. */
  begun(id: string, need: Need): void {
    this.takeBack();
    this.#drop(need.oid);
    this.#current = { id, ...need };
  }

  /** The last part of a copy stands in the log. */
  ended(id: string): void {
    if (this.#current?.id === id) this.#current = undefined;
  }

  /** The copy under way comes to nothing: it is due as before. */
  takeBack(): void {
    const current = this.#current;
    this.#current = undefined;
    if (current !== undefined) this.#add(current);
  }

  /** Nobody needs this table any more: it is gone, or not followed. What was asked since that was looked up stays. */
  forget(oid: number, asked = this.askedOf(oid)): void {
    if (asked !== this.askedOf(oid)) return;
    if (this.#current?.oid === oid) this.#current = undefined;
    this.#drop(oid);
  }

  /** What a horizon line has of it. */
  pairs(): Pair[] {
    const stated = new Due();
    stated.need([...this.#reload], [...this.#offer]);
    if (this.#current !== undefined) stated.#add(this.#current);
    return [
      ...(stated.#reload.size === 0 ? [] : [['_reload', [...stated.#reload].join()] as const]),
      ...(stated.#offer.size === 0 ? [] : [['_offer', [...stated.#offer].join()] as const]),
    ];
  }

  #isDue(oid: number): boolean {
    return this.#reload.has(oid) || this.#offer.has(oid);
  }

  #add({ oid, to }: Need): void {
    this.need(to === undefined ? [oid] : [], to === undefined ? [] : [oid]);
  }

  #drop(oid: number): void {
    this.#newest.delete(oid);
    this.#reload.delete(oid);
    this.#offer.delete(oid);
  }
}
