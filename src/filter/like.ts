/**
 * LIKE as Postgres has it under the collation "C": `%` any characters, `_` one code point, a
 * backslash takes the next character for itself. The pieces between the `%` are sought from
 * left to right, each at its first place: no pattern makes it try a text again and again.
 */

/** A text, or how many single characters may be any. */
type Piece = readonly (string | number)[];

/** The test of a pattern that does not end within an escape. */
export function likePattern(pattern: string): (text: string) => boolean {
  const pieces = split(pattern);
  const [first, ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return (text) => matchAt(first, text, 0) === text.length;
  const lastLength = codePoints(last);
  return (text) => {
    let at = matchAt(first, text, 0);
    for (const piece of rest) {
      if (at < 0) return false;
      at = find(piece, text, at);
    }
    const start = at < 0 ? -1 : back(text, lastLength);
    return start >= at && start >= 0 && matchAt(last, text, start) === text.length;
  };
}

/** The pieces between the `%`; a pattern without one is one piece. */
function split(pattern: string): Piece[] {
  const pieces: (string | number)[][] = [[]];
  const add = (item: string | number) => {
    const piece = pieces[pieces.length - 1];
    const before = piece.at(-1);
    if (typeof before === 'string' && typeof item === 'string') piece[piece.length - 1] = before + item;
    else if (typeof before === 'number' && typeof item === 'number') piece[piece.length - 1] = before + item;
    else piece.push(item);
  };
  for (const [token] of pattern.matchAll(/\\?[^]/gu)) {
    if (token === '%') pieces.push([]);
    else add(token === '_' ? 1 : token.length > 1 && token.startsWith('\\') ? token.slice(1) : token);
  }
  return pieces;
}

/** Where the piece ends that begins at a place; -1 where it does not stand there. */
function matchAt(piece: Piece, text: string, start: number): number {
  let at = start;
  for (const item of piece) {
    if (typeof item === 'string') {
      if (!text.startsWith(item, at)) return -1;
      at += item.length;
    } else {
      for (let count = item; count > 0; count--) {
        if (at >= text.length) return -1;
        at += isPairAt(text, at) ? 2 : 1;
      }
    }
  }
  return at;
}

/** Where the piece ends that begins first at or behind a place; -1 where there is none. */
function find(piece: Piece, text: string, from: number): number {
  const [head] = piece;
  for (let start = from; start <= text.length; start += isPairAt(text, start) ? 2 : 1) {
    if (typeof head === 'string') start = text.indexOf(head, start);
    if (start < 0) return -1;
    const end = matchAt(piece, text, start);
    if (end >= 0) return end;
  }
  return -1;
}

/** Where the last so many code points of a text begin; -1 where it has fewer. */
function back(text: string, count: number): number {
  let at = text.length;
  for (let left = count; left > 0; left--) {
    if (at <= 0) return -1;
    at -= at > 1 && isPairAt(text, at - 2) ? 2 : 1;
  }
  return at;
}

function codePoints(piece: Piece): number {
  return piece.reduce<number>((sum, item) => sum + (typeof item === 'number' ? item : [...item].length), 0);
}

function isPairAt(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800;
}
