/** The plots of docs/performance.md, drawn from the figures that are kept: one of each growth, and one of the sides that were compared. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { median, type Axis, type Figure } from './figure.js';
import type { Results } from './results.js';
import { ceiling, COLOURS, document, dot, GREY, line, rectangle, short, text } from './svg.js';

const AXES: readonly Axis[] = ['rows', 'tables', 'rows a transaction'];
/** Of which the seconds of the sides are drawn beside each other. */
const COMPARED = ['decode', 'stream', 'pgoutput', 'import', 'replay', 'path'];

const PANEL = { width: 400, height: 230, left: 60, right: 20, top: 40, bottom: 75 };
const BAR = { width: 800, label: 330, value: 70, height: 16, gap: 6, head: 34 };

/** Draws what there are figures for; gives the files' names. */
export function draw(results: Results, folder: string): string[] {
  const growth = results.growth?.figures ?? [];
  const plots: { readonly name: string; readonly svg: string | undefined }[] = [
    { name: 'compared.svg', svg: comparison(results) },
    ...AXES.map((of) => ({ name: `growth-by-${of.replaceAll(' ', '-')}.svg`, svg: growthPlot(of, growth.filter(({ at }) => at?.of === of)) })),
  ];
  mkdirSync(folder, { recursive: true });
  return plots.flatMap(({ name, svg }) => {
    if (svg === undefined) return [];
    writeFileSync(join(folder, name), svg);
    return [name];
  });
}

/** Rows a second on the left, memory on the right; undefined where nothing was measured. */
function growthPlot(of: Axis, figures: readonly Figure[]): string | undefined {
  if (figures.length === 0) return undefined;
  const pieces = [...new Set(figures.map(({ what }) => what))];
  const legend = pieces.flatMap((piece, i) => [rectangle(PANEL.left + i * 180, PANEL.height - 22, 12, 12, colourOf(piece)), text(PANEL.left + i * 180 + 18, PANEL.height - 12, piece)]);
  const panel = (x: number, unit: Figure['unit'], title: string) => curves(x, of, title, figures.filter((figure) => figure.unit === unit));
  return document(2 * PANEL.width, PANEL.height, [...panel(0, 'rows/s', 'rows a second'), ...panel(PANEL.width, 'MB', 'peak memory, MB'), ...legend]);
}

function curves(x: number, of: Axis, title: string, figures: readonly Figure[]): string[] {
  const steps = [...new Set(figures.map(({ at }) => at!.value))].sort((a, b) => a - b);
  const top = ceiling(Math.max(...figures.map(({ values }) => median(values))));
  const [left, right, bottom] = [x + PANEL.left, x + PANEL.width - PANEL.right, PANEL.height - PANEL.bottom];
  // Each step is a multiple of the one before, so on a logarithmic axis they are as far apart.
  const across = (value: number) => (steps.length === 1 ? (left + right) / 2 : left + ((right - left) * Math.log(value / steps[0])) / Math.log(steps.at(-1)! / steps[0]));
  const up = (value: number) => bottom - ((bottom - PANEL.top) * value) / top;
  return [
    text(left, PANEL.top - 18, title, { bold: true }),
    ...[0, 0.5, 1].flatMap((share) => [line([[left, up(share * top)], [right, up(share * top)]], '#ddd'), text(left - 8, up(share * top) + 4, short(share * top), { anchor: 'end', fill: GREY })]),
    ...steps.map((step) => text(across(step), bottom + 18, short(step), { anchor: 'middle', fill: GREY })),
    text((left + right) / 2, bottom + 36, of, { anchor: 'middle', fill: GREY }),
    ...[...new Set(figures.map(({ what }) => what))].flatMap((piece) => {
      const places = figures.filter(({ what }) => what === piece).map(({ at, values }) => [across(at!.value), up(median(values))] as const);
      return [line(places, colourOf(piece), 2), ...places.map(([px, py]) => dot(px, py, colourOf(piece)))];
    }),
  ];
}

function colourOf(piece: string): string {
  return COLOURS[['deltaimport', 'plugin and deltastream', 'deltamirror'].indexOf(piece)] ?? GREY;
}

/** Bars of seconds, each benchmark by its own scale; ours in colour. */
function comparison(results: Results): string | undefined {
  const shapes: string[] = [];
  let y = 10;
  for (const benchmark of COMPARED) {
    const sides = (results[benchmark]?.figures ?? []).filter(({ unit, what }) => unit === 's' && !/, start|nothing to apply|acknowledged/.test(what));
    if (sides.length === 0) continue;
    const longest = Math.max(...sides.map(({ values }) => median(values)));
    shapes.push(text(10, y + 18, `${benchmark}, seconds`, { bold: true }));
    y += BAR.head;
    for (const { what, values } of sides) {
      const seconds = median(values);
      const width = ((BAR.width - BAR.label - BAR.value) * seconds) / longest;
      shapes.push(text(BAR.label - 8, y + 12, what, { anchor: 'end' }), rectangle(BAR.label, y, width, BAR.height, isOurs(what) ? COLOURS[0] : '#b8bec6'), text(BAR.label + width + 6, y + 12, seconds.toFixed(2), { fill: GREY }));
      y += BAR.height + BAR.gap;
    }
  }
  return shapes.length === 0 ? undefined : document(BAR.width, y + 10, shapes);
}

function isOurs(what: string): boolean {
  return /^delta|deltastream|^ids/.test(what) && !what.endsWith('C loop');
}
