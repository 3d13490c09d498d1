/** P2 over a day change: in which order the writer asks the operating system for what. */
import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { realFiles, type WriterFiles } from '../../src/daystream/writer-files.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter } from '../support/log.js';

const DAY_BEFORE = '2025-10-09.daystream';
const DAY_AFTER = '2025-10-10.daystream';

interface Recorder { files: WriterFiles; calls: string[] }

/** The real files, each call written down as it returns: `sync 2025-10-09.daystream`. */
function recorder(): Recorder {
  const calls: string[] = [];
  const names = new Map<number, string>();
  const nameOf = (file: number) => (names.get(file) ?? '').replace(/\.new$/, '');
  const files: WriterFiles = {
    open(path) {
      const file = realFiles.open(path);
      names.set(file, basename(path));
      calls.push(`open ${basename(path)}`);
      return file;
    },
    write(file, bytes) {
      realFiles.write(file, bytes);
      calls.push(`write ${nameOf(file)}`);
    },
    truncate: realFiles.truncate,
    async sync(file) {
      await realFiles.sync(file);
      calls.push(`sync ${nameOf(file)}`);
    },
    syncNow(file) {
      realFiles.syncNow(file);
      calls.push(`sync ${nameOf(file)}`);
    },
    publish(from, to) {
      realFiles.publish(from, to);
      calls.push(`publish ${basename(from)} ${basename(to)}`);
    },
    syncFolder(path) {
      realFiles.syncFolder(path);
      calls.push(`sync folder ${basename(path)}`);
    },
    close(file) {
      realFiles.close(file);
      calls.push(`close ${nameOf(file)}`);
    },
  };
  return { files, calls };
}

/** Asserts that these calls were made in this order, whatever came in between. */
function inOrder(calls: readonly string[], ...wanted: string[]): void {
  let from = 0;
  for (const call of wanted) {
    const at = calls.indexOf(call, from);
    assert.notEqual(at, -1, `"${call}" does not come in its turn: ${wanted.join(' → ')} in\n${calls.join('\n')}`);
    from = at + 1;
  }
}

async function start(t: TestContext): Promise<Recorder & { log: string; writer: Awaited<ReturnType<typeof openWriter>>; clock: { now: number } }> {
  const log = join(temporaryFolder(t), 'log');
  const clock = { now: Date.UTC(2025, 9, 9, 23, 59, 59) / 1000 };
  const { files, calls } = recorder();
  const writer = await openWriter(log, { clock: () => clock.now, files });
  t.after(() => writer.close());
  return { files, calls, log, writer, clock };
}

test('P2: the first segment appears when its open line is durable, and its name is before anything is confirmed', async (t) => {
  const { calls, writer } = await start(t);
  appendTransactions(writer, 1, 1);
  await writer.sync();
  calls.push('confirmed');
  inOrder(calls, `open ${DAY_BEFORE}.new`, `write ${DAY_BEFORE}`, `sync ${DAY_BEFORE}`, `publish ${DAY_BEFORE}.new ${DAY_BEFORE}`, 'sync folder log', `write ${DAY_BEFORE}`, `sync ${DAY_BEFORE}`, 'confirmed');
});

test('P2: over a day change the old segment is durable before the new one appears, and the new one before anything in it is confirmed', async (t) => {
  const { calls, writer, clock } = await start(t);
  appendTransactions(writer, 1, 1);
  await writer.sync();
  calls.length = 0;
  appendTransactions(writer, 2, 1); // neither written nor synced when the day ends
  clock.now += 2;
  appendTransactions(writer, 3, 1);
  const confirmed = await writer.sync();
  calls.push('confirmed');
  assert.equal(confirmed, 0x3030n);
  assert.equal(calls.filter((call) => call === `write ${DAY_BEFORE}`).length, 1);
  const published = `publish ${DAY_AFTER}.new ${DAY_AFTER}`;
  inOrder(calls, `write ${DAY_BEFORE}`, `sync ${DAY_BEFORE}`, published);
  inOrder(calls, `write ${DAY_AFTER}`, `sync ${DAY_AFTER}`, published, 'sync folder log', `write ${DAY_AFTER}`, `sync ${DAY_AFTER}`, 'confirmed');
});

test('a segment is closed when its day is over, but not under a sync that is under way', async (t) => {
  const { calls, files, writer, clock } = await start(t);
  appendTransactions(writer, 1, 1);
  await writer.sync();
  const { sync } = files;
  let finish = (): void => {};
  const held = new Promise<void>((resolve) => { finish = resolve; });
  files.sync = async (file) => { await held; await sync(file); };
  appendTransactions(writer, 2, 1);
  const synced = writer.sync();
  clock.now += 2;
  appendTransactions(writer, 3, 1);
  assert.ok(calls.includes(`publish ${DAY_AFTER}.new ${DAY_AFTER}`));
  assert.ok(!calls.includes(`close ${DAY_BEFORE}`));
  calls.length = 0;
  finish();
  assert.equal(await synced, 0x2030n);
  inOrder(calls, `sync ${DAY_BEFORE}`, `close ${DAY_BEFORE}`);
});
