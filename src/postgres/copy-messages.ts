/**
 * COPY … TO STDOUT as the messages that Postgres sends, one a row, for whoever takes them
 * apart faster than a call for each of them does. While it runs, what the socket brings
 * passes by pg's parser, which gets only the messages that are no rows. Measured on 1 M
 * rows (137 MB): 0.12 s of CPU instead of 0.27 s.
 */
import type { Duplex } from 'node:stream';
import type pg from 'pg';

/** Takes whole CopyData messages from the beginning, at least one, and gives how many bytes it took. What it leaves comes again. */
export type MessageSink = (messages: Buffer) => number;

type DataListener = (chunk: Buffer) => void;

/** CopyData: this byte, the length (of all but the byte), the row with its line feed. */
const COPY_DATA = 'd'.charCodeAt(0);
export const HEADER_BYTES = 5;
const BUFFER_BYTES = 1 << 18;

/** The length of the CopyData message that begins at `at`; undefined where there is none, or not the whole of it. */
export function messageLength(messages: Buffer, at: number): number | undefined {
  if (messages[at] !== COPY_DATA || messages.length - at < HEADER_BYTES) return undefined;
  const length = 1 + messages.readUInt32BE(at + 1);
  return length <= messages.length - at ? length : undefined;
}

/**
 * Runs a COPY … TO STDOUT statement. The messages are good until the sink returns. Resolves
 * with the rows that Postgres says it sent; rejects with the error of Postgres, of the
 * connection, or of the sink (which then ends the connection: COPY has no other stop).
 */
export function copyMessages(client: pg.Client, sql: string, sink: MessageSink): Promise<number> {
  return new Promise((resolve, reject) => {
    client.query(new CopyMessages(client, sql, sink, resolve, reject));
  });
}

class CopyMessages implements pg.Submittable {
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #filled = 0;
  #rows = 0;
  #failed = false;
  #isOver = false;
  #stream: Duplex | undefined;
  #parsers: DataListener[] = [];
  readonly #receive: DataListener = (chunk) => this.#take(chunk);

  constructor(
    readonly client: pg.Client,
    readonly sql: string,
    readonly sink: MessageSink,
    readonly resolve: (rows: number) => void,
    readonly reject: (error: unknown) => void,
  ) {}

  submit(connection: pg.Connection): void {
    this.#stream = connection.stream;
    // Statements follow one another, so nothing is on its way and the parser holds no half message.
    this.#parsers = this.#stream.listeners('data') as DataListener[];
    this.#stream.on('data', this.#receive);
    for (const parser of this.#parsers) this.#stream.off('data', parser);
    connection.query(this.sql);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#rows = Number(/^COPY (\d+)$/.exec(text)?.[1]);
  }

  handleReadyForQuery(): void {
    for (const parser of this.#parsers) this.#stream?.on('data', parser);
    this.#stream?.off('data', this.#receive);
    this.#isOver = true;
    if (!this.#failed) this.resolve(this.#rows);
  }

  handleError(error: unknown): void {
    this.#failed = true;
    this.reject(error);
  }

  #take(chunk: Buffer): void {
    if (this.#filled + chunk.length > this.#buffer.length) this.#grow(this.#filled + chunk.length);
    chunk.copy(this.#buffer, this.#filled);
    this.#filled += chunk.length;
    const taken = this.#messages(this.#buffer.subarray(0, this.#filled));
    if (taken === 0) return; // a long row comes in many chunks
    this.#buffer.copy(this.#buffer, 0, taken, this.#filled);
    this.#filled -= taken;
    // What one long row wanted is not kept.
    if (this.#buffer.length > BUFFER_BYTES && this.#filled < BUFFER_BYTES) this.#grow(BUFFER_BYTES);
  }

  /** A message longer than the buffer comes in many chunks: its whole length is asked for at once. */
  #grow(bytes: number): void {
    const expected = this.#filled >= HEADER_BYTES ? 1 + this.#buffer.readUInt32BE(1) : 0;
    const larger = Buffer.allocUnsafeSlow(Math.max(BUFFER_BYTES, bytes, expected));
    this.#buffer.copy(larger, 0, 0, this.#filled);
    this.#buffer = larger;
  }

  /** Gives each message to whom it belongs, and gives the bytes of the whole ones. */
  #messages(received: Buffer): number {
    let at = 0;
    while (received.length - at >= HEADER_BYTES) {
      const length = 1 + received.readUInt32BE(at + 1);
      if (received.length - at < length) break;
      if (received[at] === COPY_DATA) {
        at += this.#rowsFrom(received.subarray(at)) ?? length;
      } else {
        const message = Buffer.from(received.subarray(at, at + length));
        this.#pass(message);
        at += length;
        if (this.#isOver) return this.#leave(received.subarray(at));
      }
    }
    return at;
  }

  #pass(bytes: Buffer): void {
    for (const parser of this.#parsers) parser(bytes);
  }

  /** What came behind the last message, a notice or half of one, is the parser's, which gets the rest of it from the socket. */
  #leave(rest: Buffer): number {
    if (rest.length > 0) this.#pass(Buffer.from(rest));
    return this.#filled;
  }

  /** The bytes that the sink took; undefined where rows are no longer wanted. */
  #rowsFrom(messages: Buffer): number | undefined {
    if (this.#failed) return undefined;
    try {
      return this.sink(messages);
    } catch (error) {
      this.handleError(error);
      this.client.end().catch(() => {}); // it may be gone already
      return undefined;
    }
  }
}
