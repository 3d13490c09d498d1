/** The nginx example, run by a real nginx: as it stands, but for its addresses, its paths and its user. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './folder.js';
import { freePort } from './ports.js';
import { until } from './wait.js';

const EXAMPLE = resolve(import.meta.dirname, '../../../examples/nginx.conf');

export interface NginxExample {
  readonly port: number;
  /** The file of the certificate, for who is to trust it. */
  readonly certificate: string;
}

/** Serves the folder under /fleet/ and the server on `livePort` under /live/, to who shows the token; it ends with the test. */
export async function nginxExample(t: TestContext, folder: string, livePort: number, token: string): Promise<NginxExample> {
  const directory = temporaryFolder(t);
  const port = await freePort();
  const certificate = join(directory, 'log.example.pem');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', join(directory, 'log.example.key'), '-out', certificate], { stdio: 'pipe' });
  writeFileSync(join(directory, 'daystream-tokens'), `"Bearer ${token}" 1;\n`);
  mkdirSync(join(directory, 'temporary'));
  const example = readFileSync(EXAMPLE, 'utf8').replace('listen 443', `listen 127.0.0.1:${port}`).replaceAll('/etc/nginx/', `${directory}/`)
    .replace('/var/lib/daystream/fleet/', `${folder}/`).replace('127.0.0.1:7070', `127.0.0.1:${livePort}`);
  writeFileSync(join(directory, 'nginx.conf'), `${surroundings(directory)}\n${example}\n}\n`);
  const child = spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', join(directory, 'error.log')], { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text; });
  t.after(() => child.kill('SIGTERM'));
  await until('nginx listens', () => {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${said}`);
    return answers(port);
  });
  return { port, certificate };
}

/** What stands around the example in Debian's nginx.conf. Its user is the one who made the log's folder. */
function surroundings(directory: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${directory}/temporary/${name};`).join(' ');
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `daemon off; ${user} pid ${directory}/nginx.pid; error_log ${directory}/error.log; events { }\nhttp { access_log ${directory}/access.log; ${temporary}`;
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    request({ host: '127.0.0.1', port, rejectUnauthorized: false, agent: false }, (answer) => {
      answer.resume();
      done(true);
    }).on('error', () => done(false)).end();
  });
}
