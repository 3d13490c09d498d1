/** Our own reader behind `daystream serve`, over its deaths and over days: each transaction once, in order. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { LogReader } from '../../src/daystream/reader.js';
import { seekStart } from '../../src/daystream/seek.js';
import { openTransport } from '../../src/daystream/transports/open.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter, xidsOf } from '../support/log.js';
import { serveProcess } from '../support/serve-process.js';

const TRANSACTIONS = 3000;
const KILLED_EVERY = 500;
const DAY_EVERY = 700;

test('readers have every transaction once and in order, though the server is killed again and again and days end', async (t) => {
  const folder = temporaryFolder(t);
  let clock = 1760000000;
  const writer = await openWriter(folder, { clock: () => clock });
  t.after(() => writer.close());
  appendTransactions(writer, 1, 1);
  await writer.sync();
  let server = await serveProcess(t, [folder]);
  const readers = Array.from({ length: 5 }, () => follow(`http://127.0.0.1:${server.port}`));
  for (let xid = 2; xid <= TRANSACTIONS; xid++) {
    if (xid % DAY_EVERY === 0) clock += 86_400;
    appendTransactions(writer, xid, 1);
    if (xid % 10 === 0) await writer.sync();
    if (xid % KILLED_EVERY !== 0) continue;
    server.child.kill('SIGKILL');
    await once(server.child, 'close');
    server = await serveProcess(t, ['--listen', `127.0.0.1:${server.port}`, folder]);
  }
  await writer.sync();
  for (const xids of await Promise.all(readers)) assert.deepEqual(xids, Array.from({ length: TRANSACTIONS }, (_, i) => i + 1));
});

/** The xids from the log's start on, until all are there. */
async function follow(url: string): Promise<number[]> {
  const { signal } = new AbortController();
  const log = openTransport(url, { tell: () => {}, signal });
  const xids: number[] = [];
  const reader = new LogReader(log, await seekStart(log));
  while (xids.length < TRANSACTIONS) {
    const units = await reader.next();
    xids.push(...xidsOf(units));
    if (units.length === 0) await reader.wait(1000, signal);
  }
  await log.close();
  return xids;
}
