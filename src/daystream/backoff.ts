/** How long to wait before something that failed is tried again. */
import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_MS = 100;
const MOST_MS = 10_000;

/** Milliseconds before the attempt behind so many failures: 0.1 s, doubling to 10 s. */
export function backoffMs(failures: number): number {
  const most = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 30));
  return most * (0.5 + Math.random() / 2); // ten thousand hosts must not come back at one moment
}

/** Waits; throws the signal's reason as soon as it is aborted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
