/** Which of the known names someone may have meant. */

const DISTANCE_LIMIT = 2;

/** The known name that differs by case alone, or else by the fewest edits, two at most and fewer than its letters. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const folded = name.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.min(DISTANCE_LIMIT, name.length - 1) + 1;
  for (const candidate of known) {
    const distance = editDistance(folded, candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    above = row;
  }
  return above[b.length];
}
