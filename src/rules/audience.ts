/**
 * Whose a response is. RFC 9111 lets a cache share whatever it may keep; but an origin that says nothing
 * about caching has not thought of it, least of all for those it knows by a cookie. So a lifetime of
 * ours never makes everybody's what was answered to somebody, and what was answered to nobody in
 * particular goes to somebody only by the origin's word, or when it is media, the same for all.
 */
import type { CacheControl } from '../http/cache-control.js';
import { isCredentialed } from '../http/client-fields.js';
import { type FieldLines, fieldValue } from '../http/fields.js';
import { isMediaType } from '../media/kind.js';
import type { Lifetime, StoreRequest, StoreResponse } from './policy.js';
import type { Freshness } from './reuse.js';

/** May what is stored, or on its way, be given to a request with credentials, or without? */
export function mayShare(f: Pick<Freshness, 'anonymousOnly'>, credentialed: boolean): boolean {
  return !(credentialed && f.anonymousOnly);
}

export type Audience =
  { readonly refused: 'set-cookie' | 'credentials' } | { readonly anonymousOnly: boolean };

/** Who may have a response that the other rules of RFC 9111 let be kept. */
export function audienceOf(
  request: StoreRequest,
  response: StoreResponse,
  facts: { readonly control: CacheControl; readonly lifetime: Lifetime },
): Audience {
  const { headers, forEveryone } = response;
  const word = wordOf(facts);
  // Kept, it would come back to others with each 304.
  if (word !== 'reusable' && fieldValue(headers, 'set-cookie') !== undefined) {
    return { refused: 'set-cookie' };
  }
  if (word === 'reusable' || word === 'shared' || forEveryone === true)
    return { anonymousOnly: false };
  if (isCredentialed(request.headers)) return { refused: 'credentials' };
  const isPublic = facts.control.public; // for how long, we had to guess
  return { anonymousOnly: !isPublic && !isMediaType(typeOf(headers)) };
}

/**
 * What the origin says of reuse: 'reusable', by a lifetime that leaves some use without asking; 'shared', by
 * `public` or s-maxage beside a rule that leaves none; 'own', by such a rule alone; 'none', nothing.
 */
function wordOf({
  control,
  lifetime,
}: {
  readonly control: CacheControl;
  readonly lifetime: Lifetime;
}): 'reusable' | 'shared' | 'own' | 'none' {
  const asks = control.noCache === true;
  const given = ['s-maxage', 'max-age', 'expires'].includes(lifetime.source);
  if (!given && !asks) return 'none';
  const reusable = given && lifetime.ttlMs > 0 && !asks;
  if (reusable) return 'reusable';
  return control.public || control.sMaxage !== undefined ? 'shared' : 'own';
}

/** As declared; '' when that was done twice. */
function typeOf(headers: FieldLines): string {
  const [type, second] = headers.filter(([name]) => name === 'content-type');
  return second === undefined ? (type?.[1] ?? '') : '';
}
