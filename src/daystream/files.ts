/** The files of a log's folder, wherever it is: the bytes of named files, and word that there may be more. */
export interface Files {
  /** What a person would call it in a message: a folder, a URL without secrets. */
  readonly place: string;
  /** How often bytes that do not fit are read again before the log is called damaged: once of a disk, more often of what comes through networks and proxies. */
  readonly patience: number;
  /** Names of the segments, plain and compressed, and of the published snapshots, in no order. Throws DeltaError log-missing where there is no such folder. */
  list(): Promise<string[]>;
  /** Fills `into` from `offset` on; gives the number of bytes read, 0 at the end. Throws DeltaError log-missing where the file is not there. */
  read(name: string, offset: number, into: Buffer): Promise<number>;
  /** Bytes in the file now. */
  size(name: string): Promise<number>;
  /**
   * Resolves when there may be more to read than at the last call, at the latest after
   * `timeoutMs`. True where the set of files may have changed. `name` is the one that the
   * reader stands in.
   */
  changed(name: string | undefined, timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
  /** What was read did not fit: forgets all that was fetched ahead, and the connections that brought it. */
  reset(): void;
  close(): Promise<void>;
}
