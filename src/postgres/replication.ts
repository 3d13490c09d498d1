/**
 * The consumer's side of logical replication: START_REPLICATION, the messages that come, the
 * status that goes back. Source: PostgreSQL documentation, "Streaming Replication Protocol".
 */
import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { DeltaError } from '../errors.js';
import { placeOf } from './connection.js';
import { translate } from './failure.js';
import { readAncestors, type Ancestors } from './timelines.js';

/** The socket is paused while so much waits to be taken: memory stays flat however far behind we are. */
const QUEUE_LIMIT_BYTES = 4 * 1024 * 1024;
/** Of the memory that messages come in, which is used again and again: a piece of its own for each would be most of what there is to collect. */
const SLAB_BYTES = 1024 * 1024;
/** Well inside wal_sender_timeout's default of 60 s. */
const STATUS_INTERVAL_MS = 10_000;
/** Between 1970 and 2000, where the protocol's clock begins. */
const EPOCH_2000_US = 946_684_800_000_000n;

const DATA = 0x77; // w
const KEEPALIVE = 0x6b; // k
const DATA_HEADER_BYTES = 25;
const STATUS_BYTES = 34;

/** `data`: what the plugin wrote; good until the next call of `receive`, unless it is to be kept. `keepalive`: everything committed before `lsn` has been sent. */
export type ReplicationMessage =
  | { readonly kind: 'data'; readonly data: Buffer }
  | { readonly kind: 'keepalive'; readonly lsn: bigint; readonly timestampUs: bigint };

export interface Identity {
  readonly system: string;
  readonly timeline: number;
  /** Where its history left the timelines before. */
  readonly ancestors: Ancestors;
  readonly database: string;
  /** How far the server's WAL is durable, in Postgres's own spelling. */
  readonly walLsn: string;
}

/** IDENTIFY_SYSTEM on a replication connection, and the history of its timeline. */
export async function identifySystem(client: pg.Client): Promise<Identity> {
  try {
    const { rows } = await client.query<{ systemid: string; timeline: number | string; xlogpos: string; dbname: string }>('IDENTIFY_SYSTEM');
    const timeline = Number(rows[0].timeline); // a bigint, which comes as text, from 16 on
    const ancestors = await readAncestors(client, timeline);
    return { system: rows[0].systemid, timeline, ancestors, walLsn: rows[0].xlogpos, database: rows[0].dbname };
  } catch (cause) {
    throw translate(cause, placeOf(client));
  }
}

/** What `pg` hands to whoever runs as a query on its connection. */
export class ReplicationStream implements pg.Submittable {
  readonly #command: string;
  readonly #place: string;
  readonly #started = withResolvers();
  readonly #ended = withResolvers();
  #socket: Duplex | undefined;
  #status: NodeJS.Timeout | undefined;
  #queue: ReplicationMessage[] = [];
  #queuedBytes = 0;
  /** Where messages come in, and where those are that were given out last. */
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #given = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #slabUsed = 0;
  #discard = false;
  #failure: DeltaError | undefined;
  #wake: (() => void) | undefined;
  #woken = false;
  #confirmed = 0n;
  #heardAtMs = performance.now();

  private constructor(command: string, place: string, private readonly isKept: boolean) {
    this.#command = command;
    this.#place = place;
  }

  /** Starts at what the slot has confirmed. `isKept`: messages are, for longer than until the next ones are asked for. Throws DeltaError when the server refuses. */
  static async start(client: pg.Client, slot: string, options: Readonly<Record<string, string>>, isKept: boolean): Promise<ReplicationStream> {
    const list = Object.entries(options).map(([name, value]) => `${quoteName(name)} ${quoteText(value)}`);
    const command = `START_REPLICATION SLOT ${quoteName(slot)} LOGICAL 0/0${list.length === 0 ? '' : ` (${list.join(', ')})`}`;
    const stream = new ReplicationStream(command, `slot "${slot}"`, isKept);
    client.query(stream);
    await stream.#started.promise;
    return stream;
  }

  /** All that has come since the last call; waits until there is something, or for `wake`. Throws when the stream has ended. */
  async receive(): Promise<ReplicationMessage[]> {
    if (this.#queue.length === 0 && this.#failure === undefined && !this.#woken) {
      await new Promise<void>((resolve) => { this.#wake = resolve; });
    }
    this.#woken = false;
    if (this.#queue.length === 0 && this.#failure !== undefined) throw this.#failure;
    const messages = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    [this.#slab, this.#given, this.#slabUsed] = [this.#given, this.#slab, 0];
    if (this.#socket?.isPaused() === true) this.#socket.resume();
    return messages;
  }

  /** Ends the wait of `receive`, with what there is. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Tells the server that it may forget everything before `lsn`. Never goes back. */
  confirm(lsn: bigint): void {
    if (lsn <= this.#confirmed) return;
    this.#confirmed = lsn;
    this.#sendStatus(false);
  }

  /** Asks the server for a keepalive. */
  askKeepalive(): void {
    this.#sendStatus(true);
  }

  /** Milliseconds since anything came from the server. */
  get silenceMs(): number {
    return performance.now() - this.#heardAtMs;
  }

  /** Ends the stream in order: what still comes is dropped. Resolves when the server has agreed, or after `timeoutMs`. */
  async finish(timeoutMs: number): Promise<void> {
    this.#discard = true;
    this.#queue = [];
    this.#socket?.resume();
    this.#sendStatus(false);
    this.#send(Buffer.from([0x63, 0, 0, 0, 4])); // CopyDone
    const timeout = setTimeout(this.#ended.resolve, timeoutMs);
    await this.#ended.promise;
    clearTimeout(timeout);
    this.#close();
  }

  /** Ends the stream: `receive` throws this once what has come is taken. */
  abort(error: DeltaError): void {
    this.#failure ??= error;
    this.#close();
    this.#started.reject(error);
    this.#ended.resolve();
    this.wake();
  }

  // What follows is called by pg.

  submit(connection: pg.Connection): void {
    this.#socket = connection.stream;
    connection.once('replicationStart', () => {
      this.#status = setInterval(() => this.#sendStatus(false), STATUS_INTERVAL_MS);
      this.#started.resolve();
    });
    connection.query(this.#command);
  }

  handleCopyData(message: { chunk: Buffer }): void {
    this.#heardAtMs = performance.now();
    const { chunk } = message;
    if (chunk[0] === KEEPALIVE) this.#keepalive(chunk);
    else if (chunk[0] === DATA) {
      // A copy: pg reads the next bytes from the socket into the same memory.
      const data = this.#room(chunk.length - DATA_HEADER_BYTES);
      chunk.copy(data, 0, DATA_HEADER_BYTES);
      this.#enqueue({ kind: 'data', data }, chunk.length);
    } else this.handleError(new DeltaError('postgres', `${this.#place}: sent a message of unknown kind ${chunk[0]}`));
  }

  handleError(thrown: unknown): void {
    this.abort(translate(thrown, this.#place));
  }

  handleCommandComplete(): void {
    this.abort(new DeltaError('connection', `${this.#place}: the server ended the stream`));
  }

  handleReadyForQuery(): void {}

  #room(bytes: number): Buffer {
    const end = this.#slabUsed + bytes;
    if (this.isKept || end > SLAB_BYTES) return Buffer.allocUnsafe(bytes);
    const room = this.#slab.subarray(this.#slabUsed, end);
    this.#slabUsed = end;
    return room;
  }

  #keepalive(chunk: Buffer): void {
    if (chunk[17] === 1) this.#sendStatus(false);
    this.#enqueue({ kind: 'keepalive', lsn: chunk.readBigUInt64BE(1), timestampUs: chunk.readBigInt64BE(9) + EPOCH_2000_US }, chunk.length);
  }

  #enqueue(message: ReplicationMessage, bytes: number): void {
    if (this.#discard) return;
    this.#queue.push(message);
    this.#queuedBytes += bytes;
    if (this.#queuedBytes > QUEUE_LIMIT_BYTES) this.#socket?.pause();
    this.wake();
  }

  /** Standby status update. All three positions are what is durable here: nothing else is ever told. */
  #sendStatus(replyRequested: boolean): void {
    const message = Buffer.alloc(5 + STATUS_BYTES);
    message.write('d');
    message.writeUInt32BE(4 + STATUS_BYTES, 1);
    message.write('r', 5);
    for (const offset of [6, 14, 22]) message.writeBigUInt64BE(this.#confirmed, offset);
    message.writeBigInt64BE(BigInt(Date.now()) * 1000n - EPOCH_2000_US, 30);
    message[38] = replyRequested ? 1 : 0;
    this.#send(message);
  }

  #send(message: Buffer): void {
    if (this.#failure === undefined && this.#socket?.writable === true) this.#socket.write(message);
  }

  #close(): void {
    clearInterval(this.#status);
  }
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The replication grammar knows one escape in a string, the doubled quote. */
function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

interface Resolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function withResolvers(): Resolvers {
  let resolve = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<void>((yes, no) => { resolve = yes; reject = no; });
  promise.catch(() => {}); // who waits is told; nobody may be waiting
  return { promise, resolve, reject };
}
