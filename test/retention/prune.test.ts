/** daystream prune: nothing goes that somebody needs, and what stays is said with its reason. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { programPath } from '../../dev/programs.js';
import { Folder } from '../../src/daystream/folder.js';
import { OpenReader, readHosts, removeHost, writeHost } from '../../src/daystream/hosts.js';
import { formatPosition } from '../../src/daystream/position.js';
import { LogReader } from '../../src/daystream/reader.js';
import { resume } from '../../src/daystream/resume.js';
import { snapshotName } from '../../src/daystream/snapshot-name.js';
import { prune, type Pruning } from '../../src/retention/prune.js';
import { compressInto } from '../support/compressed.js';
import { temporaryFolder } from '../support/folder.js';
import { IDENTITY, openWriter, readAll, transactionLines } from '../support/log.js';
import { Random } from '../support/random.js';

const T0 = 1_760_000_000;
const DAY = 86_400;
const DAYS = 12;
const PROGRAM = programPath('inspect');

/** A log of twelve days, each of some transactions within its first hours. */
async function twelveDays(t: TestContext): Promise<{ folder: string; segments: string[] }> {
  const folder = temporaryFolder(t);
  let clock = T0;
  const writer = await openWriter(folder, { clock: () => clock });
  for (let day = 0; day < DAYS; day++) {
    clock = T0 + day * DAY;
    for (let i = 1; i <= 5; i++, clock += 1000) writer.append(transactionLines(day * 10 + i, BigInt(day * 10 + i) * 0x1000n, ['x']));
  }
  await writer.sync();
  writer.close();
  return { folder, segments: segmentsIn(folder) };
}

const segmentsIn = (folder: string) => readdirSync(folder).filter((name) => name.includes('.daystream')).sort();
const keeping = (days: number, dryRun = false) => ({ keepMs: days * DAY * 1000, keep: `${days}d`, dryRun });
const gone = ({ segments }: Pruning) => segments.filter(({ kept }) => kept === undefined).map(({ segment }) => segment);

test('what is older than --keep before the last line goes, plain or compressed, the oldest first; the rest still reads', async (t) => {
  const { folder, segments } = await twelveDays(t);
  await compressInto(folder, segments[0], true);
  await compressInto(folder, segments[1], false);
  const units = await readAll(folder);
  const would = await prune(folder, keeping(7, true));
  assert.deepEqual(gone(would), segments.slice(0, 4));
  assert.equal(segmentsIn(folder).length, DAYS + 1);
  const done = await prune(folder, keeping(7));
  assert.deepEqual(done, would);
  assert.equal(done.segments[4].kept, 'younger than 7d');
  assert.deepEqual(segmentsIn(folder), segments.slice(4));
  const first = units.findIndex(({ segment }) => segment === segments[4]);
  assert.deepEqual(await readAll(folder), units.slice(first));
  assert.deepEqual(readFileSync(join(folder, 'index'), 'utf8').split('\n').slice(1, -1).map((line) => line.split('\t')[0]), segments.slice(4));
});

test('whatever hosts, readers and snapshots there are: each can go on where it stands, and no segment stays without a reason', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  for (let round = 0; round < 25; round++) {
    const { folder } = await twelveDays(t);
    const units = await readAll(folder);
    const needed = Array.from({ length: random.below(4) }, () => random.pick(units));
    for (const [i, { last }] of needed.entries()) {
      if (random.below(2) === 0) writeHost(folder, `host${i}`, { position: last });
      else writeFileSync(join(folder, snapshotName(last)), '');
    }
    const result = await prune(folder, keeping(random.pick([1, 3, 20])));
    const log = new Folder(folder);
    for (const unit of needed) {
      const { rewritten, ...place } = await resume(log, { ...IDENTITY, epoch: 1, position: unit.last, crc: unit.crc, lsn: 0x1000n });
      assert.equal(rewritten, false);
      assert.deepEqual((await new LogReader(log, place).next())[0]?.first, units[units.indexOf(unit) + 1]?.first);
    }
    await log.close();
    assert.deepEqual(segmentsIn(folder), result.segments.filter(({ kept }) => kept !== undefined).map(({ segment }) => segment));
  }
});

test('what stays is said with who needs it', async (t) => {
  const { folder, segments } = await twelveDays(t);
  const units = await readAll(folder);
  const inDay = (day: number) => units.find(({ segment, kind }) => segment === segments[day] && kind === 'transaction')!.last;
  writeHost(folder, 'web1', { position: inDay(3) });
  writeFileSync(join(folder, snapshotName(inDay(5))), '');
  const { segments: found } = await prune(folder, keeping(2));
  assert.deepEqual(found.map(({ kept }) => kept), [
    undefined, undefined, undefined,
    `host web1 needs it, from ${formatPosition(inDay(3))} on`,
    `host web1 needs it, from ${formatPosition(inDay(3))} on`,
    `host web1 needs it, from ${formatPosition(inDay(3))} on, and 1 more`,
    `host web1 needs it, from ${formatPosition(inDay(3))} on, and 1 more`,
    `host web1 needs it, from ${formatPosition(inDay(3))} on, and 1 more`,
    `host web1 needs it, from ${formatPosition(inDay(3))} on, and 1 more`,
    'younger than 2d', 'younger than 2d', 'the newest',
  ]);
  removeHost(folder, 'web1');
  assert.deepEqual(gone(await prune(folder, keeping(2))), segments.slice(3, 5));
  assert.throws(() => removeHost(folder, 'web1'), { code: 'config' });
});

test('a host that has not said where it stands keeps everything; one that stands before the beginning keeps nothing and is named', async (t) => {
  const { folder } = await twelveDays(t);
  writeHost(folder, 'new', {});
  assert.deepEqual(gone(await prune(folder, keeping(1))), []);
  removeHost(folder, 'new');
  await prune(folder, keeping(5));
  writeHost(folder, 'away', { position: { clock: T0, sequence: 3 } });
  const { lost, segments } = await prune(folder, keeping(2));
  assert.deepEqual(lost, ['away']);
  assert.equal(segments.filter(({ kept }) => kept === undefined).length, 3);
});

test('an open reader keeps its segment as long as its process lives', async (t) => {
  const { folder, segments } = await twelveDays(t);
  const reader = OpenReader.open(folder, 'serve', { segment: segments[2] })!;
  assert.deepEqual(gone(await prune(folder, keeping(1))), segments.slice(0, 2));
  const alive = JSON.parse(readFileSync(join(folder, '.hosts', readdirSync(join(folder, '.hosts'))[0]), 'utf8'));
  reader.close();
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  writeFileSync(join(folder, `.hosts/serve-${dead}.json`), JSON.stringify({ ...alive, name: `serve-${dead}`, segment: segments[3], pid: dead }));
  assert.deepEqual(gone(await prune(folder, keeping(3))), segments.slice(2, 8));
  assert.deepEqual(readHosts(folder), []);
  writeFileSync(join(folder, '.hosts/serve-1.json'), JSON.stringify({ ...alive, started: '1' }));
  assert.deepEqual(readHosts(folder), [], 'its pid is another process by now');
});

test('open readers with one pid, as in containers that share the folder, are two; of one in another container, on another machine or before a restart of this one the pid tells nothing', async (t) => {
  const { folder, segments } = await twelveDays(t);
  const [first, second] = [2, 3].map((i) => OpenReader.open(folder, 'mirror', { segment: segments[i] })!);
  assert.deepEqual(readHosts(folder).map(({ segment }) => segment).sort(), segments.slice(2, 4));
  second.close();
  const [name] = readdirSync(join(folder, '.hosts'));
  assert.deepEqual(gone(await prune(folder, keeping(1))), segments.slice(0, 2));
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const record = { ...JSON.parse(readFileSync(join(folder, '.hosts', name), 'utf8')), pid: dead };
  for (const elsewhere of [{ pids: 'pid:[1]' }, { boot: '00000000-0000-4000-8000-000000000000' }, { machine: 'another' }]) {
    const there = { ...record, ...elsewhere };
    writeFileSync(join(folder, '.hosts', name), JSON.stringify(there));
    assert.deepEqual(gone(await prune(folder, keeping(1))), []);
    writeFileSync(join(folder, '.hosts', name), JSON.stringify({ ...there, pid: process.pid, at: new Date(Date.now() - 3_700_000).toISOString() }));
    assert.deepEqual(readHosts(folder), []);
  }
  first.close();
});

test('where a host stands that cannot be read, nothing goes', async (t) => {
  const { folder } = await twelveDays(t);
  mkdirSync(join(folder, '.hosts'));
  for (const text of ['', '{', '{"version":2,"at":"2026-01-01T00:00:00Z"}', '{"version":1,"at":"2026-01-01T00:00:00Z","position":"x"}', '{"version":1,"at":"2026-01-01T00:00:00Z","segment":"../x"}']) {
    writeFileSync(join(folder, '.hosts/web1.json'), text);
    await assert.rejects(prune(folder, keeping(1)), { code: 'config', message: /\.hosts\/web1\.json: does not say where a host stands/ });
    assert.equal(segmentsIn(folder).length, DAYS);
  }
});

test('the age is that of the log, not of the day: a log that nobody writes loses nothing the second time', async (t) => {
  const { folder } = await twelveDays(t);
  const first = gone(await prune(folder, keeping(3)));
  assert.ok(first.length > 0);
  assert.deepEqual(gone(await prune(folder, keeping(3))), []);
});

test('the command lines: hosts add, list and remove, prune --dry-run, and what is refused', async (t) => {
  const { folder, segments } = await twelveDays(t);
  const daystream = (...args: string[]) => spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8' });
  assert.equal(daystream('hosts', 'add', 'web1', folder, '--position', `${T0}:4`).status, 0);
  assert.match(daystream('hosts', 'list', folder).stdout, new RegExp(`^web1: needs the log from ${T0}:4 on, as of 20.*Z\\n$`));
  assert.match(daystream('prune', '--keep', '7d', '--dry-run', folder).stdout, new RegExp(`^${segments[0]}: kept, host web1 needs it, from ${T0}:4 on\\n[^]*\\nwould remove 0 segments, 0 B; 12 segments kept\\n$`));
  assert.equal(daystream('hosts', 'remove', 'web1', folder).status, 0);
  assert.match(daystream('prune', '--keep', '7d', folder).stdout, /\nremoved 4 segments, .*; 8 segments kept\n$/);
  for (const [args, said] of [
    [['prune', folder], /--keep/], [['prune', '--keep', '5m', folder], /--keep 5m: is no time of an hour or more — write it like 7d/], [['prune', '--keep', '0d', folder], /an hour or more/],
    [['hosts', 'add', '../x', folder], /"\.\.\/x" is no name for a host/], [['hosts', 'add', 'serve-1', folder], /taken by processes/], [['hosts', 'remove', 'nobody', folder], /no host is registered as "nobody"/],
    [['prune', '--keep', '7d', join(folder, 'none')], /there is no such folder/],
  ] as const) {
    const { status, stderr } = daystream(...args);
    assert.notEqual(status, 0);
    assert.match(stderr, said);
    assert.equal(stderr.split('\n').length, 2, stderr);
  }
});
