import { escape } from '../../daystream/codec.js';

/** How the lines of a table begin, up to the xid. */
export function tableHead(schema: string, table: string): Buffer {
  return Buffer.from(`${schema === 'public' ? '' : `_schema\t${escape(schema)}\t`}_table\t${escape(table)}\t_xid\t`);
}

const STATES = /^(?:_schema\t[^\t]*\t)?_table\t[^\t]*\t_xid\t\d+\t_action\t(?:schema|create|drop|indexes|comments)\t/;

/** True for a line that the commit line counts in `_schemas`. */
export function statesRelation(line: string): boolean {
  return STATES.test(line);
}
