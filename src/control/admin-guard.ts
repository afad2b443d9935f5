/**
 * Who may use the admin port. Without a token only this machine's own programs may, and a browser
 * page must not be able to pass for one: neither by a name that resolves to loopback (DNS
 * rebinding) nor by a cross-site request.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { GatewayError } from '../errors.js';

/** Why the request is refused, undefined when it may pass. `token` '' asks for none. */
export function refusal(headers: IncomingHttpHeaders, token: string): GatewayError | undefined {
  if (isCrossSite(headers)) {
    return new GatewayError('GW_ADMIN_FORBIDDEN', 'requests from other sites are refused');
  }
  if (token !== '') {
    if (isToken(bearer(headers.authorization), token)) return undefined;
    return new GatewayError('GW_ADMIN_UNAUTHORIZED', 'a valid bearer token is required');
  }
  if (isOwnName(headers.host)) return undefined;
  return new GatewayError('GW_ADMIN_FORBIDDEN', 'Host must be localhost or an IP address');
}

/** Fetch metadata where the browser sends it, else Origin, which every browser sends with a POST. */
function isCrossSite({ host, origin, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase();
}

function bearer(authorization: string | undefined): string {
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '';
}

/** Digests have one length, so that neither content nor length of the token shows in the time. */
function isToken(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

/** An attacker's name can resolve to 127.0.0.1; an address literal and 'localhost' cannot be his. */
function isOwnName(host: string | undefined): boolean {
  const name = (host ?? '').toLowerCase().replace(/:\d*$/, '');
  const literal = /^\[(.+)\]$/.exec(name)?.[1] ?? name;
  return name === 'localhost' || isIP(literal) !== 0;
}
