import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { Server } from '../../dev/postgres.js';

/** An address that leads to one server, then to another, as a name or a virtual address does at a failover. */
export class Forwarder {
  readonly #listener = createServer((from) => this.#forward(from));
  readonly #open = new Set<Socket>();

  private constructor(private target: Server) {}

  static async to(t: TestContext, target: Server): Promise<Forwarder> {
    const forwarder = new Forwarder(target);
    forwarder.#listener.listen(0, '127.0.0.1');
    await once(forwarder.#listener, 'listening');
    t.after(() => {
      forwarder.#listener.close();
      forwarder.#cut();
    });
    return forwarder;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${(this.#listener.address() as AddressInfo).port}/postgres`;
  }

  /** From now on; connections to the one before are cut. */
  lead(target: Server): void {
    this.target = target;
    this.#cut();
  }

  #cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #forward(from: Socket): void {
    const to = connect(this.target.port, '127.0.0.1');
    for (const [one, other] of [[from, to], [to, from]]) {
      this.#open.add(one);
      one.on('error', () => {}).on('close', () => { this.#open.delete(one); other.destroy(); }).pipe(other);
    }
  }
}
