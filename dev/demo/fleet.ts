/**
 * What the demo's Postgres is busy with: flights that climb, cruise and land. Each transaction is
 * a radar sweep that moves some of them; who has landed is deleted, and another departs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

export const TABLES = ['airports', 'flights', 'sweeps'] as const;

const FLEET_SIZE = 300;
const MOVED_PER_SWEEP = 10;
const SWEEP_EVERY_MS = 5;
const CLIMB_UNTIL = 0.12;
const DESCEND_FROM = 0.8;

const AIRPORTS: readonly (readonly [code: string, city: string, lat: number, lon: number])[] = [
  ['KIAH', 'Houston', 29.98, -95.34], ['KJFK', 'New York', 40.64, -73.78], ['KLAX', 'Los Angeles', 33.94, -118.41],
  ['KORD', 'Chicago', 41.98, -87.9], ['KSEA', 'Seattle', 47.45, -122.31], ['KDEN', 'Denver', 39.86, -104.67],
  ['KMIA', 'Miami', 25.79, -80.29], ['KBOS', 'Boston', 42.36, -71.01], ['KATL', 'Atlanta', 33.64, -84.43],
  ['CYYZ', 'Toronto', 43.68, -79.63], ['EGLL', 'London', 51.48, -0.46], ['LFPG', 'Paris', 49.01, 2.55],
];
const AIRLINES = ['UAL', 'DAL', 'AAL', 'SWA', 'BAW', 'AFR', 'ACA'];

const DDL = `
  CREATE TABLE airports (code text PRIMARY KEY, city text NOT NULL, lat double precision NOT NULL, lon double precision NOT NULL);
  CREATE TABLE flights (
    id text PRIMARY KEY, origin text NOT NULL, dest text NOT NULL, state text NOT NULL,
    lat double precision NOT NULL, lon double precision NOT NULL, alt integer NOT NULL, speed integer NOT NULL, heading integer NOT NULL,
    seen timestamptz NOT NULL DEFAULT clock_timestamp());
  CREATE INDEX flights_dest ON flights (dest);
  CREATE TABLE sweeps (id bigint PRIMARY KEY, moved integer NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());`;

const MOVE = {
  name: 'move',
  text: `UPDATE flights f SET state = u.state, lat = u.lat, lon = u.lon, alt = u.alt, speed = u.speed, heading = u.heading, seen = clock_timestamp()
    FROM unnest($1::text[], $2::text[], $3::float8[], $4::float8[], $5::int[], $6::int[], $7::int[]) u (id, state, lat, lon, alt, speed, heading) WHERE f.id = u.id`,
};
const DEPART = { name: 'depart', text: 'INSERT INTO flights (id, origin, dest, state, lat, lon, alt, speed, heading) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)' };
const LAND = { name: 'land', text: 'DELETE FROM flights WHERE id = $1' };
const SWEEP = { name: 'sweep', text: 'INSERT INTO sweeps (id, moved) VALUES ($1, $2)' };

interface Flight {
  readonly id: string;
  readonly origin: number;
  readonly dest: number;
  /** Of the way, 0 to 1. */
  progress: number;
  readonly step: number;
  readonly cruise: number;
}

export class Fleet {
  readonly #client: pg.Client;
  readonly #flights: Flight[] = [];
  readonly #ids = new Set<string>();
  #sweeps = 0;
  #landing = false;
  #flight: Promise<void> | undefined;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  /** Makes the tables and the first flights, somewhere on their way. */
  static async create(client: pg.Client): Promise<Fleet> {
    await client.query(DDL);
    for (const airport of AIRPORTS) await client.query('INSERT INTO airports VALUES ($1, $2, $3, $4)', [...airport]);
    const fleet = new Fleet(client);
    for (let i = 0; i < FLEET_SIZE; i++) await fleet.#depart(Math.random());
    return fleet;
  }

  /** Sweeps committed. */
  get sweeps(): number { return this.#sweeps; }

  /** Sweeps at a steady pace until `land`. `committing` is called when a COMMIT goes out, with the sweep's number and the rows it wrote. */
  async fly(committing: (sweep: number, rows: number) => void): Promise<void> {
    const start = performance.now();
    this.#flight = (async () => {
      while (!this.#landing) {
        await this.#sweep(committing);
        await sleep(Math.max(0, start + this.#sweeps * SWEEP_EVERY_MS - performance.now()));
      }
    })();
    await this.#flight;
  }

  /** Ends the flight, with the last sweep committed. */
  async land(): Promise<void> {
    this.#landing = true;
    await this.#flight;
  }

  async #sweep(committing: (sweep: number, rows: number) => void): Promise<void> {
    const sweep = this.#sweeps + 1;
    await this.#client.query('BEGIN');
    const moved = this.#advance();
    const rows = moved.map((flight) => rowOf(flight));
    await this.#client.query({ ...MOVE, values: [rows.map((row) => row[0]), ...[3, 4, 5, 6, 7, 8].map((i) => rows.map((row) => row[i]))] });
    const landed = moved.filter(({ progress }) => progress >= 1);
    for (const flight of landed) await this.#replace(flight);
    await this.#client.query({ ...SWEEP, values: [sweep, moved.length] });
    committing(sweep, moved.length + 2 * landed.length + 1);
    await this.#client.query('COMMIT');
    this.#sweeps = sweep;
  }

  /** Moves some flights on. */
  #advance(): Flight[] {
    const start = Math.floor(Math.random() * (FLEET_SIZE - MOVED_PER_SWEEP));
    const moved = this.#flights.slice(start, start + MOVED_PER_SWEEP);
    for (const flight of moved) flight.progress = Math.min(1, flight.progress + flight.step);
    return moved;
  }

  async #replace(landed: Flight): Promise<void> {
    await this.#client.query({ ...LAND, values: [landed.id] });
    this.#flights.splice(this.#flights.indexOf(landed), 1);
    this.#ids.delete(landed.id);
    await this.#depart(0);
  }

  async #depart(progress: number): Promise<void> {
    let id: string;
    do id = `${AIRLINES[Math.floor(Math.random() * AIRLINES.length)]}${100 + Math.floor(Math.random() * 900)}`; while (this.#ids.has(id));
    const origin = Math.floor(Math.random() * AIRPORTS.length);
    const dest = (origin + 1 + Math.floor(Math.random() * (AIRPORTS.length - 1))) % AIRPORTS.length;
    const flight = { id, origin, dest, progress, step: 0.002 + Math.random() * 0.003, cruise: 31_000 + 1000 * Math.floor(Math.random() * 10) };
    this.#ids.add(id);
    this.#flights.push(flight);
    await this.#client.query({ ...DEPART, values: rowOf(flight) });
  }
}

type FlightRow = [id: string, origin: string, dest: string, state: string, lat: number, lon: number, alt: number, speed: number, heading: number];

function rowOf({ id, origin, dest, progress, cruise }: Flight): FlightRow {
  const [from, , fromLat, fromLon] = AIRPORTS[origin];
  const [to, , toLat, toLon] = AIRPORTS[dest];
  const height = Math.min(1, progress / CLIMB_UNTIL, (1 - progress) / (1 - DESCEND_FROM));
  const state = progress < CLIMB_UNTIL ? 'climbing' : progress < DESCEND_FROM ? 'cruising' : 'descending';
  const heading = Math.round((Math.atan2(toLon - fromLon, toLat - fromLat) * 180) / Math.PI + 360) % 360;
  return [id, from, to, state, fromLat + (toLat - fromLat) * progress, fromLon + (toLon - fromLon) * progress, 25 * Math.round((cruise * height) / 25), 140 + Math.round(340 * height), heading];
}
