/** A filter's text cut into tokens, by SQL's rules for names and literals, less what a filter does not have. */
import { filterError } from './tree.js';

export interface Token {
  /** `word`: an unquoted name or a keyword, folded; `name`: a quoted name; `end`: behind the last one. */
  readonly kind: 'word' | 'name' | 'text' | 'number' | 'symbol' | 'end';
  /** Without quotes. */
  readonly value: string;
  /** Offset in the text. */
  readonly at: number;
}

/** Characters of a filter's text. */
export const TEXT_LIMIT = 65_536;
/** Postgres cuts longer names, so a longer one names no column. */
export const NAME_LIMIT_BYTES = 63;

const SPACE = /[ \t\n\r\f\v]+/y;
const TOKEN = /(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|"(?<name>(?:[^"]|"")*)"|'(?<text>(?:[^']|'')*)'|(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|(?<symbol><>|!=|<=|>=|[=<>(),-])/y;

/** What stands at a place that no token fits; the first that matches tells. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/^'/, 'a text is not closed'],
  [/^"/, 'a quoted name is not closed'],
  [/^::/, 'a cast (::) is not known; a literal is read as its column\'s type'],
  [/^;/, 'a filter is one expression, ; cannot stand there'],
  [/^\./, 'a name with a dot is not known; columns stand alone, without their table'],
  [/^\$/, 'parameters and dollar quotes are not known; write texts as \'…\''],
  [/^\/\*/, 'comments are not known'],
  [/^[+*/%^|&#@~!?]/, 'the operator is not known; there are = <> < <= > >= IN BETWEEN LIKE IS NULL AND OR NOT'],
];

/** Throws DeltaError usage. The last token is the end. */
export function tokenize(text: string): Token[] {
  if (text.length > TEXT_LIMIT) throw filterError(text, `longer than ${TEXT_LIMIT} characters`);
  // Postgres's text has neither, so no row could hold it and no server would take it.
  const foreign = /[\0\p{Cs}]/u.exec(text);
  if (foreign !== null) throw filterError(text, foreign[0] === '\0' ? 'a NUL character cannot stand in it' : 'half a character cannot stand in it', foreign.index);
  const tokens: Token[] = [];
  let at = skipSpace(text, 0);
  while (at < text.length) {
    const token = tokenAt(text, at);
    tokens.push(token.token);
    at = skipSpace(text, token.end);
  }
  return [...tokens, { kind: 'end', value: '', at: text.length }];
}

function tokenAt(text: string, at: number): { token: Token; end: number } {
  TOKEN.lastIndex = at;
  const groups = TOKEN.exec(text)?.groups;
  const end = TOKEN.lastIndex;
  if (groups === undefined) throw unknownAt(text, at);
  const { word, name, text: literal, number, symbol } = groups;
  if (word !== undefined) return { token: wordOf(text, word, at, end), end };
  if (name !== undefined) return { token: { kind: 'name', value: nameOf(text, name.replaceAll('""', '"'), at), at }, end };
  if (literal !== undefined) return { token: { kind: 'text', value: literal.replaceAll("''", "'"), at }, end };
  if (number !== undefined) return { token: numberOf(text, number, at, end), end };
  if (symbol === '-' && text[end] === '-') throw filterError(text, 'comments are not known', at);
  return { token: { kind: 'symbol', value: symbol === '!=' ? '<>' : symbol, at }, end };
}

function wordOf(text: string, word: string, at: number, end: number): Token {
  if (text[end] === "'") throw filterError(text, `${shownWord(word)}'…' is not known; write the text alone, a backslash in it is itself`, at);
  return { kind: 'word', value: nameOf(text, word.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()), at), at };
}

function nameOf(text: string, name: string, at: number): string {
  if (name === '') throw filterError(text, 'a quoted name is empty', at);
  if (Buffer.byteLength(name) > NAME_LIMIT_BYTES) throw filterError(text, `a name is longer than Postgres's ${NAME_LIMIT_BYTES} bytes`, at);
  return name;
}

function numberOf(text: string, value: string, at: number, end: number): Token {
  if (/[\w$.\u0080-\uffff]/.test(text[end] ?? '')) throw filterError(text, 'what begins as a number is none', at);
  return { kind: 'number', value, at };
}

function unknownAt(text: string, at: number): Error {
  const rest = text.slice(at, at + 2);
  const [, reason] = REFUSED.find(([start]) => start.test(rest)) ?? [undefined, `${String.fromCodePoint(text.codePointAt(at) ?? 0)} cannot stand there`];
  return filterError(text, reason, at);
}

function shownWord(word: string): string {
  return word.length > 20 ? '…' : word;
}

function skipSpace(text: string, at: number): number {
  SPACE.lastIndex = at;
  return SPACE.test(text) ? SPACE.lastIndex : at;
}
