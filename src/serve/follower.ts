/** A reader of a live stream: where it stands, and how much it has not taken yet. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Frame } from './frames.js';

/** Bytes that may wait for a reader. Beyond them it is given nothing until it has taken them all, and then reads from the file. */
const BACKLOG_BYTES = 64 << 10;

export class Follower {
  /** Of the first byte that it was not given yet. */
  offset: number;
  /** True while bytes are fetched for it alone. */
  isCatchingUp = false;
  readonly #response: ServerResponse;
  readonly #socket: Socket;

  /** `drained` is called when it has taken all that waited for it. */
  constructor(response: ServerResponse, offset: number, drained: (follower: Follower) => void) {
    this.offset = offset;
    this.#response = response;
    this.#socket = response.req.socket;
    const onDrain = () => drained(this);
    this.#socket.on('drain', onDrain);
    response.once('close', () => this.#socket.off('drain', onDrain));
    response.flushHeaders();
  }

  get isGone(): boolean { return this.#response.writableEnded || this.#socket.destroyed; }
  get hasRoom(): boolean { return this.#socket.writableLength < BACKLOG_BYTES; }

  /** Gives it a frame that begins where it stands. The chunk is written as it is, so that one buffer serves all. */
  take(frame: Frame): void {
    this.#socket.write(frame.bytes);
    this.offset = frame.end;
  }

  /** Says that this was all of the segment. */
  finish(): void { this.#response.end(); }

  /** Ends the stream without that word: the reader comes again. */
  break(): void { this.#socket.destroy(); }
}
