import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

const ATTEMPTS = 20;

/** An empty folder that goes away with the test. */
export function temporaryFolder(t: TestContext): string {
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
