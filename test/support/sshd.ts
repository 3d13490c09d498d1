/** A real sshd on a private port, with keys, known hosts and configuration in a temporary folder, behind a relay that cuts and holds up. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { temporaryFolder, type Ending } from './folder.js';
import { until } from './wait.js';

const SSHD = '/usr/sbin/sshd';

export class Sshd {
  readonly #folder: string;
  readonly #port: number;
  readonly #relay = createServer((from) => this.#forward(from));
  readonly #sockets = new Set<Socket>();
  #daemon: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
  }

  static async start(t: Ending): Promise<Sshd> {
    const folder = temporaryFolder(t);
    const sshd = new Sshd(folder, await freePort());
    sshd.#relay.listen(0, '127.0.0.1');
    await once(sshd.#relay, 'listening');
    for (const key of ['user', 'host', 'other-host']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)]);
    writeFileSync(join(folder, 'authorized_keys'), readFileSync(join(folder, 'user.pub')));
    writeFileSync(join(folder, 'known_hosts'), `[127.0.0.1]:${sshd.port} ${readFileSync(join(folder, 'host.pub'), 'utf8')}`);
    writeFileSync(join(folder, 'config'), [
      'Host there', 'HostName 127.0.0.1', `Port ${sshd.port}`, `User ${userInfo().username}`,
      'Host *', `IdentityFile ${join(folder, 'user')}`, 'IdentitiesOnly yes', 'IdentityAgent none',
      `UserKnownHostsFile ${join(folder, 'known_hosts')}`, 'GlobalKnownHostsFile none', 'StrictHostKeyChecking ask', 'CheckHostIP no', '',
    ].join('\n'));
    // The ssh that is found by its name, with this configuration; it counts how often it is called.
    mkdirSync(join(folder, 'bin'));
    writeFileSync(join(folder, 'bin/ssh'), `#!/bin/sh\nprintf '%s\\0' "$@" >> '${folder}/calls'; echo >> '${folder}/calls'\nexec /usr/bin/ssh -F '${folder}/config' "$@"\n`);
    chmodSync(join(folder, 'bin/ssh'), 0o755);
    t.after(async () => {
      await sshd.stop();
      sshd.#relay.close();
      sshd.cut();
    });
    await sshd.restart();
    return sshd;
  }

  get port(): number { return (this.#relay.address() as AddressInfo).port; }
  /** PATH with this ssh in front. */
  get path(): string { return `${join(this.#folder, 'bin')}${delimiter}${process.env.PATH}`; }
  /** How often ssh was called. */
  get calls(): number { return existsSync(join(this.#folder, 'calls')) ? readFileSync(join(this.#folder, 'calls'), 'utf8').split('\n').length - 1 : 0; }
  /** Connections that are open now. */
  get connections(): number { return this.#sockets.size / 2; }

  url(folder: string): string {
    return `ssh://there${encodeURI(folder)}`;
  }

  async restart(hostKey = 'host'): Promise<void> {
    await this.stop();
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
    this.#daemon = spawn(SSHD, [
      '-D', '-e', '-f', '/dev/null', '-p', String(this.#port), '-h', join(this.#folder, hostKey),
      ...['ListenAddress=127.0.0.1', `AuthorizedKeysFile=${join(this.#folder, 'authorized_keys')}`, 'PidFile=none', 'StrictModes=no', 'UsePAM=no', 'PermitRootLogin=yes', 'PasswordAuthentication=no', 'MaxStartups=100'].flatMap((option) => ['-o', option]),
    ], { stdio: 'ignore' });
    await until('sshd listens', () => reaches(this.#port));
  }

  /** The daemon and every session of it, at once. */
  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined) return;
    const ended = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await ended;
    this.cut();
  }

  /** From now on a login prints something first, as login files do that were not written for this. */
  greet(bytes: number): void {
    const noise = `command="head -c ${bytes} /dev/zero | tr '\\\\0' x; echo hello >&2; exec sh" `;
    writeFileSync(join(this.#folder, 'authorized_keys'), noise + readFileSync(join(this.#folder, 'user.pub'), 'utf8'));
  }

  /** Nobody is let in any more. */
  refuseKey(): void {
    writeFileSync(join(this.#folder, 'authorized_keys'), '');
  }

  forgetHost(): void {
    writeFileSync(join(this.#folder, 'known_hosts'), '');
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** What is open brings nothing any more, and does not end. */
  holdUp(): void {
    for (const socket of this.#sockets) socket.pause().unpipe();
  }

  #forward(from: Socket): void {
    const to = connect(this.#port, '127.0.0.1');
    for (const [one, other] of [[from, to], [to, from]]) {
      this.#sockets.add(one);
      one.on('error', () => {}).on('close', () => { this.#sockets.delete(one); other.destroy(); }).pipe(other);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function reaches(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}
