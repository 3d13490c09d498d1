/** What `daystream serve` tells Prometheus. */
import type { HostAndPort } from '../cli.js';
import { listenForMetrics, type MetricsPage } from '../metrics/listen.js';
import { Metrics } from '../metrics/metrics.js';
import type { Serving } from './serve.js';

export function serveMetrics({ server, tails, answers }: Serving, where: HostAndPort): Promise<MetricsPage> {
  const metrics = new Metrics('daystream_serve');
  const counts: Record<string, number> = {};
  let connections = 0;
  let bytes = 0;
  answers.each(({ status }) => { counts[status] = (counts[status] ?? 0) + 1; });
  server.on(server.listenerCount('secureConnection') > 0 ? 'secureConnection' : 'connection', (socket) => {
    connections++;
    socket.once('close', () => {
      connections--;
      bytes += socket.bytesWritten;
    });
  });
  const lags = () => [...tails].flatMap(({ tail }) => (tail === undefined ? [] : [...tail.followers].map(({ offset }) => tail.size - offset)));
  metrics.gauge('connections', 'Connections that are open.', () => connections);
  metrics.gauge('readers', 'Readers who follow a segment live.', () => lags().length);
  metrics.gauge('reader_lag_max_bytes', 'Bytes of its segment that the slowest of them was not given yet.', () => Math.max(0, ...lags()));
  metrics.counter('sent_bytes_total', 'Bytes sent on connections that have ended since, as they went on the wire before TLS.', () => bytes);
  metrics.labelled('answers', 'Answers so far, by status.', 'status', () => counts);
  return listenForMetrics(metrics, where);
}
