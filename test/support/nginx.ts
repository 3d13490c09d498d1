/** A real nginx on a free port, in a temporary folder, not as a daemon; gone at the end of its test. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { temporaryFolder, type Ending } from './folder.js';
import { freePort } from './ports.js';
import { until } from './wait.js';

const PROGRAMS = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/opt/homebrew/bin/nginx'];

export class Nginx {
  #child: ChildProcess | undefined;

  private constructor(readonly port: number, private readonly folder: string) {}

  /** `location` is the configuration of `/log/`, with the log's folder as its alias; `more` of the server. */
  static async start(t: Ending, log: string, location = '', more = ''): Promise<Nginx> {
    const folder = temporaryFolder(t);
    const nginx = new Nginx(await freePort(), folder);
    // The workers of an nginx that root starts are of a user who has to come to the log.
    for (let path = log; path.startsWith(dirname(folder)) && path !== dirname(folder); path = dirname(path)) chmodSync(path, 0o755);
    mkdirSync(join(folder, 'temporary'));
    writeFileSync(join(folder, 'nginx.conf'), configuration(folder, nginx.port, log, location, more));
    await nginx.run();
    t.after(() => nginx.stop());
    return nginx;
  }

  get url(): string { return `http://127.0.0.1:${this.port}/log/`; }

  async run(): Promise<void> {
    this.#child = spawn(program(), ['-p', this.folder, '-c', join(this.folder, 'nginx.conf'), '-e', join(this.folder, 'error.log')], { stdio: 'ignore' });
    await until('nginx listens', () => isListening(this.port));
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

function program(): string {
  const found = PROGRAMS.find(existsSync) ?? (spawnSync('nginx', ['-v']).status === 0 ? 'nginx' : undefined);
  if (found === undefined) throw new Error('nginx is not installed — apt-get install nginx-light');
  return found;
}

function configuration(folder: string, port: number, log: string, location: string, more: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/temporary/${name};`).join(' ');
  return `daemon off; worker_processes 1; pid ${folder}/nginx.pid;
events {}
http {
  access_log ${folder}/access.log;
  ${temporary}
  server {
    listen 127.0.0.1:${port};
    location /log/ { alias ${log}/; default_type text/plain; ${location} }
    ${more}
  }
}
`;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); }).on('error', () => resolve(false));
  });
}
