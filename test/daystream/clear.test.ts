/** A token is for its server alone, and not for who reads along on the way to it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { programPath } from '../../dev/programs.js';
import { readTransactions } from '../../src/daystream/read.js';
import { openTransport, type OpenOptions } from '../../src/daystream/transports/open.js';
import { temporaryFolder } from '../support/folder.js';

const TOKEN = 'a-token-that-nobody-guesses';
/** No name of this machine, and nobody listens there. */
const ELSEWHERE = 'http://0.0.0.0:1/day/';

test('by http a token is shown to this machine alone, however it is written; by https, without a token, and where it is said, to any', async (t) => {
  const tokenFile = join(temporaryFolder(t), 'token');
  writeFileSync(tokenFile, TOKEN);
  const open = (source: string, given: Partial<OpenOptions>) => openTransport(source, { tell: () => {}, signal: new AbortController().signal, ...given }).close();
  for (const host of ['log.invalid', '10.0.0.1', '[2001:db8::1]', '0.0.0.0', '[::]', '128.0.0.1', 'localhost.invalid', '127.0.0.1.invalid', 'localhost.', 'xn--lcalhost-j4a']) {
    assert.throws(() => open(`http://${host}:7070/day/`, { tokenFile }), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, 'usage');
      assert.equal(error.message, `http://${host}:7070/day/: the token would go there in the clear, for anybody on the way to read`);
      assert.match(error.hint ?? '', /https:\/\/, or --insecure/);
      return true;
    });
    await open(`http://${host}:7070/day/`, {});
    await open(`https://${host}/day/`, { tokenFile });
    await open(`http://${host}:7070/day/`, { tokenFile, insecure: true });
  }
  for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '127.8.9.1', '127.1', '0x7f000001', '[::1]', '[0:0::1]']) await open(`http://${host}:7070/`, { tokenFile });
});

test('every command that reads a log refuses to show the token in the clear, in one line, before it asks; --insecure shows it', (t) => {
  const folder = temporaryFolder(t);
  const cache = join(folder, 'cache.db');
  const own = join(folder, 'own.db');
  new Database(own).exec('CREATE TABLE t (id)').close();
  const commands = [
    ...['cat', 'ls', 'verify'].map((each) => ['inspect', each, ELSEWHERE] as const),
    ['deltamirror', '--from', '0:0', '--source', ELSEWHERE, own],
    ['import', '--tables', 't', '--source', ELSEWHERE, cache],
    ['import', '--bootstrap', '--source', ELSEWHERE, cache],
  ] as const;
  for (const [room, ...args] of commands) {
    const type = (...more: string[]) => spawnSync(process.execPath, [programPath(room), ...args, ...more], { encoding: 'utf8', env: { ...process.env, DAYSTREAM_TOKEN: TOKEN, PGHOST: folder } });
    assert.match(type().stderr, /^\w+: http:\/\/0\.0\.0\.0:1\/day\/: the token would go there in the clear, [^\n]*--insecure[^\n]*\n$/);
    assert.match(type('--insecure').stderr, /connection refused|PGSQL/);
  }
});

test('the library refuses it too', async () => {
  const before = process.env.DAYSTREAM_TOKEN;
  process.env.DAYSTREAM_TOKEN = TOKEN;
  try {
    await assert.rejects(readTransactions(ELSEWHERE).next(), /^DeltaError: http:\/\/0\.0\.0\.0:1\/day\/: the token would go there in the clear/);
    await assert.rejects(readTransactions(ELSEWHERE, { insecure: true }).next(), /connection refused$/);
  } finally {
    if (before === undefined) delete process.env.DAYSTREAM_TOKEN;
    else process.env.DAYSTREAM_TOKEN = before;
  }
});
