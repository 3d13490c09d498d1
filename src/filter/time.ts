/**
 * Dates and times. Literals are ISO 8601 alone and become the text that Postgres prints for
 * that moment; compared are such texts, which for the years 1 to 9999 sort as they stand.
 */

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const TIME = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?$/;
const ZONE = /(Z|[+-]\d\d(?::\d\d)?)$/;
/** Postgres's own limit for an offset. */
const ZONE_LIMIT_MINUTES = 16 * 60;
const MINUTE_MS = 60_000;

/** Postgres's text of a date literal; undefined where it is none. */
export function readDate(text: string): string | undefined {
  return readInfinity(text) ?? (isDate(text) ? text : undefined);
}

/** Postgres's text of a time literal: 00:00 to 24:00. */
export function readTime(text: string): string | undefined {
  if (/^24:00(:00(\.0{1,6})?)?$/.test(text)) return '24:00:00';
  return readClock(text);
}

/** Postgres's text of a timestamp literal: a date alone, or date and time with a blank or T between them. */
export function readTimestamp(text: string): string | undefined {
  const [date, clock, ...more] = text.split(/[T ]/);
  const time = clock === undefined ? '00:00:00' : readClock(clock);
  return readInfinity(text) ?? (isDate(date) && time !== undefined && more.length === 0 ? `${date} ${time}` : undefined);
}

/** Postgres's text, in UTC, of a timestamptz literal: a timestamp with Z or an offset. */
export function readTimestamptz(text: string): string | undefined {
  const infinity = readInfinity(text);
  if (infinity !== undefined) return infinity;
  const zone = ZONE.exec(text);
  // A date alone would end in what looks like an offset; only a time has one.
  const local = zone === null || !text.includes(':') ? undefined : readTimestamp(text.slice(0, zone.index));
  const minutes = zone === null ? undefined : offsetMinutes(zone[1]);
  if (local === undefined || minutes === undefined || DATE.test(text.slice(0, zone?.index))) return undefined;
  return shifted(local, minutes);
}

/** The order in time of two texts that Postgres printed. */
export function compareTimes(a: string, b: string): number {
  const [rankA, rankB] = [rank(a), rank(b)];
  if (rankA !== rankB) return rankA - rankB;
  if (rankA !== BEFORE_CHRIST) return a < b ? -1 : a > b ? 1 : 0;
  const [yearA, yearB] = [a.slice(0, a.indexOf('-')), b.slice(0, b.indexOf('-'))];
  if (yearA !== yearB) return Number(yearB) - Number(yearA);
  return a < b ? -1 : a > b ? 1 : 0;
}

const BEFORE_CHRIST = 1;

/** What decides before the text does: infinities, the era, and how many digits a year has. */
function rank(text: string): number {
  if (text.charCodeAt(4) === 0x2d && !text.endsWith('C')) return 4;
  if (text === '-infinity') return 0;
  if (text === 'infinity') return 100;
  return text.endsWith('BC') ? BEFORE_CHRIST : text.indexOf('-');
}

function readInfinity(text: string): string | undefined {
  return text === 'infinity' || text === '-infinity' ? text : undefined;
}

function isDate(text: string): boolean {
  const [, year, month, day] = (DATE.exec(text) ?? []).map(Number);
  if (year === undefined || year === 0 || month < 1 || month > 12) return false;
  return day >= 1 && day <= utc(year, month, 0).getUTCDate();
}

function readClock(text: string): string | undefined {
  const [whole, hour, minute, second = '00', fraction = ''] = TIME.exec(text) ?? [];
  if (whole === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const digits = fraction.replace(/0+$/, '');
  return `${hour}:${minute}:${second}${digits === '' ? '' : `.${digits}`}`;
}

function offsetMinutes(zone: string): number | undefined {
  if (zone === 'Z') return 0;
  const [hours, minutes = 0] = zone.slice(1).split(':').map(Number);
  const total = hours * 60 + minutes;
  if (minutes > 59 || total >= ZONE_LIMIT_MINUTES) return undefined;
  return zone.startsWith('-') ? -total : total;
}

/** The fraction of a second is carried over as text: a shift is of whole minutes. */
function shifted(local: string, minutes: number): string {
  const [date, clock] = local.split(' ');
  const [year, month, day] = date.split('-').map(Number);
  const moment = utc(year, month - 1, day);
  moment.setUTCHours(Number(clock.slice(0, 2)), Number(clock.slice(3, 5)));
  moment.setTime(moment.getTime() - minutes * MINUTE_MS);
  const shownYear = moment.getUTCFullYear();
  const two = (value: number) => String(value).padStart(2, '0');
  // There is no year 0: what JavaScript calls so is 1 BC.
  const era = shownYear > 0 ? '' : ' BC';
  const years = String(shownYear > 0 ? shownYear : 1 - shownYear).padStart(4, '0');
  return `${years}-${two(moment.getUTCMonth() + 1)}-${two(moment.getUTCDate())} ${two(moment.getUTCHours())}:${two(moment.getUTCMinutes())}${clock.slice(5)}+00${era}`;
}

/** Date.UTC would take the years 0 to 99 for 1900 to 1999. */
function utc(year: number, month: number, day: number): Date {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date;
}
