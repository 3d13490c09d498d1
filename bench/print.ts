/** The result for people: one line a figure. It is a table of Markdown too. */
import { isMet, median, type Figure, type Unit } from './figure.js';
import type { Machine } from './machine.js';
import { FULL, type Sizes } from './sizes.js';

const HEAD = ['benchmark', 'what', 'unit', 'min', 'median', 'max', 'required', ''];
const NUMBERS_FROM = 3;
const NUMBERS_TO = 5;

export function asText(figures: readonly Figure[], machine: Machine, sizes: Sizes): string {
  // What is required is required of the full size: of less, most is the start of the programs.
  const judged = sizes.rows >= FULL.rows;
  const rows = [HEAD, ...figures.map((figure) => cells(judged ? figure : { ...figure, requirement: undefined }))];
  const widths = HEAD.map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const lines = rows.map((row) => `| ${row.map((cell, i) => (isNumber(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`);
  const rule = `|${widths.map((width, i) => (isNumber(i) ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`;
  return [describe(machine), describeSizes(sizes), '', lines[0], rule, ...lines.slice(1), ''].join('\n');
}

function describe({ processors, memory, system, node, postgres, sqlite3, deltamirror, load }: Machine): string {
  return `deltamirror ${deltamirror}, Node ${node}, PostgreSQL ${postgres}, sqlite3 ${sqlite3}, ${system}, ${processors}, ${memory}, load ${load}`;
}

function describeSizes({ rows, runs, seconds, transactionsPerSecond }: Sizes): string {
  return `${rows} rows, ${runs} interleaved runs, ${transactionsPerSecond} transactions a second for ${seconds} s`;
}

function cells(figure: Figure): string[] {
  const { benchmark, unit, values, requirement, at } = figure;
  const what = at === undefined ? figure.what : `${at.value.toLocaleString('en-US')} ${at.of}: ${figure.what}`;
  const met = isMet(figure);
  return [
    benchmark, what, unit,
    ...[Math.min(...values), median(values), Math.max(...values)].map((value) => format(value, unit)),
    requirement === undefined ? '' : `${requirement.kind} ${format(requirement.limit, unit)}`,
    met === undefined ? '' : met ? 'met' : 'missed',
  ];
}

function format(value: number, unit: Unit): string {
  switch (unit) {
    case 's':
    case 'GB/s':
    case '×': return value.toFixed(2);
    case 'ms': return value.toFixed(1);
    case 'rows/s':
    case 'tx/s':
    case 'lines':
    case 'MB': return Math.round(value).toLocaleString('en-US');
  }
}

function isNumber(column: number): boolean {
  return column >= NUMBERS_FROM && column <= NUMBERS_TO;
}
