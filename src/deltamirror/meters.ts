/** What a mirror tells Prometheus: of the cache as its readers see it. */
import type { Checkpoints, Wal } from '../sqlite/checkpoints.js';
import { RUNNING_STATES, freshnessOf, tableStates } from '../sqlite/freshness.js';
import { listenForMetrics, type MetricsPage } from '../metrics/listen.js';
import { Metrics } from '../metrics/metrics.js';
import type { Applier } from './applier.js';

const US = 1_000_000;

interface Running { readonly applier: Applier | undefined; readonly checkpoints: Checkpoints | undefined }

/** `running`: the parts of the mirror that runs; undefined before it does. */
export function serveMetrics(running: Running, at: { readonly host: string; readonly port: number }): Promise<MetricsPage> {
  return listenForMetrics(mirrorMetrics(running), at);
}

function mirrorMetrics(running: Running): Metrics {
  const metrics = new Metrics('deltamirror');
  const applier = () => running.applier;
  const wal = () => running.checkpoints?.wal;
  const at = () => applier()?.committed;
  const fresh = () => {
    const applied = applier();
    return applied && freshnessOf(applied.committed, Date.now() * 1000, { isRunning: true, isBusy: applied.isOpen });
  };
  const timeOf = (us: number | undefined) => (us ? us / US : undefined);
  metrics.gauge('lag_seconds', 'How old what the cache lacks may be; 0 while it has all of a source that is heard', () => fresh()?.lagSeconds);
  metrics.gauge('source_age_seconds', 'Since the newest word of the source that the cache has; a horizon comes every 10 s', () => fresh()?.sourceAgeSeconds);
  metrics.states('state', 'What the mirror is: 1 for one of the states', 'state', RUNNING_STATES, () => fresh()?.state);
  metrics.gauge('behind_bytes', 'Bytes of the log behind the place of the cache', () => fresh()?.behindBytes);
  metrics.gauge('commit_timestamp_seconds', 'When Postgres committed the newest transaction that the cache has', () => timeOf(at()?.commitTimeUs));
  metrics.gauge('source_timestamp_seconds', 'Of the newest word of the source, a commit or a horizon', () => timeOf(at()?.sourceTimeUs));
  metrics.gauge('applied_timestamp_seconds', 'When the cache was written last', () => timeOf(at()?.appliedAtUs));
  metrics.gauge('position_clock_seconds', 'The clock of the position: whole seconds since 1970 UTC', () => at()?.position.clock);
  metrics.gauge('position_sequence', 'The sequence of the position within that second', () => at()?.position.sequence);
  metrics.gauge('lsn_bytes', 'The LSN that the cache has come to, as a number of bytes', () => bytesOf(at()?.lsn));
  metrics.gauge('timeline', "Postgres's timeline that the LSN is of", () => at()?.timeline);
  metrics.counter('transactions_total', 'Transactions applied', () => applier()?.transactions);
  metrics.counter('rows_total', 'Rows applied', () => applier()?.rows);
  metrics.labelled('tables', 'Tables of the cache by their state', 'state', () => tableStates(applier()?.tables ?? []));
  metrics.gauge('wal_bytes', "Size of the WAL's file", () => wal()?.bytes);
  metrics.gauge('wal_held_seconds', 'For how long readers in transactions have kept the WAL from being used again, so that it grows; 0 while they do not', () => heldSeconds(wal()));
  return metrics;
}

function heldSeconds(wal: Wal | undefined): number | undefined {
  return wal && (wal.heldMs ?? 0) / 1000;
}

/** Exact up to 2^53: more WAL than a server writes in its life. */
function bytesOf(lsn: bigint | undefined): number | undefined {
  return lsn === undefined ? undefined : Number(lsn);
}
