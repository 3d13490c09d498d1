/** A certificate authority of one's own, as a company has it. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates {
  /** The authority's, for NODE_EXTRA_CA_CERTS. */
  readonly ca: string;
  /** A server's for 127.0.0.1, signed by it. */
  readonly cert: string;
  readonly key: string;
}

/** Makes one in a folder. */
export function certificates(folder: string): Certificates {
  const path = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...newKey, '-days', '1', '-subj', '/CN=an authority', '-keyout', path('ca.key'), '-out', path('ca.pem'));
  openssl('req', ...newKey, '-subj', '/CN=log.example', '-keyout', path('key.pem'), '-out', path('request.pem'));
  writeFileSync(path('names'), 'subjectAltName=IP:127.0.0.1\n');
  openssl('x509', '-req', '-in', path('request.pem'), '-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '1', '-extfile', path('names'), '-out', path('cert.pem'));
  return { ca: path('ca.pem'), cert: path('cert.pem'), key: path('key.pem') };
}
