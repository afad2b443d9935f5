/** References to an origin's own URLs, turned into what they are called here. RFC 9110 10.2.2, 8.7. */
import type { FieldLine, FieldLines } from '../../http/fields.js';

const REFERRING = new Set(['location', 'content-location']);

export interface OriginPlace {
  readonly url: URL;
  readonly basePath: string; // of `url`, without its last '/'
  readonly host: string; // the Host that the origin was sent; '' when none
}

/**
 * A redirection to the origin's own name would send viewers past us, or to a name that only we can
 * resolve; one below its base path would come back with that path twice.
 */
export function withOwnReferences(lines: FieldLines, place: OriginPlace): FieldLines {
  if (!lines.some(([name]) => REFERRING.has(name))) return lines;
  return lines.map((line): FieldLine =>
    REFERRING.has(line[0]) ? [line[0], ownReference(line[1], place)] : line,
  );
}

/** Left as it is: another's URL, one that is not below the base path, one relative to the request's. */
function ownReference(reference: string, place: OriginPlace): string {
  const [, named = '', rest = ''] = /^(https?:\/\/[^/?#]*)?(.*)$/i.exec(reference) ?? [];
  const lead = leadHere(named, place);
  if (lead === undefined) return reference;
  const here = below(place.basePath, named === '' || rest.startsWith('/') ? rest : `/${rest}`);
  return here === undefined ? reference : lead + here;
}

/** What to say for scheme and host; undefined when they are another's. */
function leadHere(named: string, { url, host }: OriginPlace): string | undefined {
  if (named === '') return '';
  if (URL.canParse(named) && new URL(named).origin === url.origin) return '';
  // The client's own name stays: it may be there to change the scheme.
  return named.replace(/^https?:\/\//i, '').toLowerCase() === host.toLowerCase()
    ? named
    : undefined;
}

/** What a path-absolute reference is called below `basePath`; undefined when it is none or not. */
function below(basePath: string, reference: string): string | undefined {
  if (!reference.startsWith('/') || !reference.startsWith(basePath)) return undefined;
  const rest = reference.slice(basePath.length);
  if (rest.startsWith('//')) return undefined; // would name another host
  if (rest === '' || rest.startsWith('?') || rest.startsWith('#')) return `/${rest}`;
  return rest.startsWith('/') ? rest : undefined;
}
