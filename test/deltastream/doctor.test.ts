import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from '../../dev/postgres.js';
import { temporaryFolder } from '../support/folder.js';
import { follow, runToEnd } from '../support/stream.js';

let server: Server;
before(async () => {
  server = await Server.start();
  await server.query('create table nokey (v text)');
});
after(() => server.stop());

test('a Postgres that can be followed is said to be, with what to expect of it', async () => {
  const { code, stdout } = await runToEnd('doctor', '--pg', server.url(), '--slot', 'x', '--create-slot');
  assert.match(stdout, /^warning: table public\.nokey: .* — ALTER TABLE public\.nokey [^\n]+\ninfo: plugin deltastream: the server has it\ninfo: schema changes: [^\n]* — deltastream setup [^\n]*\nok: this Postgres can be followed\n$/);
  assert.equal(code, 0);
});

test('a program reads one JSON object, and the exit code', async () => {
  const { code, stdout } = await runToEnd('doctor', '--pg', server.url(), '--slot', 'x', '--tables', 'other', '--json');
  const { followable, findings } = JSON.parse(stdout);
  assert.equal(followable, false);
  assert.deepEqual(findings.map(({ severity, code: reason }: { severity: string; code: string }) => `${severity} ${reason}`), ['error slot', 'warning config']);
  assert.equal(code, 1);
});

test('a slot that is being followed is no obstacle, and its reader is named', async (t) => {
  await follow(t, server, 'busy', temporaryFolder(t), '--create-slot', '--tables', 'other');
  const { code, stdout } = await runToEnd('doctor', '--pg', server.url(), '--slot', 'busy', '--tables', 'nokey');
  assert.match(stdout, /warning: slot "busy": is being read by pid \d+ \(deltastream from 127\.0\.0\.1\)/);
  assert.equal(code, 0);
});
