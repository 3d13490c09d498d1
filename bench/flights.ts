/**
 * The table of all measurements: 12 columns of the usual types, about 137 bytes a row
 * as COPY text. And the load: updates by key, next to each other or far apart.
 */
import { transactionsOf, UPDATES_PER_TRANSACTION, type Sizes } from './sizes.js';

export const TABLE = 'flights';

/** Prime, and no divisor of any round number: multiples of it come by every row once. */
export const SCATTER = 611_953;

export const CREATE_TABLE = `
  create table ${TABLE} (
    id integer primary key,
    altitude integer not null,
    icao bigint not null,
    fuel numeric(10,2) not null,
    callsign text not null,
    route text not null,
    seen timestamptz not null,
    on_ground boolean not null,
    lat double precision not null,
    lon double precision not null,
    squawk varchar(10),
    day date not null
  )`;

/** Rows from `first` to `last`; every value follows from the id. */
export function insertRows(first: number, last: number): string {
  return `
    insert into ${TABLE}
    select i, 1000 + i % 40000, 10000000000 + i::bigint * 7, (i % 100000) / 7.0, 'UAL' || i % 10000,
           substr(md5(i::text), 1, 36) || ' ' || i % 10,
           timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second', i % 17 = 0,
           round((i % 180000 / 1000.0 - 90)::numeric, 3)::float8, round((i % 360000 / 1000.0 - 180)::numeric, 3)::float8,
           case when i % 20 <> 0 then lpad((i % 7777)::text, 4, '0') end, date '2026-01-01' + i % 365
      from generate_series(${first}, ${last}) i`;
}

export type Shape = 'contiguous' | 'spread';

/** Updates half of the rows, in transactions of 500: of ids in a row, or of ids all over the table. */
export function updateRows(sizes: Sizes, shape: Shape): string {
  const id = shape === 'contiguous' ? 'n + 1' : `n::bigint * ${SCATTER} % ${sizes.rows} + 1`;
  return `
    do $$ begin
      for t in 0 .. ${transactionsOf(sizes) - 1} loop
        update ${TABLE} set altitude = altitude + 1, lat = lat + 0.001, seen = seen + interval '1 second'
          from generate_series(t * ${UPDATES_PER_TRANSACTION}, (t + 1) * ${UPDATES_PER_TRANSACTION} - 1) n
         where id = ${id};
        commit;
      end loop;
    end $$`;
}
