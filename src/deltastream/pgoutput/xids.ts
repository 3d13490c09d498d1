/** Gives the 32 bits of a transaction id their epoch. */
export class Xids {
  /** The newest that is known. */
  #newest: bigint;

  /** `newest`: one of now, of 64 bits. What is sent is less than 2^31 away from it, as all ids are that a server still knows. */
  constructor(newest: bigint) {
    this.#newest = newest;
  }

  widen(xid: number): bigint {
    const distance = (xid - Number(BigInt.asUintN(32, this.#newest))) | 0;
    const wide = this.#newest + BigInt(distance);
    if (wide > this.#newest) this.#newest = wide;
    return wide;
  }
}
