/** Nothing but the names of a log's files can be asked for, however it is written. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { temporaryFolder } from '../support/folder.js';
import { ask, bodyOf, exchange, serving, statusOf } from '../support/serving.js';

const SECRET = 'what nobody may read';
const SEGMENT = '2026-11-20.daystream';
const DOTS = ['..', '%2e%2e', '%2E.', '.%2e', '%252e%252e', '..%00', '...', '....', '%c0%ae%c0%ae', '%u002e%u002e', '..;', '%uff0e%uff0e'];
const SLASHES = ['/', '%2f', '%2F', '%252f', '\\', '%5c', '//', '/./', '%c0%af'];
const TARGETS = ['secret', 'secret.daystream', 'outside/2026-11-20.daystream'];
const PREFIXES = ['/', `/${SEGMENT}/`, '/.hosts/'];
/** What is in the folder itself and nobody's business, or is no file of the log. */
const INSIDE = [
  '/.words.key', '/.hosts/host.json', '/.hosts', '/.hosts/', '/', '//', '/.', '/..', '/*', '/~', '/%2e', '/%00', '/index.new', '/index/', '/index%00', '/index?live', '/INDEX', '/index.123.new',
  '/2026-11-20.daystream.new', '/2026-11-20.daystream/', '/2026-11-20.daystream%00', '/2026-11-20.daystream%00.gz', '/2026-11-20.daystream.gz.gz', '/2026-11-20.DAYSTREAM', '/./2026-11-20.daystream', '//2026-11-20.daystream',
  '/2026-11-20%2edaystream', '/%32026-11-20.daystream', '/2026-11-20.daystream?', '/2026-11-20.daystream?live=1', '/2026-11-20.daystream?live&x', '/2026-11-20.daystream?x=../secret', '/2026-11-20.daystream#x', '/2026-11-20.daystream;x',
  '/2026-11-20.daystream?live%00', '/2026-11-19.daystream', '/2026-11-18.daystream', '/2026-11-17.daystream.gz?live', '/0-0.snapshot.gz?live', '/cache.db', '/CON', '/C:/secret', '/file:///etc/passwd', '/etc/passwd', '/proc/self/environ', '/x'.repeat(1000),
  'http://127.0.0.1/2026-11-20.daystream', 'file:///etc/passwd', '2026-11-20.daystream', '../secret', '*', '?live', '/2026-11-20.daystream\t', '/\x7f', '/\xff\xfe', '/2026-11-20.daystream?live?live',
];

test('of 300 ways to write another name none is answered with bytes, and each is answered', async (t) => {
  const { port } = await serving(t, prepare(t));
  const forms = [...PREFIXES.flatMap((prefix) => DOTS.flatMap((dots) => SLASHES.flatMap((slash) => TARGETS.slice(0, 1).map((target) => prefix + dots + slash + target)))), ...TARGETS.map((target) => `/../${target}`), ...INSIDE];
  assert.ok(forms.length >= 300, String(forms.length));
  for (const form of forms) {
    const answer = await exchange(port, Buffer.from(ask(form), 'latin1'));
    assert.ok([400, 404].includes(statusOf(answer)), `${form}: ${answer}`);
    assert.doesNotMatch(answer, new RegExp(SECRET), form);
    assert.match(bodyOf(answer), /^\d{3} [^\n]+\n$/, form);
  }
  assert.equal(bodyOf(await exchange(port, ask(`/${SEGMENT}`))), 'the log\n');
});

test('a name of the log that is a folder or a pipe is not there', async (t) => {
  const { port } = await serving(t, prepare(t));
  for (const name of ['2026-11-19.daystream', '2026-11-18.daystream']) {
    assert.equal(statusOf(await exchange(port, ask(`/${name}`))), 404);
    assert.equal(statusOf(await exchange(port, ask(`/${name}?live`))), 404);
  }
});

test('the index names what can be asked for, and all of it can', async (t) => {
  const { port } = await serving(t, prepare(t));
  const [head, ...lines] = bodyOf(await exchange(port, ask('/index'))).trimEnd().split('\n');
  assert.equal(head, 'daystream-index 1');
  const names = lines.map((line) => line.split('\t')[0]).filter((name) => !/-1[89]\./.test(name));
  assert.deepEqual(names, ['1507507200-0.snapshot.gz', '2026-11-16.daystream.gz', SEGMENT]);
  for (const name of names) assert.equal(statusOf(await exchange(port, ask(`/${name}`))), 200, name);
});

test('a file that cannot be read is no word of where it lies', async (t) => {
  const folder = prepare(t);
  symlinkSync('2026-11-15.daystream', join(folder, '2026-11-15.daystream'));
  const told: string[] = [];
  const { port } = await serving(t, folder, { tell: (text) => told.push(text) });
  const answer = await exchange(port, ask('/2026-11-15.daystream'));
  assert.equal(statusOf(answer), 500);
  assert.doesNotMatch(answer, /deltamirror-test|ELOOP/);
  assert.match(told.join(), /ELOOP/);
});

/** A log's folder with what does not belong to the log, within another one with what is nobody's business. */
function prepare(t: TestContext): string {
  const above = temporaryFolder(t);
  const folder = join(above, 'log');
  mkdirSync(join(folder, '.hosts'), { recursive: true });
  mkdirSync(join(above, 'outside'));
  for (const name of ['secret', 'secret.daystream', `outside/${SEGMENT}`, 'log/.words.key', 'log/.hosts/host.json', 'log/cache.db', 'log/index.123.new', `log/${SEGMENT}.new`]) writeFileSync(join(above, name), SECRET);
  writeFileSync(join(folder, SEGMENT), 'the log\n');
  writeFileSync(join(folder, '2026-11-16.daystream.gz'), 'compressed');
  writeFileSync(join(folder, '1507507200-0.snapshot.gz'), 'a snapshot');
  mkdirSync(join(folder, '2026-11-19.daystream'));
  execFileSync('mkfifo', [join(folder, '2026-11-18.daystream')]);
  return folder;
}
