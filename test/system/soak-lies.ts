/** Every lie at every byte: the parts of test/daystream/lies.test.ts side by side, one for each processor. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Random } from '../support/random.js';

const TEST = join(import.meta.dirname, '../daystream/lies.test.js');

/** `share` of all places, from 0 to 1. Gives the number of parts that failed. */
export async function soakLies(share: number, say: (text: string) => void): Promise<number> {
  const parts = availableParallelism();
  const { seed } = new Random();
  say(`lies in ${parts} parts, SEED=${seed}`);
  const failed = await Promise.all(Array.from({ length: parts }, async (_, part) => {
    const env = { ...process.env, SEED: String(seed), LIES_SHARE: String(share), LIES_MB: '50', LIES_PLACES: String(Math.ceil(10_000 * share)), LIES_PART: `${part}/${parts}` };
    const child = spawn(process.execPath, ['--test-reporter=spec', TEST], { env, stdio: 'inherit' });
    const [code] = await once(child, 'exit');
    return code !== 0;
  }));
  return failed.filter(Boolean).length;
}
