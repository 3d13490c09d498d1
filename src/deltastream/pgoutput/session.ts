/** What a connection with pgoutput begins with: its options, the settings that values are printed by, and the translator. */
import { join } from 'node:path';
import type pg from 'pg';
import type { Lsn } from '../../daystream/lsn.js';
import { readCatalogState } from '../catalog-state.js';
import { publicationOf, type StreamOptions } from '../options.js';
import { pinSettings, placeOf } from '../../postgres/connection.js';
import { translate } from '../../postgres/failure.js';
import { ShapeSource } from '../../postgres/shape-source.js';
import { readWordsKey } from '../signed-words.js';
import { LeafNotes } from './leaf-notes.js';
import { CatalogShapes } from './shapes.js';
import { Translator } from './translator.js';

/** In the folder of the log, for what waits for its commit. */
const SPOOL_FOLDER = '.spool';

export interface Session {
  /** Of START_REPLICATION. */
  readonly options: Readonly<Record<string, string>>;
  readonly translator: Translator;
  close(): void;
}

/** `isNew`: the log has nothing yet; it has what was committed before `lsn`. Throws DeltaError where the server cannot be asked. */
export async function openSession(replication: pg.Client, options: StreamOptions, { isNew, lsn }: { readonly isNew: boolean; readonly lsn: Lsn }, stop: AbortSignal): Promise<Session> {
  const { version, xid } = await prepareConnection(replication);
  const source = await ShapeSource.open(options.pg);
  try {
    const shapes = await CatalogShapes.open(source, options, await readCatalogState(options.out), isNew, readWordsKey(options.out), new LeafNotes(options.out, isNew));
    const translator = new Translator({ messages: options.messages, spoolFolder: join(options.out, SPOOL_FOLDER), xid, lsn, stop }, shapes);
    return {
      options: pgoutputOptions(version, publicationOf(options) ?? options.slot, options.messages),
      translator,
      close() {
        translator.close();
        shapes.close();
      },
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

/**
 * Major versions, and the newest protocol that each speaks. Asked for are logical messages, and large
 * transactions as they go on; the latter not where messages are to be in the log, since in them the
 * server does not tell which of those a savepoint took back.
 */
export function pgoutputOptions(version: number, publication: string, messages?: string): Record<string, string> {
  return {
    proto_version: version >= 16 ? '4' : version === 15 ? '3' : '2',
    publication_names: `"${publication.replaceAll('"', '""')}"`,
    messages: 'true',
    streaming: messages === undefined ? 'on' : 'off',
    ...(version >= 16 ? { origin: 'any' } : {}),
  };
}

/** The plugin of ours pins the settings itself; pgoutput prints by those of the connection. */
async function prepareConnection(replication: pg.Client): Promise<{ version: number; xid: bigint }> {
  try {
    await pinSettings(replication);
    const { rows: [{ version, xid }] } = await replication.query<{ version: string; xid: string }>(`
      select current_setting('server_version_num') as version, pg_snapshot_xmax(pg_current_snapshot())::text as xid`);
    return { version: Math.floor(Number(version) / 10_000), xid: BigInt(xid) };
  } catch (cause) {
    throw translate(cause, placeOf(replication));
  }
}
