/** The systemd units of examples/, read as systemd reads them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const UNITS = resolve(import.meta.dirname, '../../../examples/systemd');

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** What stands for an instance, the state folder and the credentials. */
export interface Specifiers { readonly i: string; readonly S: string; readonly d: string }

export function unitNames(): string[] {
  return readdirSync(UNITS);
}

export class Unit {
  readonly #lines: readonly (readonly [key: string, value: string])[];

  constructor(name: string, specifiers: Specifiers) {
    const text = readFileSync(join(UNITS, name), 'utf8').replace(/%(\w)/g, (_, letter: keyof Specifiers) => specifiers[letter]);
    this.#lines = text.split('\n').filter((line) => /^\w+=/.test(line)).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  }

  values(key: string): string[] {
    return this.#lines.filter(([name]) => name === key).map(([, value]) => value);
  }

  get environment(): Record<string, string> {
    return Object.fromEntries(this.values('Environment').map((value) => value.replace(/^"(.*)"$/, '$1').split(/=(.*)/s).slice(0, 2)));
  }

  /** Its ExecStart lines; a `$NAME` that stands alone is several words. */
  get commands(): Command[] {
    const { environment } = this;
    return this.values('ExecStart').map((line) => {
      const [path, ...words] = line.split(' ').flatMap((word) => (word.startsWith('$') ? environment[word.slice(1)].split(' ') : [word]));
      return { program: path.replace('/usr/bin/', ''), args: words };
    });
  }
}
