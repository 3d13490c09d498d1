/** A filter whose columns have other names now. */
import { parseFilter } from './parse.js';
import { printCondition } from './print.js';
import type { Condition } from './tree.js';

/** The canonical text with each column by its new name, where it has one. */
export function renameColumns(text: string, names: ReadonlyMap<string, string>): string {
  return printCondition(renamed(parseFilter(text).condition, names) as Condition);
}

function renamed(node: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(node)) return node.map((each) => renamed(each, names));
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).map(([key, value]) => [key, renamed(value, names)] as const);
  const copy = Object.fromEntries(entries);
  return copy.kind === 'column' ? { ...copy, name: names.get(copy.name as string) ?? copy.name } : copy;
}
