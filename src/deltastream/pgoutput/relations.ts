/**
 * What the server has last said of each relation, which rows follow. A transaction that comes in
 * pieces brings its own: they hold for its rows, and behind it only where no other transaction has
 * brought newer ones meanwhile.
 */
import type { RelationMessage } from '../../postgres/pgoutput/messages.js';

interface Said {
  readonly message: RelationMessage;
  /** Rises from message to message, in the order in which they came over the wire. */
  readonly order: number;
}

export class Relations {
  readonly #said = new Map<number, Said>();
  /** Of the transaction at hand, where it came in pieces. */
  readonly #own = new Map<number, Said>();

  get(oid: number): RelationMessage | undefined {
    return (this.#own.get(oid) ?? this.#said.get(oid))?.message;
  }

  say(message: RelationMessage, order: number): void {
    this.#said.set(message.oid, { message, order });
  }

  sayOwn(message: RelationMessage, order: number): void {
    this.#own.set(message.oid, { message, order });
  }

  /** The transaction has ended; gives the relations of which it had its own. */
  end(): number[] {
    const oids = [...this.#own.keys()];
    for (const [oid, own] of this.#own) {
      if ((this.#said.get(oid)?.order ?? -1) < own.order) this.#said.set(oid, own);
    }
    this.#own.clear();
    return oids;
  }
}
