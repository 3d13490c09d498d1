/** Measures several sides in turns, so that what disturbs the machine disturbs them alike. */

/** One side: what it is called, and how it is measured once (in seconds). */
export interface Side {
  readonly name: string;
  readonly measure: (run: number) => Promise<number>;
}

/** The seconds of each side, run by run: the i-th values of all sides were measured one right after the other. */
export async function interleave(sides: readonly Side[], runs: number, tell: (text: string) => void): Promise<Map<string, number[]>> {
  const seconds = new Map<string, number[]>(sides.map(({ name }) => [name, []]));
  for (let run = 0; run < runs; run++) {
    // Each run begins with another side: none always profits from what the one before it left in memory.
    for (let i = 0; i < sides.length; i++) {
      const { name, measure } = sides[(run + i) % sides.length];
      const taken = await measure(run);
      seconds.get(name)!.push(taken);
      tell(`run ${run + 1} of ${runs}: ${name} ${taken.toFixed(2)} s`);
    }
  }
  return seconds;
}

/** Run by run, how many times as long the first took as the second. */
export function ratios(seconds: ReadonlyMap<string, readonly number[]>, first: string, second: string): number[] {
  const against = seconds.get(second)!;
  return seconds.get(first)!.map((value, run) => value / against[run]);
}
