/** URIs inside a playlist, seen from the playlist's own path. RFC 3986 section 5.2, same origin only. */

const MAX_URI = 8_192; // characters, of the reference and of the result
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;
/** Controls, space, DEL and backslash never stand in a URI; browsers would rewrite them silently. */
const FORBIDDEN = /[\u0000-\u0020\u007f\\]/;

/**
 * The path (with the reference's query, without fragment) that `uri` names for a reader of
 * `basePath`. Undefined: another origin (a scheme or an authority), not a path, or over 8 KiB.
 * `..` above the root stops at the root, as in RFC 3986 section 5.2.4.
 */
export function resolveUri(basePath: string, uri: string): string | undefined {
  if (!basePath.startsWith('/') || basePath.length > MAX_URI || uri.length > MAX_URI)
    return undefined;
  const reference = before(uri, '#');
  if (FORBIDDEN.test(reference) || SCHEME.test(reference) || reference.startsWith('//')) {
    return undefined;
  }
  const base = before(before(basePath, '#'), '?');
  const path = before(reference, '?');
  const query = reference.slice(path.length);
  const resolved = path === '' ? base + (query || ownQuery(basePath)) : merged(base, path) + query;
  // '/.//host' would come out as '//host', which a client reads as an authority.
  return resolved.length > MAX_URI || resolved.startsWith('//') ? undefined : resolved;
}

function ownQuery(basePath: string): string {
  const all = before(basePath, '#');
  return all.slice(before(all, '?').length);
}

function merged(base: string, path: string): string {
  const whole = path.startsWith('/') ? path : base.slice(0, base.lastIndexOf('/') + 1) + path;
  return withoutDotSegments(whole);
}

function withoutDotSegments(path: string): string {
  if (!path.includes('/.')) return path;
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '.' || segment === '..') {
      if (segment === '..') kept.pop();
      if (last) kept.push(''); // '/a/.' is the folder '/a/'
    } else {
      kept.push(segment);
    }
  }
  return `/${kept.join('/')}`;
}

function before(text: string, mark: string): string {
  const at = text.indexOf(mark);
  return at < 0 ? text : text.slice(0, at);
}
