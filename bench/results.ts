/** The figures that are kept: `results.json` in a folder, of each benchmark the last time that it was measured. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure } from './figure.js';
import type { Machine } from './machine.js';
import type { Sizes } from './sizes.js';

/** What was measured at once. */
export interface Measured {
  readonly machine: Machine;
  readonly sizes: Sizes;
  readonly figures: readonly Figure[];
}

export type Results = Readonly<Record<string, Measured>>;

const FILE = 'results.json';
/** More digits say nothing. */
const DIGITS = 4;

export function readResults(folder: string): Results {
  const path = join(folder, FILE);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Results) : {};
}

/** Keeps what was measured, in the place of what was kept of the same benchmarks; gives all that is kept. */
export function keepResults(folder: string, { machine, sizes, figures }: Measured): Results {
  const results: Record<string, Measured> = { ...readResults(folder) };
  for (const benchmark of new Set(figures.map((figure) => figure.benchmark))) {
    results[benchmark] = { machine, sizes, figures: figures.filter((figure) => figure.benchmark === benchmark).map(rounded) };
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, FILE), `${JSON.stringify(results, null, 1)}\n`);
  return results;
}

function rounded(figure: Figure): Figure {
  return { ...figure, values: figure.values.map((value) => Number(value.toPrecision(DIGITS))) };
}
