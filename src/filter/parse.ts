/**
 * The grammar of row filters (docs/filters.md), by recursive descent with SQL's precedence:
 * OR, AND, NOT, then one comparison; comparisons do not chain.
 */
import { printCondition } from './print.js';
import { TEXT_LIMIT, tokenize, type Token } from './tokens.js';
import { filterError, type ColumnRef, type Comparison, type Condition, type Literal, type Operand } from './tree.js';
import { KEYWORDS, REFUSED } from './words.js';

export interface Filter {
  /** The canonical text: printed from the tree, and read as the same tree. */
  readonly text: string;
  /** The names of the columns it uses, each once, in order of appearance. */
  readonly columns: readonly string[];
  readonly condition: Condition;
}

/** Parentheses and NOTs within one another. */
export const DEPTH_LIMIT = 100;
/** Conditions and values together. */
export const TERM_LIMIT = 5000;

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=']);

/** Throws DeltaError usage; the message begins `--where <text>: ` and says at which character. */
export function parseFilter(text: string): Filter {
  const parser = new Parser(text);
  const condition = parser.whole();
  const canonical = printCondition(condition);
  // The canonical text is what a cache keeps, so it has to be readable itself.
  if (canonical.length > TEXT_LIMIT) throw filterError(text, `longer than ${TEXT_LIMIT} characters with a space around each operator`);
  return { text: canonical, columns: [...parser.columns], condition };
}

class Parser {
  /** A set keeps the order of what is added. */
  readonly columns = new Set<string>();
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;
  #terms = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  whole(): Condition {
    if (this.#atEnd()) throw this.#error('the expression is missing');
    const condition = this.#or();
    if (!this.#atEnd()) throw this.#unexpected('AND, OR or the end');
    return condition;
  }

  #or(): Condition {
    return this.#chain('or', () => this.#chain('and', () => this.#not()));
  }

  /** One part is itself; nested chains of one kind stay nested, as they were written. */
  #chain(kind: 'and' | 'or', part: () => Condition): Condition {
    const parts = [part()];
    while (this.#takeWord(kind)) parts.push(part());
    return parts.length === 1 ? parts[0] : { kind, parts };
  }

  #not(): Condition {
    if (!this.#takeWord('not')) return this.#term();
    return this.#deeper(() => ({ kind: 'not', part: this.#not() }));
  }

  #term(): Condition {
    this.#count();
    if (this.#takeSymbol('(')) {
      const part = this.#deeper(() => this.#or());
      this.#expectSymbol(')');
      return this.#takeWord('is') ? this.#truth(part) : this.#unchained(part);
    }
    const left = this.#operand('a column, a literal, NOT or (');
    return this.#unchained(left.kind === 'column' ? this.#aboutColumn(left) : this.#compare(left, 'a comparison'));
  }

  #aboutColumn(column: ColumnRef): Condition {
    if (this.#takeWord('is')) return this.#is(column);
    const negated = this.#takeWord('not');
    if (this.#takeWord('in')) return { kind: 'in', negated, column, values: this.#values() };
    if (this.#takeWord('between')) return this.#between(column, negated);
    if (this.#takeWord('like')) return { kind: 'like', negated, column, pattern: this.#pattern() };
    if (negated) throw this.#unexpected('IN, BETWEEN or LIKE');
    if (COMPARISONS.has(this.#token.value) && this.#token.kind === 'symbol') return this.#compare(column, 'a comparison');
    return { kind: 'bare', column };
  }

  #is(column: ColumnRef): Condition {
    const negated = this.#takeWord('not');
    if (this.#takeWord('null')) return { kind: 'null', negated, column };
    return this.#truthValue({ kind: 'bare', column }, negated, 'NULL, TRUE or FALSE');
  }

  #truth(part: Condition): Condition {
    return this.#truthValue(part, this.#takeWord('not'), 'TRUE or FALSE');
  }

  #truthValue(part: Condition, negated: boolean, wanted: string): Condition {
    const value = this.#takeWord('true');
    if (!value && !this.#takeWord('false')) throw this.#unexpected(wanted);
    return { kind: 'truth', negated, value, part };
  }

  #compare(left: Operand, wanted: string): Condition {
    const { kind, value } = this.#token;
    if (kind !== 'symbol' || !COMPARISONS.has(value)) throw this.#unexpected(wanted);
    this.#next++;
    const right = this.#operand('a column or a literal');
    if (left.kind !== 'column' && right.kind !== 'column') throw this.#error('one side of a comparison is a column', left.at);
    return { kind: 'compare', operator: value as Comparison, left, right };
  }

  #between(column: ColumnRef, negated: boolean): Condition {
    const low = this.#operand('a column or a literal');
    if (!this.#takeWord('and')) throw this.#unexpected('AND and the upper bound');
    return { kind: 'between', negated, column, low, high: this.#operand('a column or a literal') };
  }

  #values(): Literal[] {
    this.#expectSymbol('(');
    const values: Literal[] = [];
    do {
      this.#count();
      const { at } = this.#token;
      const value = this.#operand('a literal');
      if (value.kind === 'column') throw this.#error('a list holds literals only', at);
      values.push(value);
    } while (this.#takeSymbol(','));
    this.#expectSymbol(')');
    return values;
  }

  /** A pattern that ends in the middle of an escape is an error of Postgres's too, but only on rows that reach it. */
  #pattern(): string {
    const { kind, value, at } = this.#token;
    if (kind !== 'text') throw this.#unexpected("a pattern in '…'");
    if (/(?<!\\)(?:\\\\)*\\$/.test(value)) throw this.#error('the pattern ends with a lone backslash; write two for one', at);
    this.#next++;
    return value;
  }

  #operand(wanted: string): Operand {
    const { kind, value, at } = this.#token;
    if (kind === 'text') return this.#taken({ kind, value, at });
    if (kind === 'number') return this.#taken({ kind, value, at });
    if (kind === 'symbol' && value === '-') return this.#negative(at);
    if (kind === 'name') return this.#column(value, at);
    if (kind !== 'word') throw this.#unexpected(wanted);
    if (value === 'true' || value === 'false') return this.#taken({ kind: 'boolean', value, at });
    if (value === 'null') throw this.#error('NULL compares with nothing; write IS NULL', at);
    if (KEYWORDS.has(value) || REFUSED.has(value)) throw this.#unexpected(wanted);
    return this.#column(value, at);
  }

  #negative(at: number): Operand {
    this.#next++;
    if (this.#token.kind !== 'number') throw this.#error('arithmetic is not known; - stands before a number only', at);
    return this.#taken({ kind: 'number', value: `-${this.#token.value}`, at });
  }

  #column(name: string, at: number): ColumnRef {
    const next = this.#tokens[this.#next + 1];
    if (next.kind === 'symbol' && next.value === '(') throw this.#error('functions are not known; a filter compares columns with literals and with each other', at);
    if (next.kind === 'text') throw this.#error("a type before a literal is not known; write '…' alone, it is read as its column's type", at);
    this.columns.add(name);
    return this.#taken({ kind: 'column', name, at });
  }

  #taken<Kind extends Operand>(operand: Kind): Kind {
    this.#next++;
    return operand;
  }

  /** What `a = b = c` or `a = b IS NULL` means is a matter of precedence that few know by heart. */
  #unchained(condition: Condition): Condition {
    const { kind, value } = this.#token;
    if (kind === 'symbol' && value === '-') throw this.#error('arithmetic is not known');
    if ((kind === 'symbol' && COMPARISONS.has(value)) || (kind === 'word' && ['is', 'in', 'between', 'like', 'not'].includes(value))) {
      throw this.#error('one comparison cannot be part of another; put one of them in parentheses, or join them by AND');
    }
    return condition;
  }

  #deeper(inner: () => Condition): Condition {
    if (++this.#depth > DEPTH_LIMIT) throw this.#error(`nested deeper than ${DEPTH_LIMIT}`);
    const condition = inner();
    this.#depth--;
    return condition;
  }

  #count(): void {
    if (++this.#terms > TERM_LIMIT) throw this.#error(`more than ${TERM_LIMIT} conditions and values`);
  }

  get #token(): Token {
    return this.#tokens[this.#next];
  }

  #atEnd(): boolean {
    return this.#token.kind === 'end';
  }

  #takeWord(word: string): boolean {
    const found = this.#token.kind === 'word' && this.#token.value === word;
    if (found) this.#next++;
    return found;
  }

  #takeSymbol(symbol: string): boolean {
    const found = this.#token.kind === 'symbol' && this.#token.value === symbol;
    if (found) this.#next++;
    return found;
  }

  #expectSymbol(symbol: string): void {
    if (!this.#takeSymbol(symbol)) throw this.#unexpected(symbol);
  }

  #unexpected(wanted: string): Error {
    const { kind, value } = this.#token;
    if (kind === 'end') return this.#error(`it ends where ${wanted} is expected`);
    const refused = kind === 'word' ? REFUSED.get(value) : undefined;
    if (refused !== undefined) return this.#error(`${value.toUpperCase()} ${refused}`);
    const keyword = kind === 'word' && KEYWORDS.has(value) ? value.toUpperCase() : undefined;
    return this.#error(`${keyword ?? DESCRIBED[kind](value)} stands where ${wanted} is expected`);
  }

  #error(reason: string, at = this.#token.at): Error {
    return filterError(this.#text, reason, at);
  }
}

const DESCRIBED: Readonly<Record<Token['kind'], (value: string) => string>> = {
  word: (value) => `the name ${value}`,
  name: (value) => `the name "${value}"`,
  text: () => 'a text',
  number: (value) => `the number ${value.slice(0, 40)}`,
  symbol: (value) => value,
  end: () => 'the end',
};
