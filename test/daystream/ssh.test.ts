/** A log read through a real sshd: the bytes of the folder, whatever becomes of the connection. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import { Segments } from '../../src/daystream/segments.js';
import { LogReader } from '../../src/daystream/reader.js';
import { resume } from '../../src/daystream/resume.js';
import { seekStart } from '../../src/daystream/seek.js';
import { SshFiles } from '../../src/daystream/transports/ssh-files.js';
import { verifyLog } from '../../src/daystream/verify.js';
import { compressInto } from '../support/compressed.js';
import { temporaryFolder } from '../support/folder.js';
import { appendTransactions, IDENTITY, openWriter, readAll, transactionLines, xidsOf } from '../support/log.js';
import { Random } from '../support/random.js';
import { Sshd } from '../support/sshd.js';
import { until } from '../support/wait.js';

const T0 = 1_760_000_000;
const DAY = 86_400;

before(() => assert.ok(existsSync('/usr/sbin/sshd'), 'install openssh-server: these tests start an sshd of their own'));

interface Far { readonly log: Segments; readonly said: string[]; readonly stop: AbortController }

/** The log of a folder as another host sees it. */
function reach(t: TestContext, sshd: Sshd, url: string, stallMs = 30_000): Far {
  process.env.PATH = sshd.path;
  const said: string[] = [];
  const stop = new AbortController();
  const log = new Segments(new SshFiles(url, { tell: (text) => said.push(text), signal: stop.signal, stallMs }));
  t.after(() => log.close());
  return { log, said, stop };
}

/** Two days: one of 6 MB and a large transaction, one that grows. */
async function writeLog(folder: string): Promise<{ clock: { now: number }; writer: Awaited<ReturnType<typeof openWriter>> }> {
  const clock = { now: T0 };
  const writer = await openWriter(folder, { clock: () => clock.now });
  for (let xid = 1; xid <= 60; xid++) writer.append(transactionLines(xid, BigInt(xid) * 0x1000n, ['x'.repeat(xid === 30 ? 3 << 20 : 50_000)]));
  clock.now += DAY;
  appendTransactions(writer, 61, 40);
  writer.horizon(0n, 1n, '101:101:');
  writer.write();
  return { clock, writer };
}

async function drain(reader: LogReader): Promise<number[]> {
  const xids: number[] = [];
  for (let units = await reader.next(); units.length > 0; units = await reader.next()) xids.push(...xidsOf(units));
  return xids;
}

test('units, verification and any resumed place are those of the folder, over one connection', async (t) => {
  const folder = temporaryFolder(t);
  const { writer } = await writeLog(folder);
  writer.close();
  const sshd = await Sshd.start(t);
  const { log, said } = reach(t, sshd, sshd.url(folder));
  const units = await readAll(folder);
  assert.deepEqual(await log.list(), readdirSync(folder).filter((name) => name.endsWith('.daystream')).sort());
  assert.deepEqual(await drain(new LogReader(log, await seekStart(log))), xidsOf(units));
  assert.equal((await verifyLog(log)).transactions, 100);
  for (const at of [0, 10, 30, 59, 61, 80]) {
    const { rewritten, ...place } = await resume(log, { ...IDENTITY, epoch: 1, position: units[at].last, crc: units[at].crc, lsn: 0x1000n });
    assert.equal(rewritten, false);
    assert.deepEqual((await new LogReader(log, place).next())[0].first, units[at + 1].first);
  }
  assert.equal(sshd.calls, 1);
  assert.deepEqual(said, []);
});

test('what a login prints before is not taken for the log', async (t) => {
  const folder = temporaryFolder(t);
  const { writer } = await writeLog(folder);
  writer.close();
  const sshd = await Sshd.start(t);
  for (const bytes of [10, 300_000]) {
    sshd.greet(bytes);
    const { log } = reach(t, sshd, sshd.url(folder));
    const reader = new LogReader(log, await seekStart(log));
    assert.deepEqual(await drain(reader), xidsOf(await readAll(folder)));
    await log.close();
  }
});

test('what is appended comes as it is written, also in the next segment and after a tail that its writer took back', async (t) => {
  const folder = temporaryFolder(t);
  const { writer, clock } = await writeLog(folder);
  const sshd = await Sshd.start(t);
  const { log } = reach(t, sshd, sshd.url(folder));
  const reader = new LogReader(log, await seekStart(log));
  const xids = await drain(reader);
  const follow = async (last: number) => {
    while (xids.at(-1) !== last) {
      await reader.wait(1000);
      xids.push(...await drain(reader));
    }
  };
  for (let xid = 101; xid <= 130; xid++) {
    appendTransactions(writer, xid, 1);
    writer.write();
    await follow(xid);
  }
  clock.now += DAY;
  appendTransactions(writer, 131, 1);
  writer.write();
  await follow(131);
  const half = transactionLines(132, 132n * 0x1000n, ['taken back'.repeat(1000)]);
  writer.append(half.subarray(0, half.lastIndexOf(10)));
  writer.write();
  await reader.wait(1000);
  xids.push(...await drain(reader));
  writer.abandon();
  appendTransactions(writer, 133, 1);
  writer.write();
  await follow(133);
  assert.deepEqual(xids, xidsOf(await readAll(folder)));
  writer.close();
});

test('cuts at random moments, restarts of sshd and connections that are held up lose nothing and repeat nothing; no outage is told twice', async (t) => {
  const random = new Random();
  t.diagnostic(`SEED=${random.seed}`);
  const folder = temporaryFolder(t);
  const { writer } = await writeLog(folder);
  const sshd = await Sshd.start(t);
  const { log, said } = reach(t, sshd, sshd.url(folder), 1000);
  const reader = new LogReader(log, await seekStart(log), 65_536);
  const xids: number[] = [];
  const stop = new AbortController();
  const trouble = (async () => {
    for (let i = 0; i < 12; i++) {
      await until('a reader is connected', () => sshd.connections > 0);
      const from = xids.length;
      await Promise.race([until('it has read on', () => xids.length > from + random.below(20)), until('time has passed', () => random.below(10) === 0)]);
      if (i % 4 === 1) await sshd.restart();
      else if (i % 4 === 3) sshd.holdUp();
      else sshd.cut();
    }
    stop.abort();
  })();
  for (let xid = 101; !stop.signal.aborted || xid < 300; xid++) {
    appendTransactions(writer, xid, 1);
    writer.write();
    xids.push(...await drain(reader));
    await reader.wait(20);
  }
  await trouble;
  const all = xidsOf(await readAll(folder));
  while (xids.length < all.length) {
    await reader.wait(1000);
    xids.push(...await drain(reader));
  }
  assert.deepEqual(xids, all);
  const waits = said.filter((text) => /^waiting for ssh:.*; trying again$/.test(text));
  const recoveries = said.filter((text) => / answers again$/.test(text));
  assert.equal(waits.length, recoveries.length, said.join('\n'));
  writer.close();
});

test('a host key that changes stops the reader, however long it had worked', async (t) => {
  const folder = temporaryFolder(t);
  const { writer } = await writeLog(folder);
  writer.close();
  const sshd = await Sshd.start(t);
  const { log } = reach(t, sshd, sshd.url(folder));
  await log.list();
  await sshd.restart('other-host');
  await assert.rejects(log.list(), { code: 'config', message: /^ssh:\/\/there\/.*: its host key has changed$/, hint: /ssh-keygen -R there/ });
});

test('what is wrong from the start is said at once: an unknown host key, a key that is refused, no such host, no such folder, nobody there', async (t) => {
  const folder = temporaryFolder(t);
  const sshd = await Sshd.start(t);
  const first = (url: string) => reach(t, sshd, url).log.list();
  await assert.rejects(first(sshd.url(join(folder, 'none'))), { code: 'log-missing', message: /none: .*(No such file|can't cd)/, hint: /deltastream --out/ });
  await assert.rejects(first('ssh://no-such-host.invalid/x'), { code: 'connection', message: /Could not resolve hostname/ });
  sshd.refuseKey();
  await assert.rejects(first(sshd.url(folder)), { code: 'config', message: /Permission denied/, hint: 'this must work without a question: ssh -o BatchMode=yes there true' });
  sshd.forgetHost();
  await assert.rejects(first(sshd.url(folder)), { code: 'config', message: /its host key is not known here/, hint: /ssh there true/ });
  await sshd.stop();
  await assert.rejects(first(sshd.url(folder)), { code: 'connection' });
});

test('no name of a folder runs anything at the other end', async (t) => {
  const base = temporaryFolder(t);
  const sshd = await Sshd.start(t);
  const names = ["'; touch ran; '", '$(touch ran)', '`touch ran`', '-rf', '"; touch ran #', 'a\ntouch ran\n', '\\', "''", '&& touch ran', '*', '~', 'ä 日', '%', '--', '${IFS}touch${IFS}ran', '!!', ' ', '\x01'];
  for (const name of names) {
    const folder = join(base, name);
    mkdirSync(folder);
    const writer = await openWriter(folder);
    appendTransactions(writer, 1, 3);
    writer.write();
    writer.close();
    // Names of files too: only what is called as a segment is ever asked for.
    writeFileSync(join(folder, '$(touch ran)'), '');
    writeFileSync(join(folder, '-la'), '');
    const { log } = reach(t, sshd, `ssh://there${folder.split('/').map(encodeURIComponent).join('/')}`);
    assert.deepEqual(await drain(new LogReader(log, await seekStart(log))), [1, 2, 3], JSON.stringify(name));
    await log.close();
  }
  const found = execFileSync('find', [base, '-name', 'ran'], { encoding: 'utf8' });
  assert.equal(found, '');
});

test('nothing in a URL becomes an option of ssh, or a word of a shell; a password is refused and not repeated', async (t) => {
  const sshd = await Sshd.start(t);
  const marker = join(temporaryFolder(t), 'ran');
  for (const url of [
    `ssh://-oProxyCommand=touch%20${marker}/x`, `ssh://-oProxyCommand=touch ${marker}/x`, `ssh://-F/x`, `ssh://-oProxyCommand=x@there/x`, 'ssh://%2doProxyCommand=x@there/x',
    'ssh://$(touch ran)@there/x', "ssh://a'b@there/x", 'ssh://th`ere/x', 'ssh://there', 'ssh:///x', 'ssh://there:0/x', 'ssh://there:99999/x', 'ssh://there:-p/x', 'ssh://there/%', 'ssh://there/%00', 'ssh://a b/x',
  ]) {
    assert.throws(() => reach(t, sshd, url), { code: 'usage' }, url);
  }
  for (const url of ['ssh://me:s3cret@there/x', 'ssh://me:12/s3cret@there/x']) {
    assert.throws(() => reach(t, sshd, url), (error: Error) => /password/.test(error.message) && !error.message.includes('s3cret'));
  }
  assert.equal(sshd.calls, 0);
  assert.ok(!existsSync(marker));
});

test('a segment that is compressed or put anew while it is streamed is read on', async (t) => {
  const folder = temporaryFolder(t);
  const { writer } = await writeLog(folder);
  writer.close();
  const sshd = await Sshd.start(t);
  const { log } = reach(t, sshd, sshd.url(folder));
  const reader = new LogReader(log, await seekStart(log));
  const [first, second] = await log.list();
  const xids = [...xidsOf(await reader.next()), ...xidsOf(await reader.next())];
  await compressInto(folder, first, true);
  xids.push(...await drain(reader));
  assert.deepEqual(xids, Array.from({ length: 100 }, (_, i) => i + 1));
  // As rsync does: another file of that name, which has more.
  const again = await openWriter(folder, { clock: () => T0 + DAY });
  const path = join(folder, second);
  const bytes = readFileSync(path);
  again.close();
  await reader.wait(10);
  const grown = temporaryFolder(t);
  writeFileSync(join(grown, second), bytes);
  const more = await openWriter(grown, { clock: () => T0 + DAY });
  appendTransactions(more, 101, 1);
  more.write();
  more.close();
  renameSync(join(grown, second), path);
  while (xids.at(-1) !== 101) {
    await reader.wait(200);
    xids.push(...await drain(reader));
  }
});

test('no tail is left behind, also where the reader is killed', async (t) => {
  const folder = temporaryFolder(t);
  const { writer } = await writeLog(folder);
  writer.close();
  const sshd = await Sshd.start(t);
  const tails = () => execFileSync('ps', ['-ww', '-eo', 'args'], { encoding: 'utf8' }).split('\n').filter((args) => /^tail -c \+\d+ -f \.\//.test(args)).length;
  const others = tails();
  const { log } = reach(t, sshd, sshd.url(folder));
  const reader = new LogReader(log, await seekStart(log));
  await drain(reader);
  await reader.wait(10);
  await until('the file is streamed', () => tails() > others);
  await log.close();
  await until('its tail is gone', () => tails() === others);
  const child = spawn(process.execPath, ['--input-type=module', '-e', `
    import { Segments } from ${JSON.stringify(import.meta.resolve('../../src/daystream/segments.js'))};
    import { SshFiles } from ${JSON.stringify(import.meta.resolve('../../src/daystream/transports/ssh-files.js'))};
    const log = new Segments(new SshFiles(${JSON.stringify(sshd.url(folder))}, { tell: () => {}, signal: new AbortController().signal }));
    const [name] = await log.list();
    await log.read(name, 0, Buffer.alloc(1000));
    for (;;) await log.changed(name, 10_000);
  `], { stdio: 'inherit', env: { ...process.env, PATH: sshd.path } });
  const ended = once(child, 'exit');
  await until('the file is streamed', () => tails() > others);
  child.kill('SIGKILL');
  await ended;
  await until('its tail is gone', () => tails() === others);
});

test('a signal ends what is waited for', async (t) => {
  const folder = temporaryFolder(t);
  const { writer } = await writeLog(folder);
  writer.close();
  const sshd = await Sshd.start(t);
  const { log, stop } = reach(t, sshd, sshd.url(folder));
  await log.list();
  await sshd.stop();
  const waiting = log.list();
  const stopped = assert.rejects(waiting, { name: 'AbortError' });
  stop.abort();
  await stopped;
  appendFileSync(join(folder, basename(folder)), '');
  rmSync(join(folder, basename(folder)));
});

test('who leaves while the place is away is let go at once', async (t) => {
  const folder = temporaryFolder(t);
  const { writer } = await writeLog(folder);
  writer.close();
  const sshd = await Sshd.start(t);
  const { log, said } = reach(t, sshd, sshd.url(folder));
  const [segment] = await log.list();
  await sshd.stop();
  const reading = assert.rejects(log.read(segment, 0, Buffer.alloc(100)), /was closed while it was read/);
  await until('the reader waits', () => said.length > 0);
  await log.close();
  await reading;
});
