/** The password file of libpq. Source: PostgreSQL documentation, "The Password File". */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const OTHERS_MAY_READ = 0o077;

/** The password of the first line that fits, or undefined. As libpq does, a file that others may read is ignored. */
export function passwordFromFile(host: string, port: number, database: string, user: string): string | undefined {
  const path = process.env.PGPASSFILE ?? join(homedir(), '.pgpass');
  if (!existsSync(path) || (statSync(path).mode & OTHERS_MAY_READ) !== 0) return undefined;
  const wanted = [host.startsWith('/') ? 'localhost' : host, String(port), database, user];
  for (const line of readFileSync(path, 'utf8').split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = splitFields(line);
    if (fields.length >= 5 && wanted.every((value, i) => fields[i] === '*' || fields[i] === value)) return fields[4];
  }
  return undefined;
}

/** Fields stand between colons; a backslash makes the next character plain. */
function splitFields(line: string): string[] {
  const fields = [''];
  for (let i = 0; i < line.length; i++) {
    if (line[i] === ':' && fields.length < 5) fields.push('');
    else fields[fields.length - 1] += line[i] === '\\' && i + 1 < line.length ? line[++i] : line[i];
  }
  return fields;
}
