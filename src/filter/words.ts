/** The words that mean something in a filter, and those of SQL that it refuses by name. */

/** Not a column unless quoted. */
export const KEYWORDS: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'is', 'null', 'true', 'false', 'between', 'like']);

const SPECIAL_VALUE = 'is a function of SQL, and a filter has none; quote it where it is a column';
const LIKE_ONLY = 'is not known; a pattern is compared by LIKE, which tells upper from lower case';

/** Reserved in SQL: whoever writes one does not mean a column, so the answer says what a filter has instead. */
export const REFUSED: ReadonlyMap<string, string> = new Map([
  ['ilike', LIKE_ONLY],
  ['similar', LIKE_ONLY],
  ['escape', 'is not known; the escape of LIKE is the backslash'],
  ['collate', 'is not known; text is compared byte by byte'],
  ['select', 'is not known; a filter sees the columns of its own row, there are no subqueries'],
  ['any', 'is not known; write IN with the values'],
  ['some', 'is not known; write IN with the values'],
  ['all', 'is not known; write NOT IN with the values'],
  ['case', 'is not known; combine conditions with AND, OR and NOT'],
  ['cast', 'is not known; a literal is read as its column\'s type'],
  ['array', 'is not known; arrays are not compared'],
  ['symmetric', 'is not known; write the lower bound first'],
  ['distinct', 'is not known; write IS NULL beside the comparison'],
  ['isnull', 'is not known; write IS NULL'],
  ['notnull', 'is not known; write IS NOT NULL'],
  ...['user', 'session_user', 'current_user', 'current_role', 'current_catalog', 'current_schema', 'current_date', 'current_time',
    'current_timestamp', 'localtime', 'localtimestamp'].map((word) => [word, SPECIAL_VALUE] as const),
]);
