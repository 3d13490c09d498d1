/** The page that Prometheus reads. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { listenForMetrics } from '../../src/metrics/listen.js';
import { Metrics } from '../../src/metrics/metrics.js';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

async function serve(t: TestContext, metrics = new Metrics('deltatest')): Promise<string> {
  const page = await listenForMetrics(metrics, LOOPBACK);
  t.after(() => page.close());
  return page.url;
}

/** Lines without comments. */
async function values(metrics: Metrics): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

test('values are those of the moment at which they are asked for', async () => {
  const metrics = new Metrics('deltatest');
  let now: number | undefined = 1.5;
  metrics.gauge('lag_seconds', 'How late', () => now);
  metrics.counter('rows_total', 'Rows', () => now);
  assert.deepEqual(await values(metrics), ['deltatest_lag_seconds 1.5', 'deltatest_rows_total 1.5']);
  now = 7;
  assert.deepEqual(await values(metrics), ['deltatest_lag_seconds 7', 'deltatest_rows_total 7']);
});

test('what is not known has no value, rather than 0', async () => {
  const metrics = new Metrics('deltatest');
  let lag: number | undefined;
  metrics.gauge('lag_seconds', 'How late', () => lag);
  metrics.states('state', 'Which', 'state', ['on', 'off'], () => undefined);
  assert.deepEqual(await values(metrics), []);
  lag = 3;
  assert.deepEqual(await values(metrics), ['deltatest_lag_seconds 3']);
  lag = undefined;
  assert.deepEqual(await values(metrics), []);
});

test('of states one is 1 and the others are 0; labels that are gone are gone', async () => {
  const metrics = new Metrics('deltatest');
  let state = 'idle';
  metrics.states('state', 'Which', 'state', ['idle', 'behind'], () => state);
  assert.deepEqual(await values(metrics), ['deltatest_state{state="idle"} 1', 'deltatest_state{state="behind"} 0']);
  state = 'behind';
  assert.deepEqual(await values(metrics), ['deltatest_state{state="idle"} 0', 'deltatest_state{state="behind"} 1']);
});

test('a histogram counts what it was told', async () => {
  const metrics = new Metrics('deltatest');
  const observe = metrics.histogram('fsync_seconds', 'How long', [0.001, 0.1]);
  for (const seconds of [0.0005, 0.05, 2]) observe(seconds);
  assert.deepEqual((await values(metrics)).filter((line) => line.includes('bucket')), ['deltatest_fsync_seconds_bucket{le="0.001"} 1', 'deltatest_fsync_seconds_bucket{le="0.1"} 2', 'deltatest_fsync_seconds_bucket{le="+Inf"} 3']);
});

test('the page is under /metrics, for GET and HEAD, and nothing else is anywhere', async (t) => {
  const metrics = new Metrics('deltatest');
  metrics.gauge('lag_seconds', 'How late', () => 1);
  const url = await serve(t, metrics);
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  const page = await fetch(url);
  assert.deepEqual([page.status, page.headers.get('content-type')], [200, 'text/plain; version=0.0.4; charset=utf-8']);
  assert.equal(await page.text(), '# HELP deltatest_lag_seconds How late\n# TYPE deltatest_lag_seconds gauge\ndeltatest_lag_seconds 1\n');
  assert.deepEqual([(await fetch(url, { method: 'HEAD' })).status, await (await fetch(url, { method: 'HEAD' })).text()], [200, '']);
  assert.equal((await fetch(`${url}?x=1`)).status, 200);
  for (const path of ['/', '/metrics/', '/metrics/..', '/Metrics', '/etc/passwd']) assert.equal((await fetch(new URL(path, url))).status, 404, path);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) assert.equal((await fetch(url, { method })).status, 405, method);
});

test('headers that are too large, and what is no HTTP, are turned away and the page stays', async (t) => {
  const url = await serve(t);
  const { port } = new URL(url);
  const large = request(url, { headers: { 'x-large': 'x'.repeat(20_000) } });
  large.end();
  const [answer] = await once(large, 'response');
  assert.equal(answer.statusCode, 431);
  const socket = connect(Number(port), '127.0.0.1');
  socket.end('\0\0 what\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  assert.equal((await fetch(url)).status, 200);
});

test('a port that is taken is refused with the option that named it', async (t) => {
  const port = Number(new URL(await serve(t)).port);
  await assert.rejects(listenForMetrics(new Metrics('deltatest'), { host: '127.0.0.1', port }), { code: 'config', message: new RegExp(`^--metrics 127\\.0\\.0\\.1:${port}: cannot listen there: .*EADDRINUSE`) });
});
