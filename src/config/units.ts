/** Sizes, durations and addresses as people write them, and back. Pure. */
import { isIP } from 'node:net';

export interface ListenAddress {
  readonly host: string;
  readonly port: number; // 0 = any free port
}

/** 'k' alone is 1024, as nginx and JVMs read it; 'kB' is 1000 and 'KiB' 1024 (IEC 80000-13). */
const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
};

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Bytes; '/s' at the end is allowed so that rates read well. Undefined: not a size. */
export function parseSize(raw: unknown): number | undefined {
  if (typeof raw === 'number') return Number.isSafeInteger(raw) && raw >= 0 ? raw : undefined;
  if (typeof raw !== 'string') return undefined;
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([a-z]{0,3})(?:\/s)?$/i.exec(raw.trim());
  const unit = SIZE_UNITS[match?.[2]?.toLowerCase() ?? '?'];
  if (match === null || unit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Milliseconds of '250ms', '1.5s', '1h30m'. A bare number has no unit and is refused, except 0. */
export function parseDuration(raw: unknown): number | undefined {
  if (raw === 0 || raw === '0') return 0;
  if (typeof raw !== 'string') return undefined;
  const text = raw.trim();
  if (!/^(?:\d{1,15}(?:\.\d{1,6})?(?:ms|s|m|h|d))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|s|m|h|d)/g)) {
    totalMs += Number(amount) * (DURATION_UNITS[unit ?? ''] ?? Number.NaN);
  }
  const roundedMs = Math.round(totalMs);
  return Number.isSafeInteger(roundedMs) ? roundedMs : undefined;
}

/** '8080', ':8080', 'host:8080', '[::1]:8080' or { host, port }; `host` is taken where none is named. */
export function parseListen(raw: unknown, host: string): ListenAddress | undefined {
  if (typeof raw === 'number') return address(host, String(raw));
  if (typeof raw === 'object' && raw !== null) return fromPair(raw, host);
  if (typeof raw !== 'string') return undefined;
  const text = raw.trim();
  if (/^\d+$/.test(text)) return address(host, text);
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]*)):(\d+)$/i.exec(text);
  if (match === null) return undefined;
  const [, literal = '', name = '', port = ''] = match;
  return address(literal || name || host, port);
}

function fromPair(raw: object, fallback: string): ListenAddress | undefined {
  const { host = fallback, port, ...rest } = raw as Record<string, unknown>;
  if (typeof host !== 'string' || typeof port !== 'number') return undefined;
  return Object.keys(rest).length === 0 ? address(host, String(port)) : undefined;
}

function address(host: string, port: string): ListenAddress | undefined {
  const number = /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN;
  return number <= 65_535 && host.length > 0 && host.length <= 253
    ? { host, port: number }
    : undefined;
}

/** The shortest exact form: '64MiB', '1GB' stays bytes that parse back to the same number. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  for (const [unit, size] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const) {
    if (ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/** 'host:port' with the brackets an IPv6 literal needs. */
export function formatListen({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^::ffff:/, '');
  return name === 'localhost' || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** True for an address, or a block of them as `10.0.0.0/8`. */
export function isAddressBlock(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
  );
}
