/** Cache keys: the normalised target, and before it `//host` where each Host is cached apart. */

/**
 * '' unless each Host is cached apart. `host` is as `parseHost` gives it: it has no '/', so that no
 * host can be taken for another one with the beginning of a path.
 */
export function hostPrefix(apart: boolean, host: string): string {
  return apart ? `//${host}` : '';
}

/** A key cut behind its host; without one, all of it is the target. */
export function splitHost(
  apart: boolean,
  key: string,
): { readonly prefix: string; readonly target: string } {
  const end = apart ? key.indexOf('/', 2) : 0;
  return { prefix: key.slice(0, end), target: key.slice(end) };
}
