import t from 'tap';
import { parseCacheControl } from '../../src/http/cache-control.js';
import type { FieldLine, FieldLines } from '../../src/http/fields.js';
import { type Audience, audienceOf, mayShare } from '../../src/rules/audience.js';
import type { LifetimeSource } from '../../src/rules/policy.js';

interface Case {
  readonly control?: string;
  readonly source?: LifetimeSource;
  readonly ttlMs?: number;
  readonly request?: FieldLines;
  readonly forEveryone?: boolean;
}

const PAGE: FieldLine = ['content-type', 'text/html'];
const MEDIA: FieldLine = ['content-type', 'video/mp4'];
const SET: FieldLine = ['set-cookie', 'a=b'];
const COOKIE: FieldLines = [['cookie', 'a=b']];

function audience(headers: FieldLines, options: Case = {}): Audience {
  const { control = '', source = 'none', ttlMs = 0, request = [], forEveryone } = options;
  return audienceOf(
    { method: 'GET', headers: request },
    { status: 200, headers, ...(forEveryone === undefined ? {} : { forEveryone }) },
    { control: parseCacheControl([['cache-control', control]]), lifetime: { ttlMs, source } },
  );
}

t.test('mayShare() keeps from those with credentials only what is for the anonymous', (t) => {
  const rows = [
    [true, true, false, 'a page of nobody, for somebody'],
    [true, false, true, 'for nobody'],
    [false, true, true, 'for all, for somebody'],
    [false, false, true, 'for all, for nobody'],
  ] as const;
  for (const [anonymousOnly, credentialed, want, why] of rows) {
    t.equal(mayShare({ anonymousOnly }, credentialed), want, why);
  }
  t.end();
});

t.test('audienceOf() shares by a lifetime of the origin that leaves some use', (t) => {
  const rows: [shares: boolean, options: Case, why: string][] = [
    [true, { source: 'max-age', ttlMs: 1 }, 'the shortest'],
    [false, { source: 'max-age', ttlMs: 0 }, 'none'],
    [true, { source: 's-maxage', ttlMs: 1 }, 'for such as us'],
    [true, { source: 'expires', ttlMs: 1 }, 'by Expires'],
    [false, { source: 'expires', ttlMs: -1 }, 'over before it came'],
    [false, { source: 'default', ttlMs: 60_000 }, 'ours'],
    [false, { source: 'last-modified', ttlMs: 60_000 }, 'a guess'],
    [false, { source: 'max-age', ttlMs: 1, control: 'no-cache' }, 'to be asked about each time'],
    [true, { source: 'max-age', ttlMs: 1, control: 'no-cache="a"' }, 'that is of one field only'],
    [false, { source: 'default', ttlMs: 1, control: 'public' }, 'public, for how long we guess'],
    [true, { source: 'max-age', ttlMs: 0, control: 'public' }, 'public, stale at once'],
    [true, { source: 'none', control: 'public, no-cache' }, 'public, to be asked about'],
    [true, { source: 's-maxage', control: 's-maxage=0' }, 'shared caches are to ask'],
    [true, { source: 'default', forEveryone: true }, 'an origin that does not look who asks'],
  ];
  for (const [shares, options, why] of rows) {
    const want = shares ? { anonymousOnly: false } : { refused: 'credentials' };
    t.same(audience([PAGE], { ...options, request: COOKIE }), want, why);
  }
  t.end();
});

t.test('audienceOf() tells what was answered to nobody in particular by its type', (t) => {
  const rows: [anonymousOnly: boolean, headers: FieldLines, options: Case, why: string][] = [
    [true, [PAGE], {}, 'a page'],
    [true, [], {}, 'no type'],
    [false, [MEDIA], {}, 'media'],
    [true, [MEDIA, PAGE], {}, 'media and a page at once'],
    [false, [PAGE], { control: 'public' }, 'a public page'],
    [true, [PAGE], { request: [['cookie', '']] }, 'an empty cookie names nobody'],
  ];
  for (const [anonymousOnly, headers, options, why] of rows) {
    t.same(audience(headers, options), { anonymousOnly }, why);
  }
  t.end();
});

t.test('audienceOf() gives no cookie away unless the origin has spoken', (t) => {
  const refused = { refused: 'set-cookie' };
  t.same(audience([MEDIA, SET], { forEveryone: true }), refused, 'not even of such an origin');
  t.same(audience([SET], { control: 'public' }), refused, 'public says nothing of a lifetime');
  t.same(audience([SET], { request: COOKIE }), refused, 'named before the credentials');
  for (const control of ['no-cache', 'public, no-cache', 'public, max-age=0', 's-maxage=0']) {
    const source = control.startsWith('s-maxage') ? 's-maxage' : 'max-age';
    t.same(
      audience([SET], { source, control, ttlMs: 0 }),
      refused,
      `${control}: a 304 would give it on`,
    );
  }
  t.same(audience([SET], { source: 'max-age', ttlMs: 1 }), { anonymousOnly: false });
  t.end();
});
