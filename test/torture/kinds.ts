/** What kinds of objects the world has, and what HTTP and our own defaults allow for each. */

export interface Kind {
  readonly name: string;
  readonly site: 'http' | 'files';
  readonly extension: string;
  readonly type: string;
  readonly control: string | undefined; // Cache-Control
  readonly partControl: string | undefined; // of a 206, where it is another
  readonly ttlMs: number; // how long an answer may be reused; Infinity: it is not judged
  readonly heuristic: number; // share of the time since Last-Modified, where no ttl is given
  readonly swrMs: number;
  /** Whom the bytes depend on. */
  readonly viewer: 'nobody' | 'credentials' | 'authorization' | 'language' | 'agent';
  readonly secret: boolean; // each answer belongs to one request alone
  readonly anonymousShared: boolean; // what nobody's credentials made may go to all
  readonly validators: 'both' | 'etag' | 'modified';
  readonly sizes: readonly [least: number, most: number];
  readonly length: 'known' | 'unknown';
  readonly ranges: boolean;
  readonly ifRange: boolean; // the origin looks at it
  readonly conditions: boolean; // the origin looks at them
  readonly trouble: Trouble;
  readonly vary: string | undefined;
  readonly digests: boolean; // its origin digests what it sends, and says so in bytes above ASCII
  readonly status: number;
  readonly headMs: readonly [least: number, most: number]; // the origin's own delay
  readonly bodyMs: number; // from first to last byte
  readonly everyMs: readonly [least: number, most: number]; // between versions
  readonly objects: number;
  readonly weight: number;
  readonly write: 'rename' | 'quick' | 'slow' | 'grow'; // how a file changes
}

export type Trouble =
  | 'none'
  | 'short'
  | 'fails'
  | 'resets'
  | 'empty-with-length'
  | 'hints'
  | 'cookie'
  | 'live'
  | 'edit';

const KIB = 1_024;
const MIB = 1_048_576;

/** What is larger is sliced, or passes. */
export const MAX_OBJECT_BYTES = MIB;
/** The large objects have five to eleven. */
export const SLICE_BYTES = 256 * KIB;

const PLAIN: Omit<Kind, 'name'> = {
  site: 'http',
  extension: 'bin',
  type: 'application/octet-stream',
  control: 'max-age=2',
  partControl: undefined,
  ttlMs: 2_000,
  heuristic: 0,
  swrMs: 1_000, // our default, where a lifetime is given and nothing forbids it
  viewer: 'nobody',
  secret: false,
  anonymousShared: false,
  validators: 'both',
  sizes: [200, 60 * KIB],
  length: 'known',
  ranges: true,
  ifRange: true,
  conditions: true,
  trouble: 'none',
  vary: undefined,
  digests: false,
  status: 200,
  headMs: [0, 15],
  bodyMs: 0,
  everyMs: [700, 4_000],
  objects: 3,
  weight: 1,
  write: 'rename',
};

function kind(name: string, traits: Partial<Kind> = {}): Kind {
  return { ...PLAIN, ...traits, name };
}

/** One viewer's own, which the origin takes a while to make. */
const PERSONAL = {
  control: 'private, max-age=60',
  ttlMs: 0,
  swrMs: 0,
  viewer: 'credentials',
  secret: true,
  sizes: [100, 6 * KIB],
  headMs: [5, 120],
  objects: 2,
} as const satisfies Partial<Kind>;

const UNSTORED = { control: 'no-store', ttlMs: 0, swrMs: 0 } as const satisfies Partial<Kind>;
const LARGE = {
  control: 'max-age=60',
  ttlMs: 60_000,
  sizes: [MIB + 300 * KIB, 2 * MIB + 500 * KIB],
  everyMs: [3_000, 8_000],
  objects: 2,
  weight: 0.7,
} as const satisfies Partial<Kind>;
const FILES = { site: 'files', control: undefined } as const satisfies Partial<Kind>;
const SEGMENT = { extension: 'm4s', ttlMs: Infinity } as const satisfies Partial<Kind>;

/** Types that may come in a coding of ours. */
const CODABLE = /^text|json|mpegurl/;

export function isCodable({ type }: Kind): boolean {
  return CODABLE.test(type);
}

export const KINDS: readonly Kind[] = [
  kind('plain', { objects: 12, weight: 3, sizes: [500, 500 * KIB] }),
  kind('text', {
    ...{ extension: 'txt', type: 'text/plain', digests: true },
    ...{ objects: 4, weight: 2, sizes: [2 * KIB, 100 * KIB] },
  }),
  kind('short-lived', { control: 'max-age=1', ttlMs: 1_000, objects: 4 }),
  kind('must-revalidate', { control: 'max-age=1, must-revalidate', ttlMs: 1_000, swrMs: 0 }),
  kind('no-cache', { control: 'no-cache', ttlMs: 0, swrMs: 0 }),
  kind('etag-only', { control: undefined, ttlMs: 0, swrMs: 0, validators: 'etag' }),
  kind('modified-only', {
    ...{ control: undefined, ttlMs: 0, heuristic: 0.1, validators: 'modified' },
    everyMs: [2_500, 6_000],
  }),
  kind('unknown-length', { length: 'unknown', bodyMs: 40, sizes: [100, 300 * KIB] }),
  kind('slow', { headMs: [50, 400], bodyMs: 400, sizes: [20 * KIB, 200 * KIB] }),
  kind('edited', { control: 'max-age=60', ttlMs: 60_000, trouble: 'edit', everyMs: [1e9, 1e9] }),
  kind('language', { viewer: 'language', vary: 'Accept-Language', objects: 2 }),
  kind('agent', { viewer: 'agent', vary: 'User-Agent', objects: 2 }),
  kind('unstored', { ...UNSTORED, sizes: [500, 200 * KIB], weight: 2 }),
  kind('unstored-deaf', { ...UNSTORED, conditions: false, ifRange: false, ranges: false }),
  kind('unstored-no-if-range', { ...UNSTORED, ifRange: false }),
  kind('large', { ...LARGE, weight: 1.2 }),
  kind('large-deaf', { ...LARGE, ranges: false, ifRange: false, conditions: false, objects: 1 }),
  kind('large-no-if-range', { ...LARGE, ifRange: false, objects: 1 }),
  kind('large-unstored-parts', { ...LARGE, partControl: 'no-store' }),
  kind('large-unknown', { ...LARGE, length: 'unknown', bodyMs: 60, weight: 1 }),
  kind('private', { ...PERSONAL, weight: 1.5 }),
  kind('no-store', { ...PERSONAL, control: 'no-store', weight: 1.5 }),
  kind('authorized', {
    ...{ ...PERSONAL, control: 'max-age=60', ttlMs: 60_000, viewer: 'authorization' },
  }),
  kind('session', { ...PERSONAL, control: 'max-age=60', ttlMs: 60_000, trouble: 'cookie' }),
  kind('forbidden', { ...PERSONAL, control: undefined, status: 403 }),
  kind('hints', { ...PERSONAL, control: 'no-store', trouble: 'hints' }),
  kind('json', {
    ...{ control: undefined, ttlMs: 10_000, viewer: 'credentials', anonymousShared: true },
    ...{ extension: 'json', type: 'application/json', objects: 2 },
  }),
  kind('account', {
    ...{ control: undefined, ttlMs: Infinity, viewer: 'credentials', anonymousShared: true },
    ...{ extension: 'm4s', objects: 2 },
  }),
  kind('truncated', { trouble: 'short', sizes: [5 * KIB, 100 * KIB] }),
  kind('truncated-unknown', { trouble: 'short', length: 'unknown', bodyMs: 20 }),
  kind('failing', { trouble: 'fails', control: 'max-age=1', ttlMs: 1_000 }),
  kind('resetting', { trouble: 'resets', control: 'max-age=1', ttlMs: 1_000 }),
  kind('empty-with-length', { trouble: 'empty-with-length', status: 204, objects: 1, weight: 0.3 }),
  kind('live', {
    ...{ trouble: 'live', control: undefined, ttlMs: 1_000, swrMs: 0, everyMs: [2_000, 2_000] },
    ...{ extension: 'm3u8', type: 'application/vnd.apple.mpegurl', headMs: [0, 5], objects: 5 },
  }),

  kind('file', { ...FILES, ...SEGMENT, objects: 8, sizes: [500, 400 * KIB], weight: 2 }),
  kind('file-large', { ...FILES, ...LARGE, ...SEGMENT, extension: 'mp4', weight: 1.2 }),
  kind('file-rewritten', {
    ...{ ...FILES, ...SEGMENT, write: 'quick', sizes: [3 * KIB, 300 * KIB], weight: 5 },
    ...{ everyMs: [5, 40], objects: 2 },
  }),
  kind('file-being-written', {
    ...{ ...FILES, ...SEGMENT, write: 'slow', sizes: [20 * KIB, 200 * KIB], weight: 2 },
    everyMs: [1_500, 4_000],
  }),
  kind('file-growing', {
    ...{ ...FILES, ...SEGMENT, extension: 'ts', write: 'grow', sizes: [150 * KIB, 300 * KIB] },
    ...{ everyMs: [100, 300], objects: 2, weight: 1.5 },
  }),
  kind('file-live', {
    ...{ ...FILES, trouble: 'live', ttlMs: 1_000, swrMs: 0, everyMs: [2_000, 2_000] },
    ...{ extension: 'm3u8', type: 'application/vnd.apple.mpegurl', objects: 5 },
  }),
];
