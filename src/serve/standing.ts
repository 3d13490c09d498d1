/** Tells `daystream prune` from which segment on somebody follows, so that none of it is removed meanwhile. */
import { OpenReader } from '../daystream/hosts.js';
import { reasonOf } from '../errors.js';
import type { Tails } from './tails.js';

const LOOK_MS = 1000;

/** Keeps the file of this process in the log's folder as long as anybody follows. Gives what ends it. */
export function reportStanding(folder: string, tails: Tails, tell: (text: string) => void): () => void {
  let reader: OpenReader | undefined;
  let oldest: string | undefined;
  const drop = () => {
    reader?.close();
    reader = undefined;
  };
  const timer = setInterval(() => {
    const segment = [...tails].map(({ name }) => name).sort()[0];
    try {
      if (segment !== oldest) drop(); // said at once; else at times
      oldest = segment;
      if (segment !== undefined) reader ??= OpenReader.open(folder, 'serve', { segment });
      if (segment !== undefined) reader?.stands({ segment });
    } catch (error) {
      tell(reasonOf(error));
    }
  }, LOOK_MS);
  return () => {
    clearInterval(timer);
    drop();
  };
}
