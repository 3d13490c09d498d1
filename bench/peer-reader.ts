/** Ends when the peer's replica answers a question with 1, asked by the peer's own SQLite: its files are read by no other. */
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

interface Reader { prepare(sql: string): { pluck(): { get(): unknown } }; close(): void }
type Open = new (path: string, options: { readonly: true; fileMustExist: true }) => Reader;

const POLL_MS = 5;
const GIVE_UP_MS = 20 * 60_000;

const [library, replica, sql] = process.argv.slice(2);
const Database = createRequire(import.meta.url)(library) as Open;
while (!answers()) {
  if (performance.now() > GIVE_UP_MS) throw new Error(`${replica}: ${sql}: not within ${GIVE_UP_MS / 60_000} minutes`);
  await sleep(POLL_MS);
}

/** False as well while there is no such file or table yet. */
function answers(): boolean {
  try {
    const reader = new Database(replica, { readonly: true, fileMustExist: true });
    try {
      return reader.prepare(sql).pluck().get() === 1;
    } finally {
      reader.close();
    }
  } catch {
    return false;
  }
}
