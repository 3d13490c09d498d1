/** What waits for its commit, and the ids that it is known by. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Spool } from '../../src/deltastream/pgoutput/spool.js';
import { Xids } from '../../src/deltastream/pgoutput/xids.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';

const STOP = new AbortController().signal;
const LARGE_BYTES = 600_000;

function spoolOf(t: TestContext): { spool: Spool; path: string } {
  const path = join(temporaryFolder(t), 'spool');
  const spool = new Spool(path);
  t.after(() => spool.discard());
  return { spool, path };
}

async function contents(spool: Spool): Promise<string[]> {
  const found: string[] = [];
  await spool.replay(async (bytes, start, end, order) => { found.push(`${order} ${bytes.toString('latin1', start, end)}`); }, STOP);
  return found;
}

test('few messages stay in memory, many and large ones come back out of the file as they were', async (t) => {
  const { spool, path } = spoolOf(t);
  spool.add(Buffer.from('I----one'), 5, 7);
  assert.deepEqual(await contents(spool), ['7 Ione']);
  assert.ok(!existsSync(path));
  const large = Buffer.alloc(LARGE_BYTES, 'x');
  spool.add(large, 1, 8);
  for (let i = 0; i < 10_000; i++) spool.add(Buffer.from(`U${i}`), 1, 2 ** 40 + i);
  const found = await contents(spool);
  assert.deepEqual(found.slice(0, 2), ['7 Ione', `8 ${large.toString()}`]);
  assert.deepEqual(found.slice(2), Array.from({ length: 10_000 }, (_, i) => `${2 ** 40 + i} U${i}`));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  spool.discard();
  assert.ok(!existsSync(path));
});

test('a stop ends the reading', async (t) => {
  const { spool } = spoolOf(t);
  const messages = 100_000;
  for (let i = 0; i < messages; i++) spool.add(Buffer.from('I--------'), 1, i);
  const stop = new AbortController();
  let seen = 0;
  await spool.replay(() => { if (++seen === 10) stop.abort(); }, stop.signal);
  assert.ok(seen >= 10 && seen < messages);
});

test('random subtransactions: what was aborted is cut off, wherever it stands, and nothing else', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  for (let round = 0; round < 20; round++) {
    const { spool } = spoolOf(t);
    let kept: { text: string; path: number[] }[] = [];
    let open: number[] = [];
    let next = 1;
    for (let i = 0; i < 400; i++) {
      const what = random.below(10);
      if (what < 2) open = [...open, next++];
      else if (what < 3) open = open.slice(0, -1); // released: its rows are its parent's from here on
      else if (what < 4 && open.length > 0) {
        const depth = random.below(open.length);
        const aborted = open[depth];
        // The server names each subtransaction that goes, also those that were released into it.
        const gone = new Set([aborted, ...kept.filter(({ path }) => path.includes(aborted)).map(({ path }) => path[path.length - 1])]);
        kept = kept.filter(({ path }) => !path.includes(aborted));
        for (const xid of gone) spool.cut(xid);
        open = open.slice(0, depth);
      } else {
        const text = `I${i}${'.'.repeat(random.below(20) === 0 ? 100_000 : random.below(2000))}`;
        spool.of(open[open.length - 1]);
        spool.add(Buffer.from(text), 1, i);
        kept.push({ text: `${i} ${text}`, path: open });
      }
    }
    assert.deepEqual(await contents(spool), kept.map(({ text }) => text));
  }
});

test('a transaction id gets the epoch of the nearest one, before and behind a wrap', () => {
  const xids = new Xids((5n << 32n) + 10n);
  assert.equal(xids.widen(9), (5n << 32n) + 9n);
  assert.equal(xids.widen(0xffff_fff0), (4n << 32n) + 0xffff_fff0n);
  assert.equal(xids.widen(0x7000_0000), (5n << 32n) + 0x7000_0000n);
  assert.equal(xids.widen(0xe000_0000), (5n << 32n) + 0xe000_0000n);
  assert.equal(xids.widen(3), (6n << 32n) + 3n);
});
