import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeltaError } from '../../src/errors.js';
import { bindFilter, type BoundFilter } from '../../src/filter/bind.js';
import { parseFilter } from '../../src/filter/parse.js';

const COLUMNS = Object.entries({
  id: 'bigint', n: 'numeric(10,2)', r: 'real', f: 'double precision', ok: 'boolean', dest: 'character varying(4)', code: 'character(3)', u: 'uuid', day: 'date', at: 'timestamp(3) without time zone',
  seen: 'timestamp with time zone', clock: 'time without time zone', mood: 'public.mood', feel: 'other."my.mood"', tags: 'text[]', moods: 'public.mood[]', doc: 'jsonb', mail: 'public.citext', place: 'public.geometry(Point,4326)',
  span: 'interval', ip: 'inet', blob: 'bytea', cash: 'money', Odd: 'text', zoned: 'time(3) with time zone',
}).map(([name, type]) => ({ name, type }));

const bind = (text: string): BoundFilter => bindFilter(parseFilter(text), COLUMNS);

function refusal(text: string): DeltaError {
  try {
    bind(text);
  } catch (error) {
    assert.ok(error instanceof DeltaError && error.code === 'usage', String(error));
    return error;
  }
  throw new assert.AssertionError({ message: `${text} was not refused` });
}

function assertRefused(expected: Readonly<Record<string, string>>): void {
  for (const [text, reason] of Object.entries(expected)) {
    const { message, hint } = refusal(text);
    const whole = hint === undefined ? message : `${message} — ${hint}`;
    assert.ok(whole.startsWith(`--where ${parseFilter(text).text}: ${reason}`), whole);
  }
}

test('a column that is not there is refused, with the one that was meant', () => {
  assertRefused({
    'dst = 1': 'no column dst — did you mean dest?',
    'odd IS NULL': 'no column odd — did you mean "Odd"?',
    '"ID" = 1': 'no column "ID" — did you mean id?',
    'nothing_like_it = 1': 'no column nothing_like_it — the columns are id, n, r, ',
    'ctid IS NULL': 'no column ctid',
  });
});

test('types that do not go together are refused', () => {
  assertRefused({
    'id = dest': 'id is bigint and dest is character varying(4) do not compare',
    'n = f': 'n is numeric(10,2) and f is double precision do not compare',
    'day = at': 'day is date and at is timestamp(3) without time zone do not compare',
    'at < seen': 'at is timestamp(3) without time zone and seen is timestamp with time zone do not compare',
    'u = dest': 'u is uuid and dest is character varying(4) do not compare',
    'mood = feel': 'mood is public.mood and feel is other."my.mood" do not compare',
    'id': 'id is bigint and cannot stand alone as a condition — compare it, as in id IS NOT NULL',
    'id IS TRUE': 'id is bigint and cannot stand alone as a condition',
    "id LIKE '5%'": 'id is bigint, and LIKE is for text, varchar, char and name',
    "mood LIKE 'h%'": 'mood is public.mood, and LIKE is for text, varchar, char and name',
  });
});

test('a literal that is no value of its column is refused, with what one looks like', () => {
  const expected: Record<string, string> = {};
  const none = (column: string, type: string, ...literals: string[]) => {
    for (const literal of literals) expected[`${column} = ${literal}`] = `${column} is ${type}, and ${literal} is no value of it — write `;
  };
  none('id', 'bigint', "'abc'", 'true', "'NaN'", "'Infinity'", "''", "'+1'", "' 1'", "'0x10'", "'1e'", '1e1001', '1e-1001', '1e999999999', '1e9999999999');
  none('n', 'numeric(10,2)', "'nan'", "'inf'", 'false');
  none('f', 'double precision', '1e309', '-1e309', '1e-400', "'1.1x'", "'-NaN'");
  none('ok', 'boolean', '1', "'t'", "'true'");
  none('dest', 'character varying(4)', '5', 'true');
  none('u', 'uuid', "'a0eebc999c0b4ef8bb6d6bb9bd380a11'", "'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'", '5');
  none('day', 'date', "'2026-02-29'", "'2026-13-01'", "'0000-01-01'", "'01/02/2026'", "'2026-1-1'", "'today'", "'now'", "'44-03-15 BC'", "'10000-01-01'", "'2026-01-01 00:00'", '20260101', "'2026-00-10'", "'2026-01-00'");
  none('at', 'timestamp(3) without time zone', "'2026-01-01 24:00'", "'2026-01-01 00:00:60'", "'2026-01-01 00:60'", "'2026-01-01 00:00Z'", "'2026-01-01 00:00+00'", "'2026-01-01 00:00:00.1234567'", "'2026-01-01  00:00'", "'2026-01-01T'", "'epoch'");
  none('seen', 'timestamp with time zone', "'2026-01-01'", "'2026-01-01 00:00'", "'2026-01-01Z'", "'2026-01-01 00:00+16:00'", "'2026-01-01 00:00+02:60'", "'2026-01-01 00:00 UTC'", "'2026-01-01 00:00+0200'", "'2026-01-01-08:00'");
  none('clock', 'time without time zone', "'24:00:01'", "'25:00'", "'1:00'", "'12:00 PM'", "'infinity'", "'12:00Z'");
  none('mood', 'public.mood', '5', 'true');
  assertRefused(expected);
});

test('types whose text would mislead can be asked for NULL alone', () => {
  for (const column of ['tags', 'moods', 'doc', 'mail', 'place', 'span', 'ip', 'blob', 'cash', 'zoned']) {
    const type = COLUMNS.find(({ name }) => name === column)!.type;
    assertRefused({ [`${column} = 'x'`]: `${column} is ${type}, a type that a filter does not compare — write ${column} IS NULL or IS NOT NULL, or choose by another column`, [`${column} IN ('x')`]: `${column} is`, [`${column} = ${column}`]: `${column} is` });
    assert.equal(bind(`${column} IS NULL`).holds(() => null), true);
  }
});

test('an order that a text does not tell is refused', () => {
  assertRefused({
    "mood < 'x'": 'mood is public.mood, whose order a text does not tell: < is refused — write =, <>, IN or IS NULL',
    "feel BETWEEN 'a' AND 'b'": 'feel is other."my.mood", whose order a text does not tell: >= is refused',
    "'a' <= mood": 'mood is public.mood, whose order a text does not tell: >= is refused',
  });
});

test("a row's values are asked for by the column's own name, and only those that are needed", () => {
  const asked: string[] = [];
  const held = bind('"Odd" = \'x\' OR ok AND id > 5').holds((name) => {
    asked.push(name);
    return name === 'Odd' ? 'x' : null;
  });
  assert.deepEqual([held, asked], [true, ['Odd']]);
});
