/** DEFAULT clauses by which ALTER TABLE ADD COLUMN fills the rows that are there without touching them. */
import type { Cache } from './open.js';
import type { Bindable } from './values.js';

/** The literal by which rows hold exactly what an INSERT of the value would; undefined where SQLite reads it as another one. */
export function literalOf(cache: Cache, value: Bindable): string | undefined {
  const literal = written(value);
  // SQLite's way from digits to a double is not exact for each of them.
  const isExact = typeof value !== 'number' || cache.prepare<[], number>(`SELECT ${literal}`).pluck().get() === value;
  return isExact ? literal : undefined;
}

function written(value: Bindable): string {
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  if (typeof value !== 'number') return `x'${value.toString('hex')}'`;
  if (!Number.isFinite(value)) return value > 0 ? '9e999' : '-9e999';
  return value.toExponential();
}
