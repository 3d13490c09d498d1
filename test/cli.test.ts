/** What the four commands have in common, as a person at a terminal meets it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from './support/folder.js';

const ROOT = resolve(import.meta.dirname, '../..');
const { bin, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { bin: Record<string, string>; version: string };
/** What commander asks for before it looks at other options. */
const WANTED: Readonly<Record<string, readonly string[]>> = { deltaimport: ['--tables', 't', '--source', '.', 'cache.db'] };
const EXPECTED = 1;
const USAGE = 2;

function type(command: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(ROOT, bin[command]), ...args], { encoding: 'utf8', timeout: 60_000 });
}

/** The command failed with this code and one line that names it and matches. */
function assertRefused({ status, stdout, stderr }: ReturnType<typeof type>, command: string, code: number, line: RegExp): void {
  assert.match(stderr, line);
  assert.match(stderr, new RegExp(`^${command}: [^\\n]+\\n$`), 'one line that begins with the command');
  assert.equal(stdout, '');
  assert.equal(status, code);
}

for (const command of Object.keys(bin)) {
  test(`${command} --help says what it does and shows an example`, () => {
    const { status, stdout } = type(command, '--help');
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`^Usage: ${command} `));
    assert.match(stdout, new RegExp(`^Examples?:\\n +${command} `, 'm'));
  });

  test(`${command} --version prints the package's version`, () => {
    assert.equal(type(command, '--version').stdout, `${version}\n`);
  });

  test(`${command} without arguments is refused with what to type`, () => {
    assertRefused(type(command), command, USAGE, new RegExp(` — .*${command} `));
  });

  test(`${command} refuses an option it does not know`, () => {
    assertRefused(type(command, ...(WANTED[command] ?? []), '--no-such-option'), command, USAGE, /unknown option '--no-such-option'.* — try: /);
  });
}

test('a malformed --from is refused with the form that is wanted', () => {
  for (const from of ['', 'now', '1507507200', '1507507200:', ':0', '-1:0', '1507507200:0:0', '1e9:0']) {
    assertRefused(type('deltamirror', `--from=${from}`, 'cache.db'), 'deltamirror', USAGE, /--from.*clock:sequence, like 1507507200:0/);
    assertRefused(type('daystream', 'cat', `--from=${from}`), 'daystream', USAGE, /--from.*clock:sequence, like 1507507200:0/);
  }
});

test('a cache that is not there is named, with the command that makes it, and is not made', (t) => {
  const path = join(temporaryFolder(t), 'cache.db');
  assertRefused(type('deltamirror', '--once', path), 'deltamirror', EXPECTED, /cache\.db: there is no cache — make it: deltaimport /);
  assert.ok(!existsSync(path));
});

test('a folder that is not a log is named, with what to give', (t) => {
  const folder = temporaryFolder(t);
  for (const verb of ['cat', 'ls', 'verify']) {
    assertRefused(type('daystream', verb, join(folder, 'none')), 'daystream', EXPECTED, /none: .* — give the folder that deltastream --out writes/);
  }
});

test('a wrong use of a subcommand names its help', () => {
  assertRefused(type('deltastream', 'status'), 'deltastream', USAGE, /--slot <name>' not specified — try: deltastream status --help/);
});

test('a bad URL is refused without a word of it', (t) => {
  const folder = temporaryFolder(t);
  for (const pg of ['mysql://u:secret@h/d', 'postgres://u:sec/ret@h/d', 'secret']) {
    const refused = [
      ['deltastream', type('deltastream', '--slot', 's', '--out', folder, '--pg', pg)],
      ['deltaimport', type('deltaimport', '--tables', 't', '--source', folder, '--pg', pg, join(folder, 'cache.db'))],
    ] as const;
    for (const [command, result] of refused) {
      assertRefused(result, command, USAGE, /--pg: not a Postgres URL — write it like postgres:/);
      assert.doesNotMatch(result.stderr, /sec\/?ret/);
    }
  }
});

test('what is called by a line feed or an escape is told in one line', () => {
  const { status, stderr } = type('deltamirror', 'no\nsuch\x1b[31m.db');
  assert.equal(status, EXPECTED);
  assert.match(stderr, /^deltamirror: [^\x00-\x1f]*no\\nsuch\\x1b\[31m\.db[^\x00-\x1f]*\n$/);
});
