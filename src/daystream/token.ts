/** The secret that a reader shows and `daystream serve` asks for: from a file or the environment, never from a command line. */
import { readFileSync } from 'node:fs';
import { DeltaError, reasonOf } from '../errors.js';

export const TOKEN_VARIABLE = 'DAYSTREAM_TOKEN';
const SHORTEST = 16;
const MAKE_ONE = 'make one: openssl rand -hex 32 > token';

/**
 * The token in the first line of `file`, else the one in DAYSTREAM_TOKEN; undefined where
 * neither is given. Throws DeltaError `config` where the file cannot be read, or what is
 * there can be guessed or cannot stand in a header. No message holds any of it.
 */
export function readToken(file: string | undefined, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const [place, text] = file === undefined ? [TOKEN_VARIABLE, env[TOKEN_VARIABLE]] : [file, read(file)];
  if (text === undefined) return undefined;
  const token = text.split(/\r?\n/, 1)[0];
  if (token.length < SHORTEST) throw new DeltaError('config', `${place}: a token of ${token.length} characters can be guessed`, { hint: MAKE_ONE });
  if (!/^[\x21-\x7e]+$/.test(token)) throw new DeltaError('config', `${place}: a token is of visible ASCII characters, without spaces`, { hint: MAKE_ONE });
  return token;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new DeltaError('config', `${file}: ${reasonOf(cause)}`, { hint: 'give --token-file a file that this user may read', cause });
  }
}
