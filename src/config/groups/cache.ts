/** What is kept, for how long, under which key and in which coding. */
import { choice, count, duration, list, ratio, size, text, toggle, wordOrList } from '../kinds.js';
import { group } from './group.js';

const QUERY_NAME = /^[A-Za-z0-9._~!$'()*+;:@%[\]-]{1,128}$/;
const QUERY_NAMES = {
  accepts: (name: string) => QUERY_NAME.test(name),
  want: "a list of query parameter names, a trailing '*' for a prefix",
};

const CACHE_NAME = {
  pattern: /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/,
  want: 'a letter, then up to 62 letters, digits or any of _ . -',
};

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

export const cache = group({
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

export const key = group({
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

export const compression = group({
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

export const prefetch = group({
  enabled: toggle(true, 'Fetch the segment that the playlist names next before it is asked for.'),
  concurrency: count(4, [1, 256], 'fills', 'Prefetches under way at a time in each shard.'),
});
