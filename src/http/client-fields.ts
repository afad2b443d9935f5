/**
 * Which of a client's fields speak for its person, and which it may not say at all. Names are in
 * lower case. Servers behind CGI and its kin cannot tell '-' from '_' (RFC 3875 section 4.1.18), so
 * a name with '_' may be the other name in disguise: nginx drops such fields, and so do we.
 */
import type { FieldLines } from './fields.js';

/** True for a field by which an origin may tell one viewer from another. */
export function isCredential(name: string): boolean {
  switch (name.length) {
    case 6:
      return name === 'cookie';
    case 9:
      return name === 'x-api-key';
    case 12:
      return name === 'x-auth-token';
    case 13:
      return name === 'authorization';
    case 14:
      return name === 'x-access-token';
    default:
      return false;
  }
}

/** True when an answer to these fields may be meant for one viewer alone. An empty one names nobody. */
export function isCredentialed(lines: FieldLines): boolean {
  return lines.some(([name, value]) => value !== '' && isCredential(name));
}

/**
 * What only a proxy says of a request: who asks, by which name, path, method or scheme. Frameworks
 * believe it, no cache key holds it, and so one client could write the answer that all get ("Practical
 * Web Cache Poisoning", "HTTP Header Smuggling", CVE-2016-5385, CVE-2018-14773, CVE-2025-29927).
 */
const FORGED: ReadonlySet<string> = new Set([
  'client-ip',
  'forwarded',
  'front-end-https',
  'proxy',
  'remote-addr',
  'remote-user',
  'surrogate-capability',
  'true-client-ip',
  'x-authenticated-user',
  'x-client-cert',
  'x-client-ip',
  'x-client-verify',
  'x-cluster-client-ip',
  'x-host',
  'x-matched-path',
  'x-method-override',
  'x-now-route-matches',
  'x-originating-ip',
  'x-proxy-url',
  'x-request-uri',
  'x-real-ip',
  'x-scheme',
  'x-script-name',
  'x-url-scheme',
  'x-waws-unencoded-url',
  'x-webauth-user',
]);

const FORGED_FAMILIES = [
  'cf-',
  'fastly-',
  'ssl-client-',
  'x-accel-',
  'x-appengine-',
  'x-arr-',
  'x-azure-',
  'x-envoy-',
  'x-forwarded',
  'x-http-',
  'x-invoke-',
  'x-middleware-',
  'x-original-',
  'x-remote-',
  'x-rewrite-',
  'x-sendfile',
  'x-ssl-',
] as const;

/** True for a field that no client may send on. */
export function isForged(name: string): boolean {
  if (name.includes('_')) return true;
  return FORGED.has(name) || FORGED_FAMILIES.some((family) => name.startsWith(family));
}

/** The lines that a client may say; the same array when it said no others. */
export function withoutForged(lines: FieldLines): FieldLines {
  return lines.some(([name]) => isForged(name)) ? lines.filter(([name]) => !isForged(name)) : lines;
}
