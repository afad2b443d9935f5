/**
 * Every setting, once: type, range, default, unit and a sentence on the trade-off. The loader, the
 * faults, `headgate config schema` and README's table all come from here. Parsed values are
 * milliseconds, bytes, bytes per second and ratios.
 */
import { z } from 'zod';
import { isAddressBlock } from './units.js';
import { choice, count, duration, list, listen, listenOrOff, ratio, size, text } from './kinds.js';
import { toggle, wordOrList } from './kinds.js';

const QUERY_NAME = /^[A-Za-z0-9._~!$'()*+;:@%[\]-]{1,128}$/;
const QUERY_NAMES = {
  accepts: (name: string) => QUERY_NAME.test(name),
  want: "a list of query parameter names, a trailing '*' for a prefix",
};

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
const CACHE_NAME = {
  pattern: /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/,
  want: 'a letter, then up to 62 letters, digits or any of _ . -',
};

const ADDRESSES = {
  accepts: isAddressBlock,
  want: 'a list of IP addresses or blocks such as 10.0.0.0/8',
};

/** A group of settings; a group left out has the defaults of its settings. */
function group<S extends z.ZodRawShape>(
  shape: S,
): z.ZodPrefault<z.ZodReadonly<z.ZodObject<S, z.core.$strict>>> {
  return z
    .strictObject(shape)
    .readonly()
    .prefault({} as never);
}

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

const origin = group({
  connectTimeout: duration('3s', ['10ms', '2m'], 'Longest wait for a connection to an origin.'),
  headersTimeout: duration('10s', ['10ms', '10m'], 'Longest wait for the head of its answer.'),
  bodyTimeout: duration('15s', ['10ms', '10m'], 'Longest silence within the body of its answer.'),
  connections: count(
    64,
    [1, 4096],
    'connections',
    'Connections to each origin from each worker; fills beyond it queue.',
  ),
  keepAlive: duration(
    '4s',
    ['0s', '10m'],
    "How long an idle connection is kept; keep it below the origin's own limit.",
  ),
  retries: count(
    2,
    [0, 10],
    'retries',
    'Further tries of a request that may be repeated safely; each goes to the next origin first.',
  ),
  retryBudget: ratio(
    0.2,
    [0, 1],
    'Retries allowed as a share of requests, so that retries cannot bury an origin in trouble.',
  ),
  preserveHost: toggle(
    false,
    "Send the client's Host to the origin, for origins that serve many names; turns key.host on.",
  ),
  credentials: choice(
    ['send', 'drop'],
    'send',
    'Cookies, Authorization and API keys of GET and HEAD; drop: all ask as nobody, so that lifetimes of ours hold for all.',
  ),
  hedge: group({
    share: ratio(
      0.05,
      [0, 1],
      'Requests that may be asked of the next origin, too, while the first is slower than ever, as a share of all; 0: none.',
    ),
    after: duration(
      '50ms',
      ['1ms', '1m'],
      'Shortest wait before that; else it is twice the 99th percentile of the origin.',
    ),
  }),
  breaker: group({
    failures: count(
      5,
      [1, 1000],
      'failures',
      'Failures within the window below which an origin is never left alone; a path counts once.',
    ),
    share: ratio(
      0.5,
      [0.05, 1],
      'Failed connections, as a share of requests, above which it is left alone; other faults: nearly all.',
    ),
    window: duration('5s', ['1s', '10m'], 'How long each request counts.'),
    cooldown: duration('1s', ['100ms', '10m'], 'How often an origin that is left alone is probed.'),
  }),
});

const ttl = group({
  playlist: duration(
    '10m',
    ['0s', '365d'],
    'Playlists that have ended (VOD), and multivariant ones.',
  ),
  livePlaylistFactor: ratio(
    0.5,
    [0.05, 1],
    'Live playlists at most, as a share of their target duration; shorter when a change is due.',
  ),
  segment: duration('365d', ['0s', '3650d'], 'Media segments, which never change under one name.'),
  init: duration('365d', ['0s', '3650d'], 'Init segments.'),
  key: duration(
    '1h',
    ['0s', '365d'],
    'Decryption keys in directories; those of HTTP origins have a vague type (undeclared).',
  ),
  notFound: duration(
    '1s',
    ['0s', '1h'],
    'Answers 404 and 410; longer hides a live segment that arrives a moment late.',
  ),
  json: duration('10s', ['0s', '365d'], 'JSON documents.'),
  undeclared: duration(
    '10s',
    ['0s', '3650d'],
    'Least lifetime of what only its name calls media, a key or JSON (no type, or a vague one); longer shares mistakes longer.',
  ),
  heuristicFraction: ratio(
    0.1,
    [0, 1],
    'Lifetime of other objects, as a share of the time since Last-Modified (RFC 9111 4.2.2).',
  ),
  heuristicMax: duration('1d', ['0s', '365d'], 'Upper bound of that lifetime.'),
});

const cache = group({
  memory: size(
    { auto: 'a quarter of RAM, at most 1GiB' },
    ['1MiB', '4TiB'],
    'Shared memory for cached bodies, keys and fields, lent to the shards as they need it; books take 6 % beside it.',
  ),
  maxObject: size(
    { auto: "half of a shard's memory" },
    ['4KiB', '1TiB'],
    'Largest object that is kept whole; larger ones are sliced, or pass through.',
  ),
  sliceSize: size(
    { auto: '1MiB, or cache.maxObject' },
    ['0B', '64MiB'],
    'Objects of more than eight of these, or than cache.maxObject, are fetched and kept in such slices, where origins give ranges; 0: never.',
  ),
  name: text('headgate', CACHE_NAME, 'Name of this cache in Cache-Status and Via.'),
  clientRefresh: choice(
    ['honour', 'damp', 'ignore'],
    'damp',
    "What a client's no-cache or max-age does to a fresh object: fetch it each time, at most once a second, or never; each fetch costs the origin a request.",
  ),
  staleWhileRevalidate: duration(
    '1s',
    ['0s', '365d'],
    'How long past its lifetime an object is served while it is fetched anew, where the origin does not say; past a second, live playlists fall behind.',
  ),
  staleIfError: duration(
    '1d',
    ['0s', '365d'],
    'How long past its lifetime an object is served when origins fail, where the origin does not say.',
  ),
  ttl,
});

const key = group({
  query: wordOrList(
    ['all', 'none'],
    'all',
    QUERY_NAMES,
    'Query parameters that make objects different: all, none, or only those listed.',
  ),
  ignore: list(
    ['CMCD', 'utm_*'],
    QUERY_NAMES,
    'Query parameters that never make objects different, nor go to the origin; tokens only where a front verifies them.',
  ),
  sendIgnored: toggle(
    false,
    'Send them to the origin all the same (never CMCD); only if no answer depends on them: who asks first decides for all.',
  ),
  sort: toggle(
    true,
    'Sort query parameters by name, in the key and to the origin; not where signatures depend on their order.',
  ),
  host: toggle(
    false,
    'Cache each Host apart; needed when one origin serves many names, and implied by origin.preserveHost.',
  ),
});

const compression = group({
  enabled: toggle(
    true,
    'Compress playlists, JSON and other text, once per object, when a hit first asks for it.',
  ),
  minSize: size('512', ['0', '1MiB'], 'Smaller bodies are left as they are.'),
  maxSize: size('2MiB', ['1KiB', '64MiB'], 'Larger bodies are left as they are.'),
  brotliQuality: count(
    5,
    [0, 11],
    'level',
    'Higher is smaller and slower, 11 by far; bodies over 256KiB get 9 at most.',
  ),
  gzipLevel: count(6, [1, 9], 'level', 'Higher is smaller and slower.'),
  queue: count(
    64,
    [1, 4096],
    'bodies',
    'Bodies that may wait for the compressing thread of a worker; more go out as they are, and are tried again.',
  ),
});

const prefetch = group({
  enabled: toggle(true, 'Fetch the segment that the playlist names next before it is asked for.'),
  concurrency: count(4, [1, 256], 'fills', 'Prefetches under way at a time in each shard.'),
});

const limits = group({
  header: size('16KiB', ['4KiB', '1MiB'], 'Largest request head.'),
  url: size('8KiB', ['256', '64KiB'], 'Longest request target.'),
  body: size('1GiB', ['0', '1TiB'], 'Largest request body; bodies are streamed, never held.'),
  headersTimeout: duration(
    '15s',
    ['5s', '4m'],
    'Longest time a request head may take, to about 4 s.',
  ),
  idleTimeout: duration(
    '75s',
    ['5s', '4m'],
    'How long an idle connection is kept open, to about 4 s.',
  ),
  bodyMinRate: size(
    '1KiB',
    ['0', '1GiB'],
    'Slowest upload that is let live, after minRateGrace; 0: any.',
    'bytes per second',
  ),
  minRate: size(
    '2KiB',
    ['0', '1GiB'],
    'Slowest reader that is let live, after minRateGrace; 0: any.',
    'bytes per second',
  ),
  minRateGrace: duration('20s', ['1s', '1h'], 'How long a transfer may stay under its rate.'),
  connections: count(15_000, [1, 1_000_000], 'connections', 'Open connections for each worker.'),
  fills: count(
    256,
    [1, 65_536],
    'fills',
    'Fetches from origins under way at a time in each shard.',
  ),
  queue: count(
    1024,
    [16, 65_536],
    'messages',
    'Messages each lane of a mailbox holds before it sheds; more rides out bursts, less caps delay.',
  ),
  waiters: count(
    50_000,
    [1, 1_000_000],
    'requests',
    'Requests of one worker that may wait for fills at a time.',
  ),
  ranges: count(16, [1, 1024], 'ranges', 'Ranges one request may ask for.'),
});

const log = group({
  level: choice(
    ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    'info',
    'Least severity that is logged.',
  ),
  access: ratio(0.01, [0, 1], 'Share of requests that are logged; logging all of them costs CPU.'),
});

const shutdown = group({
  deadline: duration(
    '10s',
    ['0s', '10m'],
    'How long requests in flight may take to finish after a signal to stop.',
  ),
  idle: duration(
    '5s',
    ['0s', '10m'],
    'How long idle connections may then send one more request, which ends them, before they are closed.',
  ),
  hang: duration(
    '10s',
    ['2s', '1h'],
    'How long a worker may hang before the process ends with a failure, to be started again.',
  ),
});

const arena = group({
  hugePages: toggle(true, 'Ask the kernel for huge pages for the arenas: fewer TLB misses.'),
  pretouch: toggle(
    false,
    'Touch all cache memory at start: slower start, no page faults while serving.',
  ),
  pinWorkers: toggle(false, 'Pin each worker to a core; only for machines that do nothing else.'),
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
