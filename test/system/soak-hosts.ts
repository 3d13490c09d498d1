/**
 * One load read by four hosts: from the folder, through a real sshd, by nginx, and from `daystream
 * serve`, each of the last three cut or restarted all along. At the end every cache is compared.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Path } from '../support/path.js';
import type { Ending } from '../support/folder.js';
import { Nginx } from '../support/nginx.js';
import { freePort } from '../support/ports.js';
import { Random } from '../support/random.js';
import { Sshd } from '../support/sshd.js';

const TOKEN = 'a-token-of-the-soak-that-nobody-guesses';
const QUIET_MS = 3_000;

/** Gives the caches; they are followed until `ended`, and disturbed until then. */
export async function followFromFour(end: Ending, path: Path, ended: Promise<unknown>, say: (text: string) => void): Promise<string[]> {
  const tokenFile = join(path.folder, 'token');
  writeFileSync(tokenFile, TOKEN);
  const nginx = await Nginx.start(end, path.log);
  const sshd = await Sshd.start(end);
  const port = await freePort();
  const serve = path.daemon('daystream', 'serve', '--listen', `127.0.0.1:${port}`, '--token-file', tokenFile, path.log);
  process.env.PATH = sshd.path; // of all that is started from here on
  const sources = { folder: [path.log], ssh: [sshd.url(path.log)], nginx: [nginx.url], serve: [`http://127.0.0.1:${port}/`, '--token-file', tokenFile] };
  const caches: string[] = [];
  for (const [name, source] of Object.entries(sources)) {
    const cache = path.cache(`${name}.db`);
    const importing = path.daemon('deltaimport', '--tables', '*.*', '--source', ...source, cache);
    assert.equal(await importing.ended(), 0, importing.stderr); // sshd's relay is in this process
    path.mirror(cache, ...source.slice(1));
    caches.push(cache);
  }
  const random = new Random();
  let isOver = false;
  void ended.then(() => { isOver = true; });
  const counts = { ssh: 0, nginx: 0, serve: 0 };
  while (!isOver) {
    await sleep(random.below(QUIET_MS));
    const whom = random.pick(['ssh', 'nginx', 'serve'] as const);
    counts[whom]++;
    if (whom === 'ssh') sshd.cut();
    if (whom === 'nginx') await nginx.stop().then(() => nginx.run());
    if (whom === 'serve') await serve.stop('SIGKILL').then(() => serve.start());
  }
  say(`SEED=${random.seed}: ssh was cut ${counts.ssh} times, nginx restarted ${counts.nginx}, serve killed ${counts.serve}`);
  return caches;
}
