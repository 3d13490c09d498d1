/** The thread of checkpoint-thread.ts: a connection of its own, which does nothing but checkpoints. */
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { reasonOf } from '../errors.js';
import type { Asked, Answer } from './checkpoint-thread.js';
import { checkpoint } from './wal.js';

const port = parentPort!;
const cache = new Database(workerData as string, { fileMustExist: true, timeout: 0 });
cache.pragma('synchronous = NORMAL');

port.on('message', (asked: Asked) => {
  if (asked === 'end') {
    cache.close();
    port.close();
    return;
  }
  port.postMessage(answer());
});

function answer(): Answer {
  try {
    return { frames: checkpoint(cache, 'PASSIVE') };
  } catch (error) {
    return { problem: reasonOf(error) };
  }
}
