import { decodeLine, type Line } from '../daystream/codec.js';
import { comparePositions, formatPosition, type Position } from '../daystream/position.js';
import { openReader } from '../daystream/read.js';
import { bytesOf } from '../daystream/lines.js';
import type { Transport } from '../daystream/transport.js';
import type { Unit } from '../daystream/unit.js';

export interface CatOptions {
  readonly from?: Position;
  readonly to?: Position;
  /** `t` for public.t, or `schema.t`. */
  readonly table?: string;
  readonly json?: boolean;
}

/** The lines of whole, verified units that the options choose, as text to print. */
export async function* cat(log: Transport, options: CatOptions): AsyncGenerator<string> {
  const reader = await openReader(log, options.from);
  for (let units = await reader.next(); units.length > 0; units = await reader.next()) {
    for (const unit of units) {
      if (options.to !== undefined && comparePositions(unit.first, options.to) > 0) return;
      for await (const line of linesOfUnit(log, unit)) yield* chosen(line, options);
    }
  }
  for (const unit of reader.finish()) {
    for await (const line of linesOfUnit(log, unit)) yield* chosen(line, options);
  }
}

function* chosen(text: string, { to, table, json }: CatOptions): Generator<string> {
  if (to === undefined && table === undefined && json !== true) {
    yield `${text}\n`;
    return;
  }
  const line = decodeLine(text);
  if (to !== undefined && comparePositions(line.position, to) > 0) return;
  if (table !== undefined && table !== tableOf(line)) return;
  yield json === true ? `${JSON.stringify(toJson(line))}\n` : `${text}\n`;
}

function tableOf(line: Line): string | undefined {
  const table = line.own.get('_table') ?? undefined;
  const schema = line.own.get('_schema');
  return schema === undefined ? table : `${schema}.${table}`;
}

/** NULL is null; a column that is not there is unchanged. Columns are pairs, in the line's order. */
function toJson(line: Line): object {
  return { position: formatPosition(line.position), own: Object.fromEntries(line.own), columns: line.columns.map(({ name, value, missing }) => (missing === undefined ? [name, value] : [name, value, { missing }])) };
}

/** Every line of a unit, read from the log again, so that memory stays bounded. */
async function* linesOfUnit(log: Transport, unit: Unit): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const block of bytesOf(log, unit)) {
    const bytes = Buffer.concat([rest, block]);
    const end = bytes.lastIndexOf(10) + 1;
    if (end > 0) yield* bytes.toString('utf8', 0, end - 1).split('\n');
    rest = bytes.subarray(end);
  }
}
