/**
 * A connection pooler in front of a real Postgres, in what a client can tell it by: it refuses the
 * replication startup parameter as PgBouncer does, and its greeting names a process of its own.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { TestContext } from 'node:test';

const BACKEND_KEY_DATA = 0x4b; // K
const SSL_REQUEST = 80877103;

/** Starts one; gives its port. */
export async function startPooler(t: TestContext, postgresPort: number): Promise<number> {
  const pooler: Server = createServer((client) => {
    client.on('error', () => client.destroy());
    client.once('data', (startup: Buffer) => greet(client, startup, postgresPort));
  }).listen(0, '127.0.0.1');
  t.after(() => pooler.close());
  await once(pooler, 'listening');
  return (pooler.address() as { port: number }).port;
}

function greet(client: Socket, startup: Buffer, postgresPort: number): void {
  if (startup.readInt32BE(4) === SSL_REQUEST) {
    client.write('N');
    client.once('data', (next: Buffer) => greet(client, next, postgresPort));
    return;
  }
  if (startup.includes('\0replication\0')) {
    client.end(errorMessage('08P01', 'unsupported startup parameter: replication'));
    return;
  }
  const server = connect(postgresPort, '127.0.0.1');
  server.on('error', () => client.destroy());
  server.write(startup);
  client.pipe(server);
  server.on('data', (bytes: Buffer) => client.write(withOwnPid(bytes)));
  server.on('end', () => client.end());
}

/** Replaces the process id where a greeting states it. */
function withOwnPid(bytes: Buffer): Buffer {
  const own = Buffer.from(bytes);
  for (let at = 0; at + 5 <= own.length; at += 1 + own.readInt32BE(at + 1)) {
    if (own[at] === BACKEND_KEY_DATA && own.readInt32BE(at + 1) === 12) own.writeInt32BE(1, at + 5);
  }
  return own;
}

function errorMessage(code: string, text: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${code}\0M${text}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(4 + fields.length, 1);
  return Buffer.concat([head, fields]);
}
