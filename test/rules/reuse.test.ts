import t from 'tap';
import {
  NO_DIRECTIVES,
  ageSeconds,
  judge,
  mayServeOnError,
  requestDirectives,
} from '../../src/rules/reuse.js';
import type { Freshness, RequestDirectives } from '../../src/rules/reuse.js';

const STORED: Freshness = {
  bornMs: 0,
  ttlMs: 10_000,
  swrMs: 2_000,
  sieMs: 60_000,
  mustRevalidate: false,
  alwaysRevalidate: false,
  anonymousOnly: false,
};

function asking(cacheControl: string): RequestDirectives {
  return requestDirectives({ cacheControl });
}

t.test('judge() turns fresh, stale, then revalidate as a response ages', (t) => {
  const rows = [
    [-5_000, 'fresh', 'the clock stepped back'],
    [9_999, 'fresh', 'last millisecond of the lifetime'],
    [10_000, 'stale-revalidate-in-background', 'age equals the lifetime'],
    [11_999, 'stale-revalidate-in-background', 'last millisecond of the window'],
    [12_000, 'revalidate', 'window used up'],
  ] as const;
  for (const [nowMs, want, why] of rows) t.equal(judge(STORED, NO_DIRECTIVES, nowMs), want, why);
  t.end();
});

t.test('judge() obeys the response before the request', (t) => {
  const must: Freshness = { ...STORED, mustRevalidate: true };
  const always: Freshness = { ...STORED, alwaysRevalidate: true };
  t.equal(judge(must, NO_DIRECTIVES, 9_999), 'fresh', 'must-revalidate begins when it is stale');
  t.equal(judge(must, NO_DIRECTIVES, 10_000), 'revalidate', 'never stale');
  t.equal(judge(must, asking('max-stale'), 10_000), 'revalidate', 'not even when the client would');
  t.equal(judge(always, NO_DIRECTIVES, 0), 'revalidate', 'no-cache');
  t.equal(judge(always, asking('max-stale'), 0), 'revalidate', 'no-cache');
  t.end();
});

t.test('judge() honours request directives (RFC 9111 section 5.2.1)', (t) => {
  const background = 'stale-revalidate-in-background';
  const rows = [
    ['no-cache', 0, 'revalidate', '5.2.1.4'],
    ['no-store', 5_000, 'fresh', '5.2.1.5: does not apply to what is stored already'],
    ['max-age=5', 5_000, 'fresh', '5.2.1.1: less than or equal'],
    ['max-age=5', 5_001, 'revalidate', 'too old for this client'],
    ['max-age=0', 1, 'revalidate', 'a reload'],
    ['max-age=60', 11_000, 'revalidate', 'max-age alone: the client wants nothing stale'],
    ['min-fresh=4', 6_000, 'fresh', '5.2.1.3: four seconds left'],
    ['min-fresh=4', 6_001, 'revalidate', 'less than that left'],
    ['min-fresh=4', 11_000, 'revalidate', 'stale is not fresh'],
    ['max-stale=5', 15_000, background, '5.2.1.2: by no more than that'],
    ['max-stale=5', 15_001, 'revalidate', 'too stale'],
    ['max-stale', 9_999_999, background, 'however stale'],
    ['max-age=60, max-stale=5', 11_000, background, 'both'],
    ['only-if-cached', 5_000, 'fresh', '5.2.1.7'],
    ['only-if-cached', 11_000, background, 'the stored answer does, and may be renewed'],
    ['only-if-cached', 12_000, 'only-if-cached-miss', 'nothing stored will do'],
    ['only-if-cached, no-cache', 0, 'only-if-cached-miss', 'the client asks for the impossible'],
    ['nothing-to-see-here', 5_000, 'fresh', 'unknown directives are ignored'],
  ] as const;
  for (const [cacheControl, nowMs, want, why] of rows) {
    t.equal(judge(STORED, asking(cacheControl), nowMs), want, `${cacheControl}: ${why}`);
  }
  t.end();
});

t.test('requestDirectives() reads Pragma only without Cache-Control', (t) => {
  const noCache = (cacheControl?: string, pragma?: string): boolean =>
    requestDirectives({ cacheControl, pragma }).noCache;
  t.equal(noCache(undefined, 'no-cache'), true);
  t.equal(noCache(undefined, 'foo, No-Cache'), true, 'in a list, in any case');
  t.equal(noCache('max-age=5', 'no-cache'), false, 'Cache-Control rules alone');
  t.equal(noCache(undefined, 'no-cache-please'), false, 'another extension');
  t.equal(requestDirectives({}), NO_DIRECTIVES, 'the usual request allocates nothing');
  t.end();
});

t.test('mayServeOnError() lets stored responses stand in for a failing origin', (t) => {
  const must: Freshness = { ...STORED, mustRevalidate: true };
  const always: Freshness = { ...STORED, alwaysRevalidate: true };
  const rows: [f: Freshness, r: RequestDirectives, nowMs: number, want: boolean, why: string][] = [
    [STORED, NO_DIRECTIVES, 69_999, true, 'last millisecond of stale-if-error'],
    [STORED, NO_DIRECTIVES, 70_000, false, 'window used up'],
    [STORED, asking('stale-if-error=120'), 70_000, true, 'the client allows more'],
    [STORED, asking('no-cache'), 5_000, true, 'a wish yields to an outage'],
    [must, NO_DIRECTIVES, 10_000, false, 'never stale'],
    [must, asking('stale-if-error=120'), 10_000, false, 'whatever the client allows'],
    [must, asking('max-age=0'), 5_000, true, 'not stale, only asked anew'],
    [always, NO_DIRECTIVES, 0, false, 'never without asking'],
  ];
  for (const [f, r, nowMs, want, why] of rows) t.equal(mayServeOnError(f, r, nowMs), want, why);
  t.end();
});

t.test('ageSeconds() gives whole seconds that fit the Age field', (t) => {
  t.equal(ageSeconds(STORED, 1_999), 1);
  t.equal(ageSeconds(STORED, -1), 0, 'never negative');
  t.equal(ageSeconds(STORED, 1e15), 2 ** 31, 'never more than 2^31');
  t.end();
});
