/** A server whose WAL comes in small pieces, so that a slot is soon behind. */
import { Server, type ServerOptions } from '../../dev/postgres.js';

export const SMALL_WAL: ServerOptions = {
  initdb: ['--encoding=UTF8', '--wal-segsize=1'],
  settings: { max_slot_wal_keep_size: '8MB', min_wal_size: '2MB', max_wal_size: '4MB', checkpoint_timeout: '1h', autovacuum: 'off' },
};

/** Writes so many megabytes of WAL. */
export async function writeWal(server: Server, megabytes: number, database = 'postgres'): Promise<void> {
  const client = await server.client(database);
  try {
    await client.query('create table if not exists filler (n int)');
    for (let i = 0; i < megabytes; i++) {
      await client.query('insert into filler values (1)');
      await client.query('select pg_switch_wal()');
    }
  } finally {
    await client.end();
  }
}
