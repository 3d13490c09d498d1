/**
 * Tells the log's folder where this mirror stands, so that `daystream prune` keeps what it
 * needs: as a registered host, which it stays while it is away, else as an open reader.
 */
import { OpenReader, writeHost, type Standing } from '../daystream/hosts.js';
import { formatPosition, type Position } from '../daystream/position.js';
import { isRemote } from '../daystream/transports/open.js';
import { DeltaError, reasonOf } from '../errors.js';

const EVERY_MS = 10_000;

export interface Told {
  /** The cache is closed. */
  end(): void;
}

/**
 * Tells it now and from time to time. `committed` gives what is committed to the cache. Throws DeltaError usage where a
 * log that is read through a network is to know of a host: nothing is written there.
 */
export function tellStanding(source: string, name: string | undefined, start: Position | undefined, committed: () => Position | undefined, tell: (text: string) => void): Told {
  if (isRemote(source)) {
    if (name !== undefined) throw new DeltaError('usage', `--register ${name}: the log at ${source} is only read from here`, { hint: `on its own host: daystream hosts add ${name} --position ${start === undefined ? '…' : formatPosition(start)} FOLDER` });
    return { end: () => {} };
  }
  const place = name === undefined ? OpenReader.open(source, 'mirror', standingAt(start)) : registered(source, name);
  // This user may not write there, and did not ask for it: nobody knows of this reader.
  if (place === undefined) return { end: () => {} };
  place.stands(standingAt(start));
  // A commit may go with a power loss that comes right behind it, so what is told is the one before.
  let before = start;
  let hasFailed = false;
  const say = (position: Position | undefined) => {
    try {
      place.stands(standingAt(position));
      hasFailed = false;
    } catch (error) {
      if (!hasFailed) tell(`where this mirror stands cannot be told, so the log keeps more than it needs: ${reasonOf(error)}`);
      hasFailed = true;
    }
  };
  const timer = setInterval(() => {
    say(before);
    before = committed() ?? before;
  }, EVERY_MS);
  timer.unref();
  return {
    end: () => {
      clearInterval(timer);
      if (name !== undefined) say(committed() ?? before);
      place.close();
    },
  };
}

/** A host stays registered when its mirror ends. */
function registered(source: string, name: string): Pick<OpenReader, 'stands' | 'close'> {
  return { stands: (standing) => writeHost(source, name, standing), close: () => {} };
}

function standingAt(position: Position | undefined): Standing {
  return position === undefined ? {} : { position };
}
