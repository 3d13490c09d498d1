/** Transactions of every kind of row line over a few tables, as a seeded source gives them. */
import type { CacheTable } from '../../src/sqlite/tables.js';
import { formatLsn } from '../../src/daystream/lsn.js';
import type { Random } from './random.js';

/** Stands in a text for bytes that are no UTF-8. */
const BAD = '\ue000';
const BAD_BYTES = Buffer.from([0xff, 0xc0, 0x41]);

const VALUES: Readonly<Record<string, readonly string[]>> = {
  bigint: ['0', '-1', '7', '123456789012345', '-9007199254740993', '9223372036854775807', '-9223372036854775808'],
  integer: ['0', '-2147483648', '2147483647', '17'],
  boolean: ['t', 'f'],
  'double precision': ['0', '-0', '0.1', '1e+308', '4.9406564584124654e-324', '1.7976931348623157e+308', '123456789.12345679', 'NaN', 'Infinity', '-Infinity', '1e+15'],
  real: ['0.1', '3.4028235e+38', '1e-45', 'NaN', '-1.5'],
  numeric: ['NaN', '0.10', '-12345678901234567890.123456789', '1e3', '0'],
  money: ['$1,234.56', '-$0.01'],
  bytea: ['\\\\x', '\\\\x00ff', '\\\\xdeadbeef', 'escaped'],
  'timestamp with time zone': ['2026-01-01 00:02:01.5+00', 'infinity', '0044-03-15 00:00:00+00 BC', '2026-01-01 00:00:00+05:30'],
  'integer[]': ['{}', '{1,NULL,3}', '{{1,2},{3,4}}'],
  text: ['', 'plain', '\\\\N', 'tab\\tand\\nfeed\\r\\\\', 'žluťoučký 🐎', '_crc', `no UTF-8: ${BAD}`, 'x'.repeat(600), '\ufeff', '\ufffd', 'nul in JSON: \\\\u0000'],
};

interface Column { readonly name: string; readonly type: string }

interface Table {
  readonly name: string;
  readonly oid: number;
  readonly key: readonly string[];
  columns: Column[];
  /** By key, the rows that are there, as the log writes them. */
  readonly rows: Map<string, Record<string, string>>;
}

function table(name: string, oid: number, key: readonly string[], columns: Readonly<Record<string, string>>): Table {
  return { name, oid, key, columns: Object.entries(columns).map(([column, type]) => ({ name: column, type })), rows: new Map() };
}

export class RandomLines {
  readonly #random: Random;
  readonly #tables = [
    table('t', 1, ['id'], { id: 'bigint', s: 'text', b: 'boolean', f: 'double precision', r: 'real', n: 'numeric', m: 'money', x: 'bytea', z: 'timestamp with time zone' }),
    table('pair', 2, ['k1', 'k2'], { k1: 'text', k2: 'integer', '\\_odd': 'text', s: 'text' }),
    table('arrays', 3, ['id'], { id: 'integer', a: 'integer[]', s: 'text' }),
    table('filtered', 4, ['id'], { id: 'integer', s: 'text' }),
    table('keyless', 5, [], { i: 'integer', s: 'text' }),
    table('rounded', 6, ['id'], { id: 'integer', n: 'numeric', left_out: 'text' }),
    table('risky', 7, ['id'], { id: 'integer', s: 'text' }),
    table('other', 8, ['id'], { id: 'integer', s: 'text' }),
  ];
  #xid = 700;

  /** `risks`: rows come that do not fit. */
  constructor(random: Random, readonly risks: boolean) {
    this.#random = random;
  }

  /** The tables that a cache holds of it, `other` not among them. */
  cacheTables(): CacheTable[] {
    const choices: Readonly<Record<string, CacheTable['choice']>> = { filtered: { where: 'id < 12' }, rounded: { numeric: 'real', columns: ['id', 'n'] } };
    return this.#tables.filter(({ name }) => name !== 'other').map(({ name, oid, key, columns }) => ({
      schema: 'public', name, table: name, oid, kind: 'ordinary', identity: key.length === 0 ? 'full' : 'default', pattern: name, choice: choices[name] ?? {},
      key: key.map((column) => columns.findIndex((each) => each.name === column) + 1),
      columns: columns.map((column, i) => ({ attnum: i + 1, name: column.name.replace('\\_', '_'), type: column.type, notNull: key.includes(column.name), ...(column.name === 'left_out' ? { as: null } : {}) })),
    }));
  }

  /** The next transaction, of `lines` changes. */
  transaction(lines: number): { readonly lsn: bigint; readonly message: Buffer } {
    const xid = this.#xid++;
    const lsn = BigInt(xid) * 0x1000n;
    const changes = Array.from({ length: lines }, () => this.#change(xid)).flat();
    const rows = changes.filter((line) => /_action\t(insert|update|delete)\t/.test(line)).length;
    const schemas = changes.filter((line) => line.includes('_action\tschema\t')).length;
    const text = [
      `_action\tbegin\t_xid\t${xid}\t_lsn\t${formatLsn(lsn)}\t_ts\t${1760000000000000 + xid}`,
      ...changes,
      `_action\tcommit\t_xid\t${xid}\t_lsn\t${formatLsn(lsn + 48n)}\t_rows\t${rows}${schemas === 0 ? '' : `\t_schemas\t${schemas}`}`,
    ].join('\n');
    return { lsn, message: spoiled(Buffer.from(text)) };
  }

  #change(xid: number): string[] {
    const random = this.#random;
    const of = this.#tables[random.pick([0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 7, 0, 1, 6])];
    const line = (action: string, pairs: Record<string, string>) => [`_table\t${of.name}\t_xid\t${xid}\t_action\t${action}`, ...Object.entries(pairs).flat()].join('\t');
    const dice = random.next();
    if (dice < 0.004) return [of.rows.clear(), line('truncate', {})].slice(1) as string[];
    if (dice < 0.0045 && of.name === 't') return [this.#widened(of, line)];
    if (dice < 0.02) return [`_xid\t${xid}\t_action\tmessage\t_prefix\tp\t_content\tc`];
    if (this.risks && of.name === 'risky' && dice < 0.1) return [line(random.pick(['update', 'delete']), { id: '999999', ...(random.below(2) === 0 ? {} : { s: 'nobody' }) })];
    const id = random.pick([...of.rows.keys(), undefined]);
    const row = id === undefined ? undefined : of.rows.get(id)!;
    if (row === undefined || random.below(3) === 0) return this.#insert(of, line);
    if (random.below(6) === 0) {
      of.rows.delete(id!);
      return [line('delete', this.#identity(of, row))];
    }
    return this.#update(of, id!, row, line);
  }

  #insert(of: Table, line: (action: string, pairs: Record<string, string>) => string): string[] {
    const row = Object.fromEntries(of.columns.map(({ name, type }) => [name, this.#value(type, of.key.includes(name))]));
    const id = keyOf(of, row) ?? `row ${this.#random.next()}`;
    if (of.rows.has(id)) return [];
    of.rows.set(id, row);
    return [line('insert', row)];
  }

  #update(of: Table, id: string, before: Record<string, string>, line: (action: string, pairs: Record<string, string>) => string): string[] {
    const random = this.#random;
    const isRekey = of.key.length > 0 && random.below(5) === 0;
    // What did not change may be left out, as a large value is; not where a filter or a row without a key asks for it.
    const absent = of.name === 'filtered' || of.key.length === 0 ? [] : random.pick([[], [], ['s'], ['s', 'x']]);
    const after = Object.fromEntries(of.columns.map(({ name, type }) => {
      if (of.key.includes(name)) return [name, isRekey ? this.#value(type, true) : before[name]];
      return [name, absent.includes(name) || random.below(3) === 0 ? before[name] ?? '\\N' : this.#value(type, false)];
    }));
    const newId = keyOf(of, after) ?? id;
    if (newId !== id && of.rows.has(newId)) return [];
    const needsOld = newId !== id || of.key.length === 0;
    const pairs = Object.fromEntries(Object.entries(after).filter(([name]) => !absent.includes(name)));
    of.rows.delete(id);
    of.rows.set(newId, after);
    return [...(needsOld ? [line('replace', this.#identity(of, before))] : []), line('update', pairs)];
  }

  /** What the log says of an old row. */
  #identity(of: Table, row: Record<string, string>): Record<string, string> {
    const names = of.key.length > 0 ? of.key : of.columns.map(({ name }) => name);
    return Object.fromEntries(names.map((name) => [name, row[name] ?? '\\N']));
  }

  /** A schema line with one column more; the rows that are there hold what it says. */
  #widened(of: Table, line: (action: string, pairs: Record<string, string>) => string): string {
    const name = `more${of.columns.length}`;
    of.columns = [...of.columns, { name, type: 'text' }];
    for (const row of of.rows.values()) row[name] = 'old';
    const columns = Object.fromEntries(of.columns.map((column, i) => [column.name, `${i + 1} ${of.key.includes(column.name) ? 'notnull' : 'null'} ${column.type}`]));
    return `${line('schema', { _oid: String(of.oid), _identity: 'default', _key: '1', ...columns })}\t_missing\told`;
  }

  #value(type: string, isKey: boolean): string {
    if (!isKey && this.#random.below(6) === 0) return '\\N';
    if (isKey && type !== 'text') return String(this.#random.below(25));
    const value = this.#random.pick(VALUES[type]);
    return isKey ? value.replaceAll(BAD, '?') : value;
  }
}

function keyOf({ key }: Table, row: Record<string, string>): string | undefined {
  return key.length === 0 ? undefined : key.map((name) => row[name]).join('\t');
}

function spoiled(bytes: Buffer): Buffer {
  const mark = Buffer.from(BAD);
  for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at)) BAD_BYTES.copy(bytes, at);
  return bytes;
}
