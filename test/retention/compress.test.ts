/** daystream compress: whenever it is killed the log is whole, and a damaged segment stays as it is. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { programPath } from '../../dev/programs.js';
import { INDEX_NAME } from '../../src/daystream/index-file.js';
import { isSegmentName } from '../../src/daystream/segment.js';
import { compress, type Compressed } from '../../src/retention/compress.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter, readAll, transactionLines } from '../support/log.js';
import { Random } from '../support/random.js';

const T0 = 1_760_000_000;
const DAY = 86_400;
const PROGRAM = programPath('inspect');

async function days(t: TestContext, count: number, row = () => 'x'.repeat(1000)): Promise<string> {
  const folder = temporaryFolder(t);
  let clock = T0;
  const writer = await openWriter(folder, { clock: () => clock });
  for (let day = 0; day < count; day++, clock += DAY) {
    for (let i = 1; i <= 30; i++) writer.append(transactionLines(day * 100 + i, BigInt(day * 100 + i) * 0x1000n, [row()]));
    writer.horizon(0n, 1n, `${day * 100 + 50}:${day * 100 + 50}:`);
  }
  await writer.sync();
  writer.close();
  return folder;
}

async function all(folder: string, dryRun = false): Promise<Compressed[]> {
  const found: Compressed[] = [];
  for await (const each of compress(folder, dryRun)) found.push(each);
  return found;
}

const logFiles = (folder: string) => readdirSync(folder).filter((name) => name.includes('.daystream')).sort();

test('all segments but the newest are compressed, zcat gives them back, the index names them, and the log reads as before', async (t) => {
  const folder = await days(t, 3);
  const units = await readAll(folder);
  const [first, second, newest] = logFiles(folder);
  const plain = readFileSync(join(folder, first));
  assert.deepEqual((await all(folder, true)).map(({ segment, bytes }) => [segment, bytes]), [[first, undefined], [second, undefined]]);
  assert.deepEqual(logFiles(folder), [first, second, newest]);
  const done = await all(folder);
  assert.deepEqual(done.map(({ segment, plainBytes }) => [segment, plainBytes]), [[first, plain.length], [second, done[1].plainBytes]]);
  assert.deepEqual(logFiles(folder), [`${first}.gz`, `${second}.gz`, newest]);
  assert.ok(gunzipSync(readFileSync(join(folder, `${first}.gz`))).equals(plain));
  assert.deepEqual(readFileSync(join(folder, INDEX_NAME), 'utf8').split('\n').slice(1, -1).map((line) => line.split('\t')[0]), [`${first}.gz`, `${second}.gz`, newest]);
  assert.deepEqual(await readAll(folder), units);
  assert.deepEqual(await all(folder), []);
});

test('a writer that begins the next segment meanwhile is not in its way, and goes on behind', async (t) => {
  const folder = await days(t, 2);
  await all(folder);
  const writer = await openWriter(folder, { clock: () => T0 + 2 * DAY });
  appendTransactions(writer, 1000, 2);
  await writer.sync();
  assert.equal((await all(folder)).length, 1);
  appendTransactions(writer, 1002, 1);
  await writer.sync();
  writer.close();
  assert.equal((await readAll(folder)).filter(({ kind }) => kind === 'transaction').length, 63);
});

test('a damaged segment stays as it is, and is named', async (t) => {
  const folder = await days(t, 3);
  const [first, second] = logFiles(folder);
  const bytes = readFileSync(join(folder, second));
  bytes[2000] ^= 1;
  writeFileSync(join(folder, second), bytes);
  await assert.rejects(all(folder), { code: 'log-damaged', message: new RegExp(`${second}:\\d+: `) });
  assert.deepEqual(logFiles(folder).slice(0, 2), [`${first}.gz`, second]);
  assert.ok(readFileSync(join(folder, second)).equals(bytes));
});

test('killed at any moment it leaves every segment whole in at least one form, and goes on the next time', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const folder = await days(t, 6, () => randomBytes(50_000).toString('hex'));
  const units = await readAll(folder);
  let kills = 0;
  for (; kills < 30 && logFiles(folder).filter(isSegmentName).length > 1; kills++) {
    const child = spawn(process.execPath, [PROGRAM, 'compress', folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    await Promise.race([ended, sleep(100 + random.below(300))]);
    child.kill('SIGKILL');
    await ended;
    assert.deepEqual(await readAll(folder), units);
  }
  t.diagnostic(`${kills} kills`);
  await all(folder);
  assert.deepEqual(await readAll(folder), units);
  assert.equal(logFiles(folder).filter(isSegmentName).length, 1);
  assert.ok(!readdirSync(folder).some((name) => name.endsWith('.gz.new')));
});

test('two at once: the second says who holds the log', async (t) => {
  const folder = await days(t, 3);
  const first = compress(folder, false);
  await first.next();
  const child = spawn(process.execPath, [PROGRAM, 'prune', '--keep', '7d', folder], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said += text; });
  const [code] = await once(child, 'close') as [number];
  assert.equal(code, 1);
  assert.match(said, /^daystream: .*\.retention\.lock: held by daystream compress \(pid \d+ on .*\) — stop that process first\n$/);
  for await (const each of first) assert.ok(existsSync(join(folder, `${each.segment}.gz`)));
});
