/** What the plots are drawn with: shapes as SVG text, on white, so that they read on a dark page too. */

export const COLOURS = ['#1f6fb4', '#d9622b', '#3a8f4d', '#8250a8', '#8a6d1f'];
export const GREY = '#666';
const FONT = 'font-family="system-ui, sans-serif" font-size="12"';

export function document(width: number, height: number, shapes: readonly string[]): string {
  return [`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${FONT}>`, rectangle(0, 0, width, height, '#fff'), ...shapes, '</svg>', ''].join('\n');
}

export function rectangle(x: number, y: number, width: number, height: number, fill: string): string {
  return `<rect x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" fill="${fill}"/>`;
}

export function line(points: readonly (readonly [x: number, y: number])[], stroke: string, width = 1): string {
  return `<polyline points="${points.map(([x, y]) => `${n(x)},${n(y)}`).join(' ')}" fill="none" stroke="${stroke}" stroke-width="${width}"/>`;
}

export function dot(x: number, y: number, fill: string): string {
  return `<circle cx="${n(x)}" cy="${n(y)}" r="3" fill="${fill}"/>`;
}

export type Anchor = 'start' | 'middle' | 'end';

export function text(x: number, y: number, said: string, { anchor = 'start', fill = '#222', bold = false }: { anchor?: Anchor; fill?: string; bold?: boolean } = {}): string {
  const escaped = said.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${n(x)}" y="${n(y)}" text-anchor="${anchor}" fill="${fill}"${bold ? ' font-weight="600"' : ''}>${escaped}</text>`;
}

/** 1,500 as 1.5k. */
export function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

/** The least of 1, 2 and 5 times a power of ten that is not below it. */
export function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((times) => times * power).find((each) => each >= value)!;
}

function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}
