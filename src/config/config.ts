/**
 * Every setting, once: type, range, default, unit and a sentence on the trade-off. The loader, the
 * faults, `headgate config schema` and README's table all come from here. Parsed values are
 * milliseconds, bytes, bytes per second and ratios.
 */
import { z } from 'zod';
import { cache, compression, key, prefetch } from './groups/cache.js';
import { group } from './groups/group.js';
import { arena, limits, log, shutdown } from './groups/node.js';
import { origin } from './groups/origin.js';
import { choice, count, list, listen, listenOrOff, text } from './kinds.js';
import { isAddressBlock } from './units.js';

/** http(s) URLs without query or fragment, and whatever can be a directory. */
function isOrigin(item: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(item)) return item.length > 0 && !item.includes('\0');
  const url = URL.canParse(item) ? new URL(item) : undefined;
  return (
    url !== undefined && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === ''
  );
}

const FILE = { pattern: /^[^\0]{0,4096}$/, want: 'the name of a readable file' };
const TOKEN = {
  pattern: /^(?!<redacted>$)([\x21-\x7e]{8,256})?$/,
  want: '8 to 256 visible ASCII characters',
};
const ADDRESSES = {
  accepts: isAddressBlock,
  want: 'a list of IP addresses or blocks such as 10.0.0.0/8',
};

const admin = group({
  listen: listenOrOff(
    '127.0.0.1:9090',
    'Where health, metrics and purge are served; off: nowhere.',
  ),
  token: text(
    '',
    TOKEN,
    'Bearer token that admin requests must carry; required when admin is not on loopback.',
    { secret: true },
  ),
});

const tls = group({
  cert: text('', FILE, 'PEM certificate chain; with tls.key the public port speaks TLS.', {
    path: true,
  }),
  key: text('', FILE, 'PEM private key of tls.cert.', { path: true }),
});

const front = group({
  addresses: list(
    [],
    ADDRESSES,
    'Proxies in front of the node, whose X-Forwarded-For and kin are sent on with what passes; of others they are dropped.',
  ),
  scheme: choice(
    ['auto', 'http', 'https'],
    'auto',
    'What viewers speak, as X-Forwarded-Proto tells origins; auto: https with tls.cert. Set it behind a front that ends TLS.',
  ),
});

export const CONFIG_SCHEMA = z.strictObject({
  listen: listen('0.0.0.0:8080', 'Where viewers are served; port 0 takes any free port.'),
  admin,
  workers: count(
    { auto: 'cores' },
    [0, 64],
    'threads',
    'Edge worker threads; 0 runs everything on the main thread, for profilers and debuggers.',
  ),
  shards: count(
    16,
    [1, 256],
    'shards',
    'Partitions of all content, spread over the workers; more balances better, each holds fewer bytes.',
  ),
  tls,
  front,
  origins: list(
    [],
    { accepts: isOrigin, want: 'a list of http(s) URLs or directories', path: true },
    'Where objects come from, tried in order; none: the bundled sample.',
  ),
  origin,
  cache,
  key,
  compression,
  prefetch,
  limits,
  log,
  shutdown,
  arena,
});

/** The configuration as every part of the gateway gets it. Frozen all the way down. */
export type Config = Readonly<z.output<typeof CONFIG_SCHEMA>>;
