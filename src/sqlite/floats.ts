/**
 * Floats as Postgres prints them. Both Postgres and JavaScript print the shortest
 * digits that read back as the same double; they differ in where the exponent
 * begins, and in what they accept as "reads back" at the border of two doubles.
 */

/** Decimal exponents from which Postgres writes `1e+20`: float8 and float4 (d2s.c, f2s.c). */
const SCIENTIFIC_FROM = { 'double precision': 15, real: 6 } as const;
const SCIENTIFIC_BELOW = -4;

export type FloatType = keyof typeof SCIENTIFIC_FROM;

/**
 * Postgres's text of a float that was read from Postgres's text. A float4 is held
 * as the double its text names, so the shortest digits of that double are its own.
 */
export function formatFloat(value: number, type: FloatType): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const sign = value < 0 ? '-' : '';
  const exponential = type === 'real' ? Math.abs(value).toExponential() : shortestExponential(Math.abs(value));
  const [mantissa, exponentText] = exponential.split('e');
  const exponent = Number(exponentText);
  if (exponent < SCIENTIFIC_BELOW || exponent >= SCIENTIFIC_FROM[type]) {
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return sign + positional(mantissa.replace('.', ''), exponent);
}

/** The shortest digits of a double the way numeric is printed: never with an exponent. */
export function formatNumeric(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return '0';
  const [mantissa, exponent] = Math.abs(value).toExponential().split('e');
  return (value < 0 ? '-' : '') + positional(mantissa.replace('.', ''), Number(exponent));
}

/** Digits and the exponent of the first one, written without an exponent. */
function positional(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

/**
 * JavaScript also takes digits that lie exactly half way to the next double, where
 * round-to-even reads them back; Postgres wants them strictly inside (d2s.c,
 * acceptBounds), so there it prints a digit more. Only integers above 2^53 have
 * such a neighbour within 17 digits.
 */
function shortestExponential(value: number): string {
  let text = value.toExponential();
  while (value > Number.MAX_SAFE_INTEGER && liesHalfWay(text, value)) {
    text = value.toExponential(digitsOf(text).length);
  }
  return text;
}

function digitsOf(exponential: string): string {
  return exponential.slice(0, exponential.indexOf('e')).replace('.', '');
}

/** Whether the digits name the exact middle between the double and a neighbour. */
function liesHalfWay(exponential: string, value: number): boolean {
  const digits = digitsOf(exponential);
  const exponent = Number(exponential.slice(exponential.indexOf('e') + 1)) - digits.length + 1;
  if (exponent < 0) return false;
  const distance = BigInt(digits) * 10n ** BigInt(exponent) - BigInt(value);
  const gap = distance < 0n ? BigInt(value) - BigInt(neighbour(value, -1n)) : BigInt(neighbour(value, 1n)) - BigInt(value);
  return 2n * (distance < 0n ? -distance : distance) === gap;
}

/** The next double above (1n) or below (-1n) a positive one. */
function neighbour(value: number, step: bigint): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  bits.setBigUint64(0, bits.getBigUint64(0) + step);
  return bits.getFloat64(0);
}
