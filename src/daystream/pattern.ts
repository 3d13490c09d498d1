/**
 * Patterns that choose tables: `t`, `schema.t`, `schema.*`, `*`, `*.*`, separated by
 * commas. A bare name is in `public`; names follow Postgres's rules, so they fold to
 * lower case unless quoted. The plugin reads its option `tables` by the same grammar.
 */
import { DeltaError } from '../errors.js';

/** A half that is undefined stands for a star. */
export interface Pattern {
  readonly schema: string | undefined;
  readonly table: string | undefined;
  /** As it was written. */
  readonly text: string;
}

const NAME_LIMIT_BYTES = 63;
const PATTERN_LIMIT = 1000;
const TOKEN = /[ \t\n\r\f\v]+|\*|\.|,|"(?:[^"]|"")*"|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;

/** Throws DeltaError usage where the text does not fit the grammar. */
export function parsePatterns(text: string): Pattern[] {
  const tokens = [...tokenize(text), ','];
  const patterns: Pattern[] = [];
  for (let start = 0; start < tokens.length;) {
    const end = tokens.indexOf(',', start);
    patterns.push(parsePattern(text, trimmed(tokens.slice(start, end))));
    start = end + 1;
  }
  if (patterns.length > PATTERN_LIMIT) throw malformed(text, `more than ${PATTERN_LIMIT} patterns`);
  return patterns;
}

export function matches(pattern: Pattern, schema: string, table: string): boolean {
  return (pattern.schema === undefined || pattern.schema === schema) && (pattern.table === undefined || pattern.table === table);
}

/** True where a text of patterns chooses the table; every table where it is undefined. */
export function isFollowed(text: string | undefined, schema: string, table: string): boolean {
  return text === undefined || parsePatterns(text).some((pattern) => matches(pattern, schema, table));
}

/** True where the pattern names one table. */
export function isExact(pattern: Pattern): pattern is Pattern & { schema: string; table: string } {
  return pattern.schema !== undefined && pattern.table !== undefined;
}

/** A name as one writes it in a pattern, quoted where it has to be; a table of `public` without its schema. */
export function written(schema: string, table: string, column?: string): string {
  const names = [...(schema === 'public' && column === undefined ? [] : [schema]), table, ...(column === undefined ? [] : [column])];
  return names.map((name) => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`)).join('.');
}

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < text.length;) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined) throw malformed(text, text[at] === '"' ? 'a quoted name is not closed' : `${text[at]} cannot stand there without quotes`);
    tokens.push(token);
    at += token.length;
  }
  return tokens;
}

function trimmed(tokens: readonly string[]): readonly string[] {
  const isSpace = (token: string | undefined) => token !== undefined && token.trim() === '';
  return tokens.slice(isSpace(tokens[0]) ? 1 : 0, tokens.length > 1 && isSpace(tokens.at(-1)) ? -1 : undefined);
}

function parsePattern(text: string, tokens: readonly string[]): Pattern {
  const written = tokens.join('');
  if (tokens.length === 0) throw malformed(text, 'a name is missing');
  const [first, dot, second] = tokens;
  if (tokens.length === 1) return { schema: 'public', table: parseName(text, first), text: written };
  if (tokens.length !== 3 || dot !== '.') throw malformed(text, `${written} is not a table`);
  const pattern = { schema: parseName(text, first), table: parseName(text, second), text: written };
  if (pattern.schema === undefined && pattern.table !== undefined) throw malformed(text, 'a star for the schema needs one for the table');
  return pattern;
}

function parseName(text: string, token: string): string | undefined {
  if (token === '*') return undefined;
  if (token === '.' || token.trim() === '') throw malformed(text, 'a name is missing');
  const name = token.startsWith('"') ? token.slice(1, -1).replaceAll('""', '"') : token.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  if (name === '') throw malformed(text, 'a quoted name is empty');
  if (Buffer.byteLength(name) > NAME_LIMIT_BYTES) throw malformed(text, `${name} is longer than Postgres allows`);
  return name;
}

function malformed(text: string, reason: string): DeltaError {
  return new DeltaError('usage', `pattern ${text}: ${reason}`, { hint: 'write t, schema.t, schema.*, * or *.*, separated by commas; quote names as in SQL' });
}
