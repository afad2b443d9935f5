/** Cache keys: the normalised target, and before it `//host` where each Host is cached apart. */

/** '' unless each Host is cached apart. Hosts are case-insensitive (RFC 9110 section 4.2.3). */
export function hostPrefix(apart: boolean, host: string): string {
  return apart ? `//${host.toLowerCase()}` : '';
}

/** A key that begins with a host, cut behind it. */
export function splitHost(key: string): { readonly prefix: string; readonly target: string } {
  const end = key.indexOf('/', 2);
  return { prefix: key.slice(0, end), target: key.slice(end) };
}
