/** Nobody tries tokens, or anything else, without a trace: what is answered is logged and counted. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { serveMetrics } from '../../src/serve/meters.js';
import { temporaryFolder } from '../support/folder.js';
import { ask, exchange, serving, statusOf } from '../support/serving.js';
import { until } from '../support/wait.js';

const TOKEN = 'a-token-that-nobody-guesses';
const WRONG = 'Authorization: Bearer another-token-than-that';

test('every answer has one line in the access log and is counted, also to a wrong token behind Expect, and to what is no request', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, '2026-11-20.daystream'), 'the log\n');
  const lines: string[] = [];
  const served = await serving(t, folder, { token: TOKEN, limits: { headMs: 300 }, accessLog: (line) => lines.push(line) });
  const page = await serveMetrics(served, { host: '127.0.0.1', port: 0 });
  t.after(() => page.close());
  const forms: readonly [string, number][] = [
    [ask('/index', `Authorization: Bearer ${TOKEN}`), 200],
    [ask('/index', WRONG, 'Expect: 100-continue'), 401],
    [ask('/index', WRONG, 'Expect: the-moon'), 401],
    [ask('/index', `Authorization: Bearer ${TOKEN}`, 'Expect: 100-continue'), 400],
    [ask('/index', `Authorization: Bearer ${TOKEN}`, 'Expect: the-moon'), 400],
    [ask('/index', WRONG, 'Connection: Upgrade', 'Upgrade: h2c'), 401],
    [ask('db.example:5432', WRONG).replace('GET', 'CONNECT'), 405],
    [ask('/index', WRONG).replaceAll('\r\n', '\n'), 400],
    [`no request, ${TOKEN}\r\n\r\n`, 400],
    [ask('/index', `X: ${'x'.repeat(20_000)}`), 431],
    ['GET /index HTTP/1.1\r\nHost: 127.', 408],
  ];
  const counts: Record<number, number> = {};
  for (const [i, [bytes, status]] of forms.entries()) {
    assert.equal(statusOf(await exchange(served.port, bytes)), status, bytes);
    counts[status] = (counts[status] ?? 0) + 1;
    await until('it is logged', () => lines.length > i);
    assert.equal(lines.length, i + 1, bytes);
    assert.match(lines[i], new RegExp(`^\\S+Z 127\\.0\\.0\\.1 (GET index|-) ${status} [1-9]\\d* \\d+\\.\\d{3}\\n$`), bytes);
  }
  const text = await (await fetch(page.url)).text();
  for (const [status, count] of Object.entries(counts)) assert.match(text, new RegExp(`^daystream_serve_answers\\{status="${status}"\\} ${count}$`, 'm'), text);
  assert.ok(!lines.join('').includes(TOKEN));
});
