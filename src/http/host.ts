/**
 * The Host field (RFC 9110 section 7.2, RFC 3986 section 3.2.2), read more strictly than its grammar:
 * names of letters, digits, '-', '.', '_' and '~' alone. Escapes and sub-delimiters are valid there,
 * but nobody's name has them, and two servers may differ over what they mean.
 */
import { isIPv6 } from 'node:net';

const MAX_NAME = 253; // characters, what DNS can carry
const MAX_PORT = 65_535;

const NAME_AND_PORT = /^([A-Za-z0-9\-._~]+)(?::(\d{0,9}))?$/;
const LITERAL_AND_PORT = /^\[([0-9A-Fa-f:.]{2,45})\](?::(\d{0,9}))?$/;

/**
 * The host in normal form, as keys hold it and origins should get it; undefined when the value names
 * none. Lower case, an IPv6 literal as RFC 5952 writes it, no port where there is none, an empty one
 * or `defaultPort` (80, or 443 behind TLS). Without blanks, '/', '@', '?', '#' and '%', so that it
 * joined with a path can be cut in one way only.
 *
 * Empty is refused too: a URI of http or https has a host (RFC 9110 section 4.2.1).
 */
export function parseHost(value: string, defaultPort: number): string | undefined {
  const named = NAME_AND_PORT.exec(value);
  if (named !== null) {
    const [, name = '', port] = named;
    if (name.length > MAX_NAME || name.startsWith('.') || name.includes('..')) return undefined;
    return withPort(name.toLowerCase(), port, defaultPort);
  }
  const [, literal = '', port] = LITERAL_AND_PORT.exec(value) ?? [];
  if (!isIPv6(literal)) return undefined;
  return withPort(new URL(`http://[${literal}]`).hostname, port, defaultPort);
}

function withPort(host: string, port: string | undefined, defaultPort: number): string | undefined {
  if (port === undefined || port === '') return host;
  const number = Number(port);
  if (number === 0 || number > MAX_PORT) return undefined;
  return number === defaultPort ? host : `${host}:${number}`;
}
