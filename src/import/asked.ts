/**
 * What the user asks for table by table: `--rename`, `--columns`, `--where`. A name
 * without quotes means the table or column that is spelled so, or else the one in lower
 * case: two tables that differ in case only are why one renames.
 */
import { DeltaError } from '../errors.js';
import { parseWhereOption } from '../filter/option.js';
import type { TableChoice } from '../sqlite/tables.js';
import type { Numeric } from '../sqlite/values.js';

/** A table that things are asked of, by its names in Postgres. */
export interface AskedTable {
  readonly schema: string;
  readonly table: string;
  readonly relation: { readonly columns: readonly { readonly name: string }[] };
}

/** The options as they were typed. */
export interface Asked {
  readonly rename: readonly string[];
  readonly columns: readonly string[];
  readonly where: readonly string[];
  readonly numeric: Numeric | undefined;
}

/** What was asked of one table. */
export interface Wish {
  /** Its name in the cache, where that is another one. */
  readonly table: string | undefined;
  /** Names in the cache, by names in Postgres. */
  readonly columns: ReadonlyMap<string, string>;
  readonly choice: TableChoice;
}

interface Name { readonly text: string; readonly quoted: boolean }

/** Every column, every row: undoes what was chosen when the table was imported before. */
const ALL = '*';

const NAME = /\s*(?:"((?:[^"]|"")+)"|([^".,=:\s]+(?:\s+[^".,=:\s]+)*))\s*/y;

/** What is asked of each table. Throws DeltaError usage for what is malformed, names nothing, or is said twice. */
export function wishesOf<T extends AskedTable>(asked: Asked, tables: readonly T[]): Map<T, Wish> {
  const wishes = new Map(tables.map((table) => [table, { table: undefined as string | undefined, columns: new Map<string, string>(), choice: choiceOf(asked) }]));
  for (const option of asked.rename) {
    const { names, rest } = split('--rename', option, '=', 'write table=name or table.column=name');
    const { table, column } = resolveEither('--rename', option, names, tables);
    const wish = wishes.get(table)!;
    const name = readName(rest) ?? rest;
    if (name === rest && rest.trim().startsWith('"')) throw malformed('--rename', option, 'the quoted new name is empty or not closed');
    if (rest.trim() === '') throw malformed('--rename', option, 'the new name is missing');
    if (column === undefined ? wish.table !== undefined : wish.columns.has(column)) throw malformed('--rename', option, 'it is renamed twice');
    if (column === undefined) wish.table = name;
    else wish.columns.set(column, name);
  }
  for (const option of asked.columns) {
    const { names, rest } = split('--columns', option, '=', 'write table=column,column');
    const table = resolveTable('--columns', option, names, tables);
    const wish = wishes.get(table)!;
    if ('columns' in wish.choice) throw malformed('--columns', option, 'the table has two lists');
    wish.choice = { ...wish.choice, columns: rest.trim() === ALL ? undefined : columnList(option, rest, table) };
  }
  for (const option of asked.where) {
    const all = /^(.*):\s*\*\s*$/s.exec(option);
    const { table: name, filter } = all === null ? parseWhereOption(option) : { table: all[1], filter: undefined };
    const table = resolveTable('--where', option, readNames('--where', option, name), tables);
    const wish = wishes.get(table)!;
    if ('where' in wish.choice) throw malformed('--where', option, 'the table has two filters; join them with AND');
    wish.choice = { ...wish.choice, where: filter?.text };
  }
  return wishes;
}

function choiceOf({ numeric }: Asked): TableChoice {
  return numeric === undefined ? {} : { numeric };
}

function columnList(option: string, list: string, table: AskedTable): string[] {
  const names: string[] = [];
  NAME.lastIndex = 0;
  for (let at = 0; ;) {
    NAME.lastIndex = at;
    const match = NAME.exec(list);
    if (match === null) throw malformed('--columns', option, 'a column is missing');
    names.push(resolveColumn('--columns', option, nameOf(match), table));
    at = NAME.lastIndex;
    if (at === list.length) return [...new Set(names)];
    if (list[at] !== ',') throw malformed('--columns', option, `a comma is expected before ${list.slice(at)}`);
    at += 1;
  }
}

/** The dotted name before `separator`, and what follows it. */
function split(flag: string, option: string, separator: string, hint: string): { names: Name[]; rest: string } {
  let quoted = false;
  for (let at = 0; at < option.length; at++) {
    if (option[at] === '"') quoted = !quoted;
    else if (option[at] === separator && !quoted) return { names: readNames(flag, option, option.slice(0, at)), rest: option.slice(at + 1) };
  }
  throw new DeltaError('usage', `${flag} ${option}: there is no ${separator} in it`, { hint });
}

function readNames(flag: string, option: string, dotted: string): Name[] {
  const names: Name[] = [];
  for (let at = 0; ;) {
    NAME.lastIndex = at;
    const match = NAME.exec(dotted);
    if (match === null) throw malformed(flag, option, 'a name is missing');
    names.push(nameOf(match));
    at = NAME.lastIndex;
    if (at === dotted.length) return names;
    if (dotted[at] !== '.') throw malformed(flag, option, `${dotted} is no name of a table`);
    at += 1;
  }
}

function nameOf([, quoted, plain]: RegExpExecArray): Name {
  return quoted === undefined ? { text: plain, quoted: false } : { text: quoted.replaceAll('""', '"'), quoted: true };
}

/** A quoted name without its quotes; undefined where it is not quoted. */
function readName(text: string): string | undefined {
  return /^\s*"(?:[^"]|"")+"\s*$/.test(text) ? text.trim().slice(1, -1).replaceAll('""', '"') : undefined;
}

function resolveEither<T extends AskedTable>(flag: string, option: string, names: readonly Name[], tables: readonly T[]): { table: T; column: string | undefined } {
  const table = names.length <= 2 ? findTable(names, tables) : undefined;
  if (table !== undefined) return { table, column: undefined };
  const of = names.length > 1 ? findTable(names.slice(0, -1), tables) : undefined;
  if (of === undefined) throw noSuchTable(flag, option, tables);
  return { table: of, column: resolveColumn(flag, option, names.at(-1)!, of) };
}

function resolveTable<T extends AskedTable>(flag: string, option: string, names: readonly Name[], tables: readonly T[]): T {
  const table = findTable(names, tables);
  if (table === undefined) throw noSuchTable(flag, option, tables);
  return table;
}

function findTable<T extends AskedTable>(names: readonly Name[], tables: readonly T[]): T | undefined {
  if (names.length > 2) return undefined;
  const [schema, table] = names.length === 2 ? names : [{ text: 'public', quoted: true }, names[0]];
  const fits = (text: (name: Name) => string) => tables.find((candidate) => candidate.schema === text(schema) && candidate.table === text(table));
  return fits(({ text }) => text) ?? fits(lowered);
}

function resolveColumn(flag: string, option: string, name: Name, { schema, table, relation }: AskedTable): string {
  const names = relation.columns.map((column) => column.name);
  const found = [name.text, lowered(name)].find((text) => names.includes(text));
  if (found === undefined) throw new DeltaError('usage', `${flag} ${option}: ${schema}.${table} has no column ${name.text}`, { hint: `it has: ${names.join(', ')}` });
  return found;
}

function lowered({ text, quoted }: Name): string {
  return quoted ? text : text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function noSuchTable(flag: string, option: string, tables: readonly AskedTable[]): DeltaError {
  return new DeltaError('usage', `${flag} ${option}: names none of the tables that --tables chooses`, { hint: `these are: ${tables.slice(0, 10).map(({ schema, table }) => `${schema}.${table}`).join(', ')}` });
}

function malformed(flag: string, option: string, reason: string): DeltaError {
  return new DeltaError('usage', `${flag} ${option}: ${reason}`, { hint: 'see deltaimport --help' });
}
