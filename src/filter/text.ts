/** Text as Postgres's bytes in UTF-8: order, and the padding of char(n). */

const BLANK = 0x20;
const SURROGATES = 0xd800;
const BEHIND_SURROGATES = 0xe000;

/** The order of the UTF-8 bytes, which is that of the code points and not of JavaScript's units. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

/** Surrogates spell the code points above all single units. */
function codePointRank(unit: number): number {
  if (unit < SURROGATES) return unit;
  return unit < BEHIND_SURROGATES ? unit + 0x2000 : unit - 0x800;
}

/** The text without trailing blanks, as Postgres's cast from char(n) to text gives it. */
export function withoutPadding(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === BLANK) end--;
  return end === text.length ? text : text.slice(0, end);
}
