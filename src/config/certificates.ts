/** Whether tls.cert and tls.key hold what they should, and belong to each other. Reads files, keeps none. */
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Config } from './config.js';
import type { Finding } from './faults.js';

/** `readFile` may throw. Files that are not named are not judged. */
export function judgeCertificates(
  { tls }: Pick<Config, 'tls'>,
  readFile: (name: string) => string,
): Finding[] {
  if (tls.cert === '' || tls.key === '') return []; // a fault of its own
  const cert = judged('cert', tls.cert, readFile);
  const key = judged('key', tls.key, readFile);
  const findings = [cert, key].flatMap(({ finding }) => finding ?? []);
  if (findings.length > 0) return findings;
  const why = complaint({ cert: cert.text, key: key.text });
  if (why === undefined) return [];
  const got = why.includes('mismatch') ? `'${tls.key}', the key of another one` : why;
  return [{ path: 'tls.key', want: `the private key of tls.cert, '${tls.cert}'`, got }];
}

const WANTED = {
  cert: 'a PEM certificate chain, that of the node first',
  key: 'a PEM private key without a passphrase',
} as const;

function judged(
  kind: keyof typeof WANTED,
  name: string,
  readFile: (name: string) => string,
): { readonly text: string; readonly finding?: Finding } {
  let text = '';
  let why: string | undefined;
  try {
    text = readFile(name);
    why = text === '' ? 'nothing in it' : complaint({ [kind]: text });
  } catch (reason) {
    why = reason instanceof Error ? reason.message : String(reason); // gone since it was looked for
  }
  if (why === undefined) return { text };
  return { text, finding: { path: `tls.${kind}`, want: WANTED[kind], got: `'${name}', ${why}` } };
}

/** What OpenSSL has against it; undefined: nothing. Its words never quote a key. */
function complaint(options: SecureContextOptions): string | undefined {
  try {
    createSecureContext(options);
    return undefined;
  } catch (reason) {
    // 'error:0480006C:PEM routines::no start line'
    const message = reason instanceof Error ? reason.message : String(reason);
    return message.replace(/^error:[0-9A-F]+:/, '');
  }
}
