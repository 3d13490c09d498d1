import { DeltaError } from '../errors.js';
import { backoffMs, pause } from './backoff.js';
import type { Transport } from './transport.js';

/**
 * Does it again, from fresh bytes, where what was read is not of the log, as often as the
 * transport's patience is: a place is looked for here and there, where no chain tells whether
 * the bytes are right. Throws the last DeltaError.
 */
export async function patiently<T>(transport: Transport, work: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work();
    } catch (error) {
      if (!isOfLog(error) || failures > transport.patience) throw error;
      await giveRest(transport, failures);
    }
  }
}

/** True for what may be another way when the bytes are read again. */
export function isOfLog(error: unknown): boolean {
  return error instanceof DeltaError && (error.code === 'log-damaged' || error.code === 'log-missing');
}

/** Before bytes are read again for the so-manieth time; at once for the first time, since a writer that was started again has cut its torn tail. */
export async function giveRest(transport: Transport, failures: number): Promise<void> {
  if (failures > 1) await pause(backoffMs(failures - 1));
  transport.reset();
}
