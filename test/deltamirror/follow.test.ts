import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { keyedTable, makeCache, query, runMirror } from '../support/cache.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, openWriter } from '../support/log.js';
import { until } from '../support/path.js';
import { Random } from '../support/random.js';

const count = (cache: string) => Number(query(cache, 'SELECT count(*) AS n FROM t')[0].n);

test('a following mirror misses no write and no new segment, however closely they follow one another', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const folder = temporaryFolder(t);
  const log = join(folder, 'log');
  const cache = join(folder, 'cache.db');
  let clock = 1_760_000_000;
  const writer = await openWriter(log, { clock: () => clock });
  appendTransactions(writer, 1, 1);
  writer.write();
  makeCache(cache, log, [keyedTable('t')]);
  const stop = new AbortController();
  const running = runMirror(cache, log, { signal: stop.signal });
  await until('the first row', () => count(cache) === 1);
  let xid = 2;
  for (let round = 0; round < 40; round++) {
    for (let i = random.below(30); i >= 0; i--) {
      appendTransactions(writer, xid++, 1);
      writer.write();
      if (random.below(4) === 0) await sleep(random.below(12));
    }
    if (random.below(3) === 0) clock += 86_400 * (1 + random.below(2));
    if (round % 8 === 0) await until(`row ${xid - 1}`, () => count(cache) === xid - 1);
  }
  await until(`row ${xid - 1}`, () => count(cache) === xid - 1);
  stop.abort();
  const { applier } = await running;
  assert.equal(applier.transactions, xid - 1);
  writer.close();
});

test('a segment that is replaced by a longer copy of itself, as rsync does, is followed', async (t) => {
  const folder = temporaryFolder(t);
  const [source, log, cache] = ['source', 'log', 'cache.db'].map((name) => join(folder, name));
  const writer = await openWriter(source);
  const copy = () => {
    mkdirSync(log, { recursive: true });
    copyFileSync(join(source, readdirSync(source)[0]), join(log, '.copying'));
    renameSync(join(log, '.copying'), join(log, readdirSync(source)[0]));
  };
  appendTransactions(writer, 1, 1);
  writer.write();
  copy();
  makeCache(cache, log, [keyedTable('t')]);
  const stop = new AbortController();
  const running = runMirror(cache, log, { signal: stop.signal });
  for (let xid = 2; xid <= 4; xid++) {
    await until(`row ${xid - 1}`, () => count(cache) === xid - 1);
    appendTransactions(writer, xid, 1);
    writer.write();
    copy();
  }
  await until('row 4', () => count(cache) === 4);
  stop.abort();
  await running;
  writer.close();
});

test('P3: a reader of a following cache never sees half a transaction', async (t) => {
  const folder = temporaryFolder(t);
  const log = join(folder, 'log');
  const cache = join(folder, 'cache.db');
  const writer = await openWriter(log);
  const transfer = (xid: number, from: number, to: number) => {
    const lsn = BigInt(xid) * 0x1000n;
    const hex = (value: bigint) => `0/${value.toString(16).toUpperCase()}`;
    const row = (id: number, a: number) => `_table\tt\t_xid\t${xid}\t_action\t${xid === 1 ? 'insert' : 'update'}\tid\t${id}\ta\t${a}`;
    return Buffer.from([`_action\tbegin\t_xid\t${xid}\t_lsn\t${hex(lsn)}\t_ts\t1`, row(1, from), row(2, to), `_action\tcommit\t_xid\t${xid}\t_lsn\t${hex(lsn + 48n)}\t_rows\t2`].join('\n'));
  };
  writer.append(transfer(1, 500, 500));
  writer.write();
  makeCache(cache, log, [keyedTable('t', ['a'])]);
  const stop = new AbortController();
  const running = runMirror(cache, log, { signal: stop.signal });
  await until('the first rows', () => count(cache) === 2);
  for (let xid = 2; xid <= 400; xid++) {
    const lines = transfer(xid, 500 - xid, 500 + xid).toString().split('\n');
    for (const line of lines) {
      writer.append(Buffer.from(line));
      writer.write(); // a reader of the log sees each line of its own
      await sleep(0);
      assert.equal(query(cache, 'SELECT sum(a) AS sum FROM t')[0].sum, 1000);
    }
  }
  await until('the last row', () => query(cache, 'SELECT a FROM t WHERE id = 1')[0].a === '100');
  stop.abort();
  await running;
  writer.close();
});
