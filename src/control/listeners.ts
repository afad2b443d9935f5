/** Who listens on a port of this machine, as Linux tells it. */
import { readFileSync } from 'node:fs';
import os from 'node:os';

const MAPPED = '00000000000000000000ffff'; // an IPv4 address in an IPv6 one, RFC 4291 section 2.5.5.2
const LISTENING = '0A'; // TCP_LISTEN of include/net/tcp_states.h

/** The addresses somebody listens on at `port`; undefined where the kernel does not say. */
export function listenersOn(port: number): string[] | undefined {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map(readTable);
  if (tables.every((table) => table === undefined)) return undefined;
  return tables.flatMap((table) => parseListeners(table ?? '', port));
}

/** A machine without IPv6 has no table of it. */
function readTable(name: string): string | undefined {
  try {
    return readFileSync(name, 'latin1');
  } catch {
    return undefined;
  }
}

/** Of a table as in /proc/net/tcp: addresses in words of the machine's byte order, ports in hexadecimal. */
export function parseListeners(
  table: string,
  port: number,
  endianness: 'LE' | 'BE' = os.endianness(),
): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const found = new Set<string>();
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', , state] = line.trim().split(/\s+/, 4);
    if (state !== LISTENING || !local.endsWith(suffix)) continue;
    found.add(addressOf(local.slice(0, -suffix.length), endianness));
  }
  return [...found];
}

function addressOf(hex: string, endianness: 'LE' | 'BE'): string {
  const bytes = Buffer.from(hex, 'hex');
  if (endianness === 'LE') bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.toString('hex').startsWith(MAPPED)) return bytes.subarray(12).join('.');
  return (bytes.toString('hex').match(/.{4}/g) ?? []).join(':');
}
