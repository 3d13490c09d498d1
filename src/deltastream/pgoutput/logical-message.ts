/** Logical messages as lines: plugin-c/message.c. */
import { isUtf8 } from 'node:buffer';
import { formatLsn } from '../../daystream/lsn.js';
import type { LogicalMessage } from '../../postgres/pgoutput/messages.js';
import type { LineBuffer } from './line-buffer.js';

/** As with the plugin, whose line of a longer one would not fit into a message of the server. */
const CONTENT_LIMIT_BYTES = 500 * 1024 * 1024;

/** The prefixes that were asked for, and the lines of messages that have one. */
export class MessageLines {
  readonly #prefixes: ReadonlySet<string>;

  /** Prefixes between commas, taken as they are. */
  constructor(prefixes: string | undefined) {
    this.#prefixes = new Set(prefixes?.split(','));
  }

  isAsked({ prefix, content }: LogicalMessage): boolean {
    return this.#prefixes.has(prefix) && content.length <= CONTENT_LIMIT_BYTES;
  }

  /** `xid`: of the transaction that it stands in; undefined: it stands alone. */
  write(lines: LineBuffer, { lsn, prefix, content }: LogicalMessage, xid: bigint | undefined): void {
    lines.putText(xid === undefined ? `_action\tmessage\t_lsn\t${formatLsn(lsn)}` : `_xid\t${xid}\t_action\tmessage`);
    lines.putText('\t_prefix\t');
    lines.putEscaped(Buffer.from(prefix));
    if (isUtf8(content) && !content.includes(0)) {
      lines.putText('\t_content\t');
      lines.putEscaped(content);
    } else {
      lines.putText('\t_bytes\t');
      lines.putHex(content);
    }
    lines.endLine();
  }
}
