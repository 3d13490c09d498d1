/** The commands as they are installed: bundled, where the bundles are of these sources; else as the compiler left them. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';

const DIST = resolve(import.meta.dirname, '..');

/** The path of a command's program; `room` is its folder in src/. */
export function programPath(room: 'inspect' | 'deltastream' | 'import' | 'deltamirror'): string {
  const [bundled, compiled] = ['bin', 'src'].map((folder) => resolve(DIST, folder, room, 'main.js'));
  return (statSync(bundled, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= statSync(compiled).mtimeMs ? bundled : compiled;
}
