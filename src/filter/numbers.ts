/** Numbers as text: decimals of any length, and floats. How a literal is read, and the exact order of two. */

/** Digits before, and digits behind the point, that a literal may have once its exponent is written out. */
export const DIGIT_LIMIT = 1000;

const NUMBER = /^(-?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,9}))?$/;
const DASH = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
/** Shorter texts are exact enough as doubles to keep their order: at most 15 digits. */
const DOUBLE_LENGTH = 15;

/** A number in plain digits, without exponent and needless zeros; undefined where it is none or too long. */
export function readDecimal(text: string): string | undefined {
  const [whole, sign, integer, fraction, exponent = '0'] = NUMBER.exec(text) ?? [];
  if (whole === undefined || integer + fraction === '') return undefined;
  const digits = (integer + fraction).replace(/^0+/, '');
  if (digits === '') return '0';
  const point = digits.length - fraction.length + Number(exponent);
  const significant = withoutZeros(digits);
  if (point > DIGIT_LIMIT || significant.length - point > DIGIT_LIMIT) return undefined;
  const padded = significant.padEnd(point, '0');
  const all = point > 0 ? padded : padded.padStart(padded.length - point, '0');
  const before = point > 0 ? all.slice(0, point) : '0';
  const behind = point > 0 ? all.slice(point) : all;
  return `${sign}${before}${behind === '' ? '' : `.${behind}`}`;
}

/** The order of two decimals as Postgres prints them: -Infinity, numbers, Infinity, NaN (which equals itself). */
export function compareDecimals(a: string, b: string): number {
  if (a.length <= DOUBLE_LENGTH && b.length <= DOUBLE_LENGTH) {
    const difference = Number(a) - Number(b);
    if (!Number.isNaN(difference)) return difference;
  }
  const [rankA, rankB] = [rank(a), rank(b)];
  if (rankA !== rankB) return rankA - rankB;
  if (rankA === POSITIVE) return compareMagnitudes(a, 0, b, 0);
  return rankA === NEGATIVE ? compareMagnitudes(b, 1, a, 1) : 0;
}

/** One text for each value: `1.10` is `1.1`. Of integers' texts each is its own. */
export function plainDecimal(text: string): string {
  if (!text.includes('.')) return text;
  const trimmed = withoutZeros(text);
  return trimmed.endsWith('.') ? trimmed.slice(0, -1) : trimmed;
}

/** Without trailing zeros. A regular expression would look at each run of zeros again from each of its zeros. */
function withoutZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === ZERO) end--;
  return digits.slice(0, end);
}

/** The order of two floats by the doubles that their texts name; NaN equals itself and is above all. */
export function compareFloats(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  if (x < y) return -1;
  if (x > y) return 1;
  return x === y ? 0 : Number(Number.isNaN(x)) - Number(Number.isNaN(y));
}

const NEGATIVE = 1;
const POSITIVE = 3;

/** -Infinity 0, negative 1, zero 2, positive 3, Infinity 4, NaN 5. */
function rank(text: string): number {
  if (text === 'NaN') return 5;
  if (text === 'Infinity') return 4;
  if (text === '-Infinity') return 0;
  if (!/[1-9]/.test(text)) return 2;
  return text.charCodeAt(0) === DASH ? NEGATIVE : POSITIVE;
}

/** Without sign and leading zeros the longer integer part is the larger; else the first digit that differs decides. */
function compareMagnitudes(a: string, startA: number, b: string, startB: number): number {
  const integers = integerLength(a, startA) - integerLength(b, startB);
  if (integers !== 0) return integers;
  const length = Math.max(a.length - startA, b.length - startB);
  for (let i = 0; i < length; i++) {
    const difference = digitAt(a, startA + i) - digitAt(b, startB + i);
    if (difference !== 0) return difference;
  }
  return 0;
}

function integerLength(text: string, start: number): number {
  const point = text.indexOf('.', start);
  return (point < 0 ? text.length : point) - start;
}

/** The point, which stands at the same place in both or in one alone, counts as a zero, and so does what is behind the end. */
function digitAt(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code >= ZERO && code <= NINE ? code : ZERO;
}
