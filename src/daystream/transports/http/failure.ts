/** An answer that did not come, or cannot be believed: to be asked for again. Of what is decided (401, 404) there are DeltaErrors. */
import { reasonOf } from '../../../errors.js';

export class Failure extends Error {
  /** `cut`: it ended on the way, which happens. `wrong`: all else; before anything came it is an error. */
  constructor(readonly kind: 'cut' | 'wrong', message: string, cause?: unknown, readonly hint?: string) {
    super(message, { cause });
  }
}

const UNTRUSTED = 'its certificate is signed by nobody that this host trusts';
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name of the host cannot be looked up',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'no answer',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is of another host',
  EPROTO: 'it does not speak TLS as this host does',
};

/** What Node's http client threw, in words. */
export function networkFailure(kind: 'cut' | 'wrong', thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const code = (thrown as NodeJS.ErrnoException).code ?? '';
  const words = WORDS[code];
  const hint = words === UNTRUSTED ? 'give the certificate of who signed it: NODE_EXTRA_CA_CERTS=/path/to/ca.pem' : undefined;
  return new Failure(kind, words ?? (reasonOf(thrown) || code), thrown, hint);
}
