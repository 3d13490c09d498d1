/** What deltastream tells Prometheus: the stream, the log it writes, and the slot it reads, as that was looked at last. */
import { listenForMetrics, type MetricsPage } from '../metrics/listen.js';
import { Metrics } from '../metrics/metrics.js';
import type { SlotHealth } from '../postgres/slot-health.js';
import type { Report } from './report.js';

/** Seconds: an NVMe disk to one that hangs. */
const FSYNC_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const WAL_STATES = ['reserved', 'extended', 'unreserved', 'lost'];

export function serveMetrics(report: Report, at: { readonly host: string; readonly port: number }): Promise<MetricsPage> {
  return listenForMetrics(streamMetrics(report), at);
}

function streamMetrics(report: Report): Metrics {
  const metrics = new Metrics('deltastream');
  const stats = () => report.writer?.stats;
  const slot = (of: (health: SlotHealth) => number | null) => () => (report.health === undefined ? undefined : of(report.health) ?? undefined);
  metrics.gauge('following', '1 while the slot is followed, 0 while the connection is down', () => Number(report.isFollowing));
  metrics.gauge('lag_bytes', 'WAL that the server had when it was last asked and the log does not have', () => report.lagBytes());
  metrics.counter('transactions_total', 'Transactions written to the log', () => stats()?.transactions);
  metrics.counter('rows_total', 'Rows written to the log', () => stats()?.rows);
  metrics.counter('log_bytes_total', 'Bytes written to the log', () => stats()?.bytes);
  metrics.gauge('log_lsn_bytes', 'The LSN up to which the log is complete, as a number of bytes', () => (report.writer === undefined ? undefined : Number(report.writer.lsn)));
  metrics.gauge('position_clock_seconds', 'The clock of the newest line: whole seconds since 1970 UTC', () => stats()?.position.clock);
  metrics.gauge('slot_active', '1 where somebody reads the slot', slot(({ active }) => Number(active)));
  metrics.states('slot_wal_status', 'How far the slot is from being lost: 1 for one of the states', 'status', WAL_STATES, () => report.health?.walStatus ?? undefined);
  metrics.gauge('slot_retained_bytes', 'WAL that the server keeps for the slot', slot(({ retainedBytes }) => retainedBytes));
  metrics.gauge('slot_unconfirmed_bytes', 'WAL that the log has not confirmed', slot(({ lagBytes }) => lagBytes));
  metrics.gauge('slot_safe_bytes', 'WAL that may still be written before the slot may be lost; no value without a limit', slot(({ safeBytes }) => safeBytes));
  metrics.gauge('slot_limit_bytes', 'max_slot_wal_keep_size; no value without a limit', slot(({ limitBytes }) => limitBytes));
  metrics.gauge('slot_catalog_age_transactions', 'Transactions since the oldest catalog row that the slot keeps from VACUUM', slot(({ catalogAge }) => catalogAge));
  report.synced = metrics.histogram('fsync_seconds', 'How long syncs of the log took', FSYNC_BOUNDS);
  return metrics;
}
