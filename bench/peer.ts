/**
 * The nearest peer that npm has: zero-cache, a process in TypeScript that keeps a SQLite replica of
 * Postgres by logical replication. Installed for the measurement and gone with it; run as its
 * documentation says for one node (https://zero.rocicorp.dev/docs/self-host), all else at its defaults.
 */
import { join } from 'node:path';
import { freePort } from '../dev/postgres.js';
import type { Figure } from './figure.js';
import { TABLE } from './flights.js';
import { LAST_ALTITUDE } from './load.js';
import { runLive, runLoad } from './path.js';
import { dropSlot } from './slots.js';
import type { Workbench } from './workbench.js';

const PEER = { package: '@rocicorp/zero', version: '1.9.0', sqlite: '@rocicorp/zero-sqlite3', nodeMajor: 22 };
const NAME = `${PEER.package} ${PEER.version}`;

interface Peer { readonly folder: string; readonly node: string }

export async function peer(bench: Workbench): Promise<Figure[]> {
  const installed = await install(bench);
  if (installed === undefined) return [];
  const theirs = await measure(bench, installed);
  bench.tell(`${NAME}: first copy ${theirs.imported.toFixed(2)} s, updates ${theirs.seconds.toFixed(2)} s`);
  const ours = await runLive(bench, 'peer_ours');
  const figure = (what: string, unit: Figure['unit'], value: number): Figure => ({ benchmark: 'peer', what, unit, values: [value] });
  return [
    figure(`first copy: ${NAME}`, 's', theirs.imported),
    figure('first copy: deltaimport', 's', ours.imported),
    figure(`updates, sent to visible: ${NAME}`, 's', theirs.seconds),
    figure('updates, sent to visible: deltastream and deltamirror', 's', ours.seconds),
    figure(`first copy: ${NAME} / deltaimport`, '×', theirs.imported / ours.imported),
    figure(`updates: ${NAME} / deltastream and deltamirror`, '×', theirs.seconds / ours.seconds),
  ];
}

/** Into a folder of the workbench, with a Node that it runs on; undefined, and said, where npm does not bring it. */
async function install(bench: Workbench): Promise<Peer | undefined> {
  const folder = bench.directory('peer');
  const isNewEnough = Number(process.versions.node.split('.')[0]) >= PEER.nodeMajor;
  const node = `node-${process.platform}-${process.arch}`;
  try {
    bench.tell(`installing ${NAME}`);
    await bench.program('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', `${PEER.package}@${PEER.version}`, ...(isNewEnough ? [] : [`${node}@${PEER.nodeMajor}`])], 'postgres').ended;
    return { folder, node: isNewEnough ? process.execPath : join(folder, 'node_modules', node, 'bin/node') };
  } catch (error) {
    if (bench.isClosing) throw error;
    bench.tell(`${NAME} is not to be had here, so it is left out: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function measure(bench: Workbench, { folder, node }: Peer): Promise<{ imported: number; seconds: number }> {
  const database = await bench.database('peer_theirs');
  const replica = bench.path('zero.db');
  const see = (sql: string) => bench.program(node, [join(import.meta.dirname, 'peer-reader.js'), join(folder, 'node_modules', PEER.sqlite), replica, sql], database).ended;
  const environment = {
    NODE_ENV: 'production', DO_NOT_TRACK: '1', ZERO_ADMIN_PASSWORD: 'bench', ZERO_LOG_LEVEL: 'error',
    ZERO_UPSTREAM_DB: bench.server.url(database), ZERO_REPLICA_FILE: replica,
    ZERO_PORT: String(await freePort()), ZERO_CHANGE_STREAMER_PORT: String(await freePort()),
  };
  bench.settle();
  const started = performance.now();
  const cache = bench.program(node, [join(folder, 'node_modules/.bin/zero-cache')], database, environment);
  const failed = cache.ended.then(() => { throw new Error(`${NAME} ended`); });
  failed.catch(() => {}); // it ends some time
  await Promise.race([see(`SELECT count(*) = ${bench.sizes.rows} FROM ${TABLE}`), failed]);
  const imported = (performance.now() - started) / 1000;
  const seconds = await bench.withClient(database, async (client) => {
    await client.query(`update ${TABLE} set altitude = -1 where id = 2`);
    await Promise.race([see(`SELECT altitude = -1 FROM ${TABLE} WHERE id = 2`), failed]); // from here on it follows
    return runLoad(bench, client, [], () => Promise.race([see(`SELECT altitude = ${LAST_ALTITUDE} FROM ${TABLE} WHERE id = 1`), failed]));
  });
  await cache.stop();
  const slots = await bench.server.query<{ slot_name: string }>(`select slot_name from pg_replication_slots where database = '${database}'`);
  await bench.withClient(database, async (client) => { for (const { slot_name } of slots) await dropSlot(client, slot_name); });
  return { imported, seconds };
}
