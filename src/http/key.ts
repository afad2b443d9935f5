/** Cache keys: the normalised target, and before it `//host` where each Host is cached apart. */

/** '' unless each Host is cached apart. Hosts are case-insensitive (RFC 9110 section 4.2.3). */
export function hostPrefix(apart: boolean, host: string): string {
  return apart ? `//${host.toLowerCase()}` : '';
}

/** A key cut behind its host; without one, all of it is the target. */
export function splitHost(
  apart: boolean,
  key: string,
): { readonly prefix: string; readonly target: string } {
  const end = apart ? key.indexOf('/', 2) : 0;
  return { prefix: key.slice(0, end), target: key.slice(end) };
}
