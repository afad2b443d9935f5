/**
 * What a proxy says of the request it sends on: X-Forwarded-For, -Proto and -Host, which every origin
 * reads, where few read Forwarded (RFC 7239). An answer that may be shared is asked for without the
 * address of the one who happened to ask first.
 */
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Config } from '../config/config.js';
import { type FieldLine, type FieldLines, fieldValue } from './fields.js';

export type Scheme = 'http' | 'https';

/** What viewers speak to us, or to whatever stands in front of us. */
export function viewersScheme({ front, tls }: Pick<Config, 'front' | 'tls'>): Scheme {
  if (front.scheme !== 'auto') return front.scheme;
  return tls.cert === '' ? 'http' : 'https';
}

export interface Forwarding {
  readonly scheme: Scheme; // what viewers speak
  readonly host: string; // ''
  readonly address?: string; // of the client; absent: it is nobody's request in particular
}

/** The port that a viewer's Host need not name. */
export function viewersPort(config: Pick<Config, 'front' | 'tls'>): number {
  return viewersScheme(config) === 'https' ? 443 : 80;
}

/** Said of a request that reached us without a front. */
export function forwardingLines({ scheme, host, address }: Forwarding): FieldLine[] {
  const lines: FieldLine[] = [['x-forwarded-proto', scheme]];
  if (host !== '') lines.push(['x-forwarded-host', host]);
  if (address !== undefined && address !== '') lines.push(['x-forwarded-for', address]);
  return lines;
}

/** A front's own lines gone on with: it saw the client, we see the front. */
export function frontedLines(lines: FieldLines, forwarding: Forwarding): FieldLines {
  const own = forwardingLines(forwarding).flatMap(([name, value]): FieldLine[] => {
    const before = fieldValue(lines, name);
    if (before === undefined) return [[name, value]];
    return name === 'x-forwarded-for' ? [[name, `${before}, ${value}`]] : [[name, before]];
  });
  const names = new Set(own.map(([name]) => name));
  return [...lines.filter(([name]) => !names.has(name)), ...own];
}

/** The addresses of `blocks`, each an address or one with a prefix length. */
export function addressSet(blocks: readonly string[]): (address: string) => boolean {
  const set = new BlockList();
  for (const block of blocks) {
    const [address = '', bits] = block.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) set.addAddress(address, family);
    else set.addSubnet(address, Number(bits), family);
  }
  return (address) => isIP(address) !== 0 && set.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** IPv4 in its IPv6 form is IPv4; IPv6 as RFC 5952 writes it. uWS writes out all of its zeros. */
export function normalAddress(address: string): string {
  if (!isIPv6(address)) return address;
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (mapped === null) return short;
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
