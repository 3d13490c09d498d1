import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeltaError } from '../../src/errors.js';
import { parseWhereOption } from '../../src/filter/option.js';
import { DEPTH_LIMIT, parseFilter, TERM_LIMIT } from '../../src/filter/parse.js';
import { TEXT_LIMIT } from '../../src/filter/tokens.js';

function refusal(parse: () => unknown): DeltaError {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof DeltaError && error.code === 'usage', String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'it was not refused' });
}

test('a filter has one canonical text, which parses to itself', () => {
  const texts = {
    "dest='KIAH'": "dest = 'KIAH'",
    "Dest != 'it''s'": "dest <> 'it''s'",
    '"Dest" >= 5 and (a or not b)': '"Dest" >= 5 AND (a OR NOT b)',
    '(a AND b) OR (c)': 'a AND b OR c',
    'a AND (b AND c)': 'a AND (b AND c)',
    'NOT (NOT (a))': 'NOT NOT a',
    'a<-1.5E3': 'a < -1.5E3',
    'a is  not\nnull': 'a IS NOT NULL',
    'a IS NOT true': 'a IS NOT TRUE',
    '(a = 1) IS FALSE': '(a = 1) IS FALSE',
    'not a between 1 and 2 and b': 'NOT a BETWEEN 1 AND 2 AND b',
    "a NOT IN (1,'x' , true)": "a NOT IN (1, 'x', true)",
    "a LIKE '\\%'": "a LIKE '\\%'",
    '"in" = 1': '"in" = 1',
    '"say ""hi""" IS NULL': '"say ""hi""" IS NULL',
    '"select" OR Ärger OR x$': '"select" OR "Ärger" OR "x$"',
    "5 < a": '5 < a',
    "a = '😀\t\"--;'": "a = '😀\t\"--;'",
  };
  for (const [text, canonical] of Object.entries(texts)) {
    assert.equal(parseFilter(text).text, canonical);
    assert.equal(parseFilter(canonical).text, canonical);
  }
});

test('the columns are named once each, as the table has them', () => {
  assert.deepEqual(parseFilter('B = 1 OR "B" = a OR b IS NULL AND 1 = c').columns, ['b', 'B', 'a', 'c']);
});

test('what is not in the language is refused by name and place', () => {
  const refused: Readonly<Record<string, string>> = {
    '': 'the expression is missing, at character 1',
    ' ': 'the expression is missing, at character 2',
    'a =': 'it ends where a column or a literal is expected, at character 4',
    'a = 1 b': 'the name b stands where AND, OR or the end is expected, at character 7',
    '= 1': '= stands where a column, a literal, NOT or ( is expected, at character 1',
    '(a': 'it ends where ) is expected, at character 3',
    'a)': ') stands where AND, OR or the end is expected, at character 2',
    'a NOT 5': 'the number 5 stands where IN, BETWEEN or LIKE is expected, at character 7',
    'a IS 5': 'the number 5 stands where NULL, TRUE or FALSE is expected, at character 6',
    '(a = b) IS NULL': 'NULL stands where TRUE or FALSE is expected, at character 12',
    'a IS DISTINCT FROM b': 'DISTINCT is not known; write IS NULL beside the comparison, at character 6',
    "lower(a) = 'x'": 'functions are not known; a filter compares columns with literals and with each other, at character 1',
    'a = now()': 'functions are not known; a filter compares columns with literals and with each other, at character 5',
    "a::text = 'x'": "a cast (::) is not known; a literal is read as its column's type, at character 2",
    'CAST(a AS int) = 1': "CAST is not known; a literal is read as its column's type, at character 1",
    'a + 1 = 2': 'the operator is not known; there are = <> < <= > >= IN BETWEEN LIKE IS NULL AND OR NOT, at character 3',
    'a - 1 = 2': 'arithmetic is not known, at character 3',
    'a = -b': 'arithmetic is not known; - stands before a number only, at character 5',
    "a || 'x' = b": 'the operator is not known; there are = <> < <= > >= IN BETWEEN LIKE IS NULL AND OR NOT, at character 3',
    "a ~ 'x'": 'the operator is not known; there are = <> < <= > >= IN BETWEEN LIKE IS NULL AND OR NOT, at character 3',
    "a @> '{}'": 'the operator is not known; there are = <> < <= > >= IN BETWEEN LIKE IS NULL AND OR NOT, at character 3',
    "a ILIKE 'x'": 'ILIKE is not known; a pattern is compared by LIKE, which tells upper from lower case, at character 3',
    "a NOT ILIKE 'x'": 'ILIKE is not known; a pattern is compared by LIKE, which tells upper from lower case, at character 7',
    "a SIMILAR TO 'x'": 'SIMILAR is not known; a pattern is compared by LIKE, which tells upper from lower case, at character 3',
    "a LIKE 'x' ESCAPE '!'": 'ESCAPE is not known; the escape of LIKE is the backslash, at character 12',
    'a LIKE b': "the name b stands where a pattern in '…' is expected, at character 8",
    "a LIKE 'x\\'": 'the pattern ends with a lone backslash; write two for one, at character 8',
    "a LIKE 'x\\\\\\'": 'the pattern ends with a lone backslash; write two for one, at character 8',
    'a IN (SELECT b)': 'SELECT is not known; a filter sees the columns of its own row, there are no subqueries, at character 7',
    'a = (SELECT 1)': '( stands where a column or a literal is expected, at character 5',
    'a IN (b)': 'a list holds literals only, at character 7',
    'a IN ()': ') stands where a literal is expected, at character 7',
    'a IN (NULL)': 'NULL compares with nothing; write IS NULL, at character 7',
    'a = NULL': 'NULL compares with nothing; write IS NULL, at character 5',
    'a = ANY (b)': 'ANY is not known; write IN with the values, at character 5',
    'a BETWEEN SYMMETRIC 2 AND 1': 'SYMMETRIC is not known; write the lower bound first, at character 11',
    'a BETWEEN 2 OR 3': 'OR stands where AND and the upper bound is expected, at character 13',
    "a COLLATE \"C\" = 'x'": 'COLLATE is not known; text is compared byte by byte, at character 3',
    'CASE WHEN a THEN b END': 'CASE is not known; combine conditions with AND, OR and NOT, at character 1',
    'a = current_date': 'CURRENT_DATE is a function of SQL, and a filter has none; quote it where it is a column, at character 5',
    'user = 1': 'USER is a function of SQL, and a filter has none; quote it where it is a column, at character 1',
    'a ISNULL': 'ISNULL is not known; write IS NULL, at character 3',
    'a = b = c': 'one comparison cannot be part of another; put one of them in parentheses, or join them by AND, at character 7',
    'a = b IS NULL': 'one comparison cannot be part of another; put one of them in parentheses, or join them by AND, at character 7',
    '(a = b) = c': 'one comparison cannot be part of another; put one of them in parentheses, or join them by AND, at character 9',
    '1 = 1': 'one side of a comparison is a column, at character 1',
    'true': 'it ends where a comparison is expected, at character 5',
    "'x' IS NULL": 'IS stands where a comparison is expected, at character 5',
    't.a = 1': 'a name with a dot is not known; columns stand alone, without their table, at character 2',
    "date '2026-01-01' = a": "a type before a literal is not known; write '…' alone, it is read as its column's type, at character 1",
    "a = E'x'": "E'…' is not known; write the text alone, a backslash in it is itself, at character 5",
    "a = U&'x'": 'the operator is not known; there are = <> < <= > >= IN BETWEEN LIKE IS NULL AND OR NOT, at character 6',
    'a = $1': "parameters and dollar quotes are not known; write texts as '…', at character 5",
    'a = $$x$$': "parameters and dollar quotes are not known; write texts as '…', at character 5",
    'a = 1; DROP TABLE t': 'a filter is one expression, ; cannot stand there, at character 6',
    'a = 1 -- x': 'comments are not known, at character 7',
    'a = 1 /* x */': 'comments are not known, at character 7',
    "a = 'x": 'a text is not closed, at character 5',
    '"a = 1': 'a quoted name is not closed, at character 1',
    '"" = 1': 'a quoted name is empty, at character 1',
    'a = 0x1F': 'what begins as a number is none, at character 5',
    'a = 1_000': 'what begins as a number is none, at character 5',
    'a = 1.2.3': 'what begins as a number is none, at character 5',
    'a = [1]': '[ cannot stand there, at character 5',
    'a = 1 😀': 'the name 😀 stands where AND, OR or the end is expected, at character 7',
    [`"${'é'.repeat(32)}" = 1`]: "a name is longer than Postgres's 63 bytes, at character 1",
    "a = '\0'": 'a NUL character cannot stand in it, at character 6',
    "a = '\ud800'": 'half a character cannot stand in it, at character 6',
  };
  for (const [text, reason] of Object.entries(refused)) {
    const { message } = refusal(() => parseFilter(text));
    assert.match(message, /^--where [^\n\0]*: /);
    assert.ok(message.endsWith(`: ${reason}`), `${text}\n${message}`);
  }
});

test('hostile texts end in one short line', () => {
  const texts = [
    "'".repeat(99_999), '"'.repeat(99_999), '('.repeat(60_000), 'NOT '.repeat(16_000), 'a = '.repeat(16_000), '-'.repeat(60_000), `a = ${'9'.repeat(60_000)}x`, 'a'.repeat(60_000),
    `a LIKE '${'\\'.repeat(60_001)}'`, `${'('.repeat(DEPTH_LIMIT + 1)}a${')'.repeat(DEPTH_LIMIT + 1)}`, '\n'.repeat(100_000), '\u2028\u0000', "a = 'x' OR '1'='1'", `a = 'x${' '.repeat(TEXT_LIMIT)}'`,
  ];
  for (const text of texts) assert.ok(refusal(() => parseFilter(text)).message.length < 300);
});

test('each limit holds to the letter', () => {
  const nested = (depth: number) => `${'('.repeat(depth)}a${')'.repeat(depth)}`;
  parseFilter(nested(DEPTH_LIMIT));
  assert.match(refusal(() => parseFilter(nested(DEPTH_LIMIT + 1))).message, /nested deeper than 100, at character 102$/);
  const list = (count: number) => `a IN (${Array.from({ length: count }, (_, i) => i).join(',')})`;
  parseFilter(list(TERM_LIMIT - 1));
  assert.match(refusal(() => parseFilter(list(TERM_LIMIT))).message, /more than 5000 conditions and values, at character \d+$/);
  parseFilter(`a = '${'x'.repeat(TEXT_LIMIT - 6)}'`);
  assert.match(refusal(() => parseFilter(`a = '${'x'.repeat(TEXT_LIMIT - 5)}'`)).message, /: longer than 65536 characters$/);
  assert.match(refusal(() => parseFilter(`a='${'x'.repeat(TEXT_LIMIT - 4)}'`)).message, /: longer than 65536 characters with a space around each operator$/);
});

test('the option is a table, a colon and an expression', () => {
  const parts = (text: string) => {
    const { table, filter } = parseWhereOption(text);
    return [table, filter.text];
  };
  assert.deepEqual(parts("flights: dest = 'KIAH'"), ['flights', "dest = 'KIAH'"]);
  assert.deepEqual(parts('  ops."a: b""c:" :x IS NULL  '), ['ops."a: b""c:"', 'x IS NULL']);
  assert.deepEqual(parts("t:a = ':'"), ['t', "a = ':'"]);
  for (const [text, reason] of Object.entries({
    'flights dest': '--where flights dest: no colon between table and expression',
    '"a: b': '--where "a: b: no colon between table and expression',
    ': a = 1': '--where : a = 1: no table before the colon',
    't:': '--where : the expression is missing, at character 1',
    't::a': '--where :a: : cannot stand there, at character 1',
  })) assert.equal(refusal(() => parseWhereOption(text)).message, reason);
  assert.match(refusal(() => parseWhereOption('t')).hint ?? '', /write --where "table: expression"/);
  for (const text of ['"'.repeat(99_999), 'x'.repeat(100_000), `"${'x'.repeat(100_000)}`]) refusal(() => parseWhereOption(text));
});
