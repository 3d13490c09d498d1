/** The documentation told by the code: its examples are read, its links followed, its commands and options looked up. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { decodeLine } from '../src/daystream/codec.js';
import { Folder } from '../src/daystream/folder.js';
import { epochSegmentName, segmentName } from '../src/daystream/segment.js';
import { verifyLog, type Verified } from '../src/daystream/verify.js';
import { readTransactions, type Change } from '../src/index.js';
import { temporaryFolder } from './support/folder.js';
import { readAll } from './support/log.js';

const ROOT = resolve(import.meta.dirname, '../..');
const pages = ['README.md', ...readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)]
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { bin: Record<string, string>; scripts: Record<string, string> };

/** The commands of which each has options of its own. */
const COMMANDS = ['deltastream', 'deltastream doctor', 'deltastream setup', 'deltastream drop', 'deltastream status', 'deltastream reconcile', 'deltastream try', 'deltastream reload', 'deltastream tables list', 'deltastream tables add', 'deltastream tables remove', 'deltaimport', 'deltamirror', 'deltamirror publish', 'deltamirror status', 'deltamirror wait', 'daystream', 'daystream cat', 'daystream ls', 'daystream verify', 'daystream compress', 'daystream prune', 'daystream hosts list', 'daystream hosts add', 'daystream hosts remove', 'daystream serve'];
/** Options that the pages name of other programs, of the benchmarks and of the demo. */
const OTHERS = new Set(['--plot', '--save', '--seconds', '--seeds', '--lies', '--share', '--inplace', '--pkglibdir']);

const format = pages.find(({ path }) => path === 'docs/format.md')!.text;

test('every line of a log that the format page shows is read by the codec', () => {
  const lines = [...fences(format, 'daystream'), ...fences(format, 'daystream-original')].flatMap((fence) => fence.split('\n').slice(0, -1));
  assert.ok(lines.length >= 10);
  for (const line of lines) assert.ok(decodeLine(line).own.has('_action'), line);
});

test("the format page's samples are one log whose sequence, rows and chain are right", async (t) => {
  const sample = fences(format, 'daystream').filter((fence) => fence.includes('\t_crc\t')).join('');
  const { folder, verified } = await verifySample(t, sample);
  const expected = { chain: true, transactions: 3, lines: 49, tornBytes: 0, segments: 2, position: { clock: 1760003600, sequence: 12 } };
  assert.deepEqual({ ...verified, ...expected }, verified);
  const changes: Change[] = [];
  for await (const transaction of readTransactions(folder)) for await (const change of transaction.changes()) changes.push(change);
  const place = { schema: 'public', table: 'flights' };
  assert.deepEqual(changes.filter(({ kind }) => ['insert', 'update', 'delete', 'truncate'].includes(kind)), [
    { kind: 'insert', ...place, row: new Map([['id', 'UAL1'], ['alt', null], ['note', '']]) },
    { kind: 'update', ...place, old: new Map([['id', 'UAL1']]), row: new Map([['id', 'UAL2'], ['alt', '350']]) },
    { kind: 'insert', schema: 'ops', table: 'log', row: new Map([['_id', '1'], ['text', 'a\tb\\c']]) },
    { kind: 'truncate', schema: 'ops', table: 'log', cascade: false, restart: true },
    { kind: 'insert', schema: 'public', table: 'gates', row: new Map([['id', '7']]) },
    { kind: 'delete', schema: 'public', table: 'pilots', old: new Map([['id', '1']]) },
    { kind: 'delete', ...place, old: new Map([['id', 'UAL2']]) },
    { kind: 'update', ...place, old: undefined, row: new Map([['id', 'UAL3'], ['altitude', '370'], ['note', '']]) },
    { kind: 'insert', ...place, row: new Map([['id', 'UAL4'], ['altitude', null], ['note', null]]) },
  ]);
  assert.deepEqual(changes.map(({ kind }) => kind).filter((kind) => !['insert', 'update', 'delete', 'truncate'].includes(kind)), ['schema', 'drop', 'schema', 'indexes', 'comments', 'stale', 'create', 'schema', 'drop', 'schema', 'indexes', 'comments', 'schema', 'stale']);
});

test("the format page's samples state the copies that are due and those that were made", async (t) => {
  const { folder } = await verifySample(t, fences(format, 'daystream').filter((fence) => fence.includes('\t_crc\t')).join(''));
  const units = await readAll(folder);
  const stated = units.map((unit) => {
    if (unit.kind === 'transaction') return [unit.kind, unit.schemas, unit.reload, unit.offer];
    if (unit.kind === 'copy') return [unit.kind, unit.part, unit.isLast, unit.rows, unit.snapshot];
    if (unit.kind === 'epoch') return [unit.kind, unit.epoch, unit.rows, unit.schemas, unit.reload];
    return [unit.kind];
  });
  assert.deepEqual(stated, [
    ['open'], ['transaction', 0, [], []], ['horizon'], ['transaction', 5, [16388], []],
    ['copy', 0, false, 0, '743:744:743'], ['transaction', 1, [], []], ['copy', 1, true, 2, undefined], ['copy', 0, true, 0, undefined], ['horizon'],
    ['open'], ['epoch', 1760003600000000, 3, 5, [24580]], ['horizon'],
  ]);
});

test("the format page's sample of the original format is read as one", async (t) => {
  const { verified } = await verifySample(t, fences(format, 'daystream-original')[0]);
  assert.deepEqual({ ...verified, chain: false, transactions: 2, lines: 2 }, verified);
});

test('every link to a file of ours leads to it, and to a heading of it', () => {
  for (const { path, text } of pages) {
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file, anchor] = target.split('#');
      const linked = file === '' ? join(ROOT, path) : join(ROOT, dirname(path), file);
      assert.ok(existsSync(linked), `${path}: ${target}`);
      if (anchor !== undefined) assert.ok(anchors(readFileSync(linked, 'utf8')).includes(anchor), `${path}: ${target}`);
    }
  }
});

test('every npm script and every file that a page names is there', () => {
  for (const { path, text } of pages) {
    for (const [, script] of text.matchAll(/\bnpm run ([\w-]+)/g)) assert.ok(script in manifest.scripts, `${path}: npm run ${script}`);
    for (const [, file] of text.matchAll(/`((?:src|dev|docs|test|plugin-c|bench|logs|examples)\/[\w./-]*)`/g)) {
      assert.ok(existsSync(join(ROOT, file)), `${path}: ${file}`);
    }
  }
});

test('every option that a page gives one of our commands is in its --help', () => {
  const known = new Map(COMMANDS.map((command) => [command, optionsOf(command)]));
  const all = new Set([...known.values()].flatMap((options) => [...options]));
  for (const { path, text } of pages) {
    for (const [, command, rest] of text.matchAll(/\b(deltastream doctor|deltastream setup|deltastream drop|deltastream status|deltastream reconcile|deltastream try|deltastream reload|deltastream tables (?:list|add|remove)|deltastream|deltaimport|deltamirror (?:publish|status|wait)|deltamirror|daystream (?:cat|ls|verify|compress|prune|hosts list|hosts add|hosts remove|serve))((?: [^|`\n#]+)?)/g)) {
      for (const option of optionsIn(rest)) assert.ok(known.get(command)!.has(option), `${path}: ${command}${rest}: ${option}`);
    }
    for (const [span] of text.matchAll(/`[^`\n]+`/g)) {
      for (const option of optionsIn(span)) assert.ok(all.has(option) || OTHERS.has(option), `${path}: ${span}`);
    }
  }
});

/** The contents of a page's fenced blocks of one language. */
function fences(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, content]) => content);
}

/** A heading's name in a link, as GitHub makes it. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
}

function optionsIn(text: string): string[] {
  return [...text.matchAll(/(?<=[\s`(])--[a-z][a-z-]*/g)].map(([option]) => option);
}

function optionsOf(command: string): Set<string> {
  const [program, ...rest] = command.split(' ');
  const { stdout } = spawnSync(process.execPath, [join(ROOT, manifest.bin[program]), ...rest, '--help'], { encoding: 'utf8' });
  return new Set([...stdout.matchAll(/^ +(?:-\w, )?(?:(--[a-z-]+), )?(--[a-z-]+)/gm)].flatMap(([, other, option]) => (other === undefined ? [option] : [other, option])));
}

async function verifySample(t: Parameters<typeof temporaryFolder>[0], sample: string): Promise<{ folder: string; verified: Verified }> {
  const folder = temporaryFolder(t);
  for (const segment of sample.split(/^(?=_c\t\d+\t_s\t0\t_action\topen\t)/m)) {
    const clock = Number(/^_c\t(\d+)/.exec(segment)![1]);
    const epoch = Number(/\t_action\tepoch\t_epoch\t(\d+)/.exec(segment)?.[1] ?? 1);
    writeFileSync(join(folder, epoch === 1 ? segmentName(clock) : epochSegmentName(clock, epoch)), segment);
  }
  const log = new Folder(folder);
  t.after(() => log.close());
  return { folder, verified: await verifyLog(log) };
}
