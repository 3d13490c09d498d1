import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ATTEMPTS = 20;

/** What something ends with: a test, or a run that is none. */
export interface Ending {
  after(end: () => unknown): void;
}

/** An empty folder that goes away with the test. */
export function temporaryFolder(t: Ending): string {
  const path = mkdtempSync(join(tmpdir(), 'deltamirror-test-'));
  t.after(() => remove(path, ATTEMPTS));
  return path;
}

/** A process of the test may make a file there until it is killed. */
function remove(path: string, attempts: number): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    if (attempts === 1) throw error;
    remove(path, attempts - 1);
  }
}
