/** Columns that got another type while their rows stayed as they were: the plugin's rule (plugin-c/retype.c). */
import type { ColumnState } from '../../postgres/relation-state.js';

const OIDS = { text: 25, varchar: 1043, bpchar: 1042, bit: 1560, varbit: 1562, cidr: 650, inet: 869, int4: 23, oid: 26, timestamp: 1114, timestamptz: 1184 } as const;

/** Pairs whose rows ALTER TABLE may leave alone, and whose text is the same or is changed by readers. */
const KNOWN: ReadonlySet<string> = new Set(([
  ['text', 'varchar'], ['text', 'bpchar'], ['varchar', 'text'], ['varchar', 'bpchar'], ['bpchar', 'text'], ['bpchar', 'varchar'],
  ['bit', 'varbit'], ['cidr', 'inet'], ['int4', 'oid'], ['oid', 'int4'], ['timestamp', 'timestamptz'], ['timestamptz', 'timestamp'],
] as const).map(([from, to]) => `${OIDS[from]} ${OIDS[to]}`));

/** The name of a column whose older rows may print otherwise now than they did; undefined where there is none. */
export function retypedColumn(before: readonly ColumnState[], now: readonly ColumnState[]): string | undefined {
  return now.find(({ attnum, base }) => {
    const was = before.find((column) => column.attnum === attnum)?.base;
    return was !== undefined && was !== base && !KNOWN.has(`${was} ${base}`);
  })?.name;
}

/** The name of a column that another one had before, of the same type: what was written in between cannot be told apart. */
export function replacedColumn(before: readonly ColumnState[], now: readonly ColumnState[]): string | undefined {
  return now.find(({ name, attnum, typeOid }) => before.some((was) => was.name === name && was.typeOid === typeOid && was.attnum !== attnum))?.name;
}
