/** A server of a log's files that says what no server should: once, where it is told to, at one byte. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';

/** What is done to the answer that has the byte `at`. */
export type LieKind = 'cut' | 'stall' | 'twice' | 'lost' | 'flipped' | 'elsewhere' | 'foreign' | 'shifted' | 'whole' | 'packed' | 'packed range' | 'truncated' | 'nothing there' | 'page' | 'unavailable' | 'unchanged' | 'no length';

export const LIES: readonly LieKind[] = ['cut', 'stall', 'twice', 'lost', 'flipped', 'elsewhere', 'foreign', 'shifted', 'whole', 'packed', 'packed range', 'truncated', 'nothing there', 'page', 'unavailable', 'unchanged', 'no length'];

export interface Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Range { readonly first: number; readonly last: number }

/** As many bytes come twice, or not at all. */
const SHIFT_BYTES = 37;

export class LyingServer {
  readonly requests: Request[] = [];
  /** What is to be told, until it is. */
  lie: { readonly kind: LieKind; readonly at: number } | undefined;
  /** How the files end whose answers may be lies. */
  about = '.daystream';
  /** Lies that were told. */
  told = 0;
  /** Behind the last byte of the segment that was sent. */
  sent = 0;
  /** Is called with what was sent of the segment without a lie. */
  right: (range: Range) => void = () => {};
  readonly #sockets = new Set<Socket>();
  readonly #listener = createServer((socket) => this.#serve(socket));

  /** `files` may be changed while it runs; `foreign` are the bytes of another log. No answer is longer than `answerBytes`. */
  constructor(readonly files: Map<string, Buffer>, readonly foreign: Buffer = Buffer.alloc(0), readonly answerBytes = Infinity) {}

  async start(t: Pick<TestContext, 'after'>): Promise<this> {
    this.#listener.listen(0, '127.0.0.1');
    await once(this.#listener, 'listening');
    t.after(() => this.stop());
    return this;
  }

  get url(): string { return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}/log/`; }

  stop(): void {
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let head = '';
    socket.setNoDelay(true).on('error', () => {}).on('close', () => this.#sockets.delete(socket)).on('data', (bytes) => {
      head += bytes.toString('latin1');
      if (!head.endsWith('\r\n\r\n')) return;
      const [line, ...lines] = head.split('\r\n').slice(0, -2);
      head = '';
      this.#answer(socket, { path: line.split(' ')[1], headers: Object.fromEntries(lines.map((each) => [each.slice(0, each.indexOf(':')).toLowerCase(), each.slice(each.indexOf(':') + 2)])) });
    });
  }

  #answer(socket: Socket, request: Request): void {
    this.requests.push(request);
    const bytes = this.files.get(request.path.replace(/^\/log\//, ''));
    if (bytes === undefined) return void socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    const range = rangeOf(request, bytes, this.answerBytes);
    const tag = tagOf(bytes);
    const { lie } = this;
    const isLie = lie !== undefined && request.path.endsWith(this.about) && range !== undefined && lie.at >= range.first && lie.at <= range.last;
    if (range !== undefined && request.path.endsWith('.daystream')) this.sent = range.last + 1;
    if (isLie) {
      this.lie = undefined;
      this.told++;
      tell(socket, lie.kind, bytes, range, lie.at, this.foreign);
    } else if (request.headers['if-none-match'] === tag) {
      socket.write(`HTTP/1.1 304 Not Modified\r\nETag: ${tag}\r\n\r\n`);
    } else if (request.headers.range === undefined) {
      send(socket, '200 OK', [`ETag: ${tag}`], bytes);
    } else if (range === undefined) {
      send(socket, '416 Range Not Satisfiable', [`Content-Range: bytes */${bytes.length}`], Buffer.alloc(0));
    } else {
      send(socket, '206 Partial Content', [`ETag: ${tag}`, contentRange(range, bytes.length)], part(bytes, range));
      if (request.path.endsWith('.daystream')) this.right(range);
    }
  }
}

/** The bytes asked for; undefined where there are none. */
function rangeOf({ headers }: Request, bytes: Buffer, most: number): Range | undefined {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? 'bytes=0-') ?? [];
  if (Number(first) >= bytes.length) return undefined;
  return { first: Number(first), last: Math.min(last === '' ? Infinity : Number(last), bytes.length - 1, Number(first) + most - 1) };
}

function tell(socket: Socket, kind: LieKind, bytes: Buffer, range: Range, at: number, foreign: Buffer): void {
  const right = contentRange(range, bytes.length);
  const body = part(bytes, range);
  const here = at - range.first;
  const partial = (changed: Buffer, says = right, more: readonly string[] = []) => send(socket, '206 Partial Content', [says, ...more], changed);
  switch (kind) {
    case 'cut':
    case 'stall':
      socket.write(headOf('206 Partial Content', [right, `Content-Length: ${body.length}`]));
      socket.write(body.subarray(0, here));
      if (kind === 'cut') socket.end();
      return;
    case 'twice': return partial(sized(Buffer.concat([body.subarray(0, here), body.subarray(Math.max(0, here - SHIFT_BYTES))]), body.length));
    case 'lost': return partial(sized(Buffer.concat([body.subarray(0, here), body.subarray(here + SHIFT_BYTES)]), body.length));
    case 'flipped': return partial(Buffer.concat([body.subarray(0, here), Buffer.from([body[here] ^ 1]), body.subarray(here + 1)]));
    case 'elsewhere': return partial(part(bytes, { first: Math.max(0, range.first - 1), last: range.last - Math.min(1, range.first) }));
    case 'foreign': return partial(sized(part(foreign, range), body.length));
    case 'shifted': return partial(body, contentRange({ first: range.first + 1, last: range.last + 1 }, bytes.length + 1));
    case 'whole': return send(socket, '200 OK', [], bytes);
    case 'packed': return send(socket, '200 OK', ['Content-Encoding: gzip'], packed(bytes));
    case 'packed range': return partial(gzipSync(body), right, ['Content-Encoding: gzip']);
    case 'truncated': return partial(body.subarray(0, here + 1), contentRange({ first: range.first, last: at }, at + 1));
    case 'nothing there': return send(socket, '416 Range Not Satisfiable', [`Content-Range: bytes */${range.first}`], Buffer.alloc(0));
    case 'page': return send(socket, '200 OK', ['Content-Type: text/html; charset=utf-8'], Buffer.from('<html>Welcome to the airport! Log in here.</html>'));
    case 'unavailable': return send(socket, '503 Service Unavailable', [], Buffer.from('later\n'));
    case 'unchanged': return void socket.write('HTTP/1.1 304 Not Modified\r\n\r\n');
    case 'no length':
      socket.write(headOf('200 OK', ['Connection: close']));
      socket.end(bytes.subarray(0, at));
  }
}

const TAGS = new WeakMap<Buffer, string>();

function tagOf(bytes: Buffer): string {
  const tag = TAGS.get(bytes) ?? `"${createHash('md5').update(bytes.subarray(-1000)).digest('hex')}-${bytes.length}"`;
  TAGS.set(bytes, tag);
  return tag;
}

const PACKED = new WeakMap<Buffer, Buffer>();

/** Packed once: a large log takes a second. */
function packed(bytes: Buffer): Buffer {
  const made = PACKED.get(bytes) ?? gzipSync(bytes);
  PACKED.set(bytes, made);
  return made;
}

function send(socket: Socket, status: string, headers: readonly string[], body: Buffer): void {
  socket.cork();
  socket.write(headOf(status, [...headers, `Content-Length: ${body.length}`]));
  socket.write(body);
  socket.uncork();
}

const headOf = (status: string, headers: readonly string[]) => `HTTP/1.1 ${[status, ...headers].join('\r\n')}\r\n\r\n`;
const contentRange = ({ first, last }: Range, total: number) => `Content-Range: bytes ${first}-${last}/${total}`;
const part = (bytes: Buffer, { first, last }: Range) => bytes.subarray(first, last + 1);

/** The bytes, cut or filled up to a length. */
function sized(bytes: Buffer, length: number): Buffer {
  return bytes.length >= length ? bytes.subarray(0, length) : Buffer.concat([bytes], length);
}
