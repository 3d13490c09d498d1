/** The lines around one transaction, and what is counted in it: plugin-c/transaction.c. */
import { formatLsn, type Lsn } from '../../daystream/lsn.js';
import { statesRelation } from './heads.js';
import type { LineBuffer } from './line-buffer.js';
import type { Ending, InTransaction } from './shape.js';

export class Transaction implements InTransaction {
  readonly xid: bigint;
  readonly commitLsn: Lsn;
  /** The xid as lines have it. */
  readonly xidText: Buffer;
  readonly isDoubtful: boolean;
  readonly #timestampUs: bigint;
  /** Row lines, less those that only tell the old row. */
  rows = 0;
  /** Tables that are in quarantine from here on, and those of which it says nothing more. */
  readonly quarantined = new Set<number>();
  readonly broken = new Set<number>();
  #schemas = 0;
  #isOpen = false;

  constructor(xid: bigint, commitLsn: Lsn, timestampUs: bigint, isDoubtful: boolean) {
    this.xid = xid;
    this.commitLsn = commitLsn;
    this.xidText = Buffer.from(String(xid));
    this.#timestampUs = timestampUs;
    this.isDoubtful = isDoubtful;
  }

  /** Writes the begin line before the first line; a transaction that has none stays unsaid. */
  open(lines: LineBuffer): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    lines.putText(`_action\tbegin\t_xid\t${this.xid}\t_lsn\t${formatLsn(this.commitLsn)}\t_ts\t${this.#timestampUs}`);
    lines.endLine();
  }

  tell(lines: LineBuffer, told: readonly string[]): void {
    for (const line of told) {
      this.open(lines);
      lines.putText(line);
      lines.endLine();
      if (statesRelation(line)) this.#schemas++;
    }
  }

  close(lines: LineBuffer, endLsn: Lsn, ending: Ending | undefined): void {
    this.tell(lines, ending?.lines ?? []);
    const asked = askedPair('_reload', ending?.reload) + askedPair('_offer', ending?.offer);
    if (asked !== '') this.open(lines);
    if (!this.#isOpen) return;
    const schemas = this.#schemas === 0 ? '' : `\t_schemas\t${this.#schemas}`;
    lines.putText(`_action\tcommit\t_xid\t${this.xid}\t_lsn\t${formatLsn(endLsn)}\t_rows\t${this.rows}${schemas}${asked}`);
    lines.endLine();
  }
}

function askedPair(key: string, oids: readonly number[] = []): string {
  return oids.length === 0 ? '' : `\t${key}\t${oids.join(',')}`;
}
