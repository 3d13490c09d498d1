/** How a host reads the log: the bytes of named segments, and word that there may be more. */
export interface Transport {
  /** What a person would call it in a message: a folder, a URL. */
  readonly place: string;
  /** How often bytes that do not fit are read again before the log is called damaged. */
  readonly patience: number;
  /** Names of the segments, oldest first. */
  list(): Promise<string[]>;
  /** Fills `into` from `offset` on; gives the number of bytes read, 0 at the end. Throws DeltaError log-missing where the segment is not there. */
  read(segment: string, offset: number, into: Buffer): Promise<number>;
  /** Bytes in the segment now. */
  size(segment: string): Promise<number>;
  /**
   * Resolves when there may be more to read than at the last call, at the latest after
   * `timeoutMs`. True where the set of segments may have changed. `segment` is the one
   * that the reader stands in.
   */
  changed(segment: string | undefined, timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
  /** What was read did not fit: forgets all that was fetched ahead, and the connections that brought it. */
  reset(): void;
  close(): Promise<void>;
}
