/** The access log: one line for each answer. */
import type { Answered } from './answers.js';

export function logLine({ address, method, asked, status, bytes, seconds, isWhole }: Answered): string {
  return `${new Date().toISOString()} ${address} ${what(method, asked)} ${status} ${bytes} ${seconds.toFixed(3)}${isWhole ? '' : ' broken off'}\n`;
}

function what(method: string, asked: Answered['asked']): string {
  if (asked === undefined) return '-';
  const name = asked.kind === 'index' ? 'index' : asked.name;
  return `${method} ${name}${asked.kind === 'live' ? `?live from ${asked.from}` : ''}`;
}
