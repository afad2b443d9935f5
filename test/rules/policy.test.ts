import t from 'tap';
import { storePlan } from '../../src/rules/policy.js';
import type { PolicySettings, StorePlan } from '../../src/rules/policy.js';
import { formatHttpDate } from '../../src/http/date.js';
import type { FieldLine, FieldLines } from '../../src/http/fields.js';

const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);
const SETTINGS: PolicySettings = {
  defaultTtlMs: undefined,
  heuristicFraction: 0.1,
  heuristicMaxMs: 3_600_000,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
};

interface Case {
  readonly method?: string;
  readonly request?: FieldLines;
  readonly status?: number;
  readonly settings?: Partial<PolicySettings>;
  readonly requestMs?: number;
  readonly responseMs?: number;
  readonly responseWallMs?: number;
  readonly forEveryone?: boolean;
  readonly settling?: boolean;
}

function plan(headers: FieldLines, options: Case = {}): StorePlan {
  return storePlan(
    { method: options.method ?? 'GET', headers: options.request ?? [] },
    {
      status: options.status ?? 200,
      headers,
      forEveryone: options.forEveryone ?? false,
      settling: options.settling ?? false,
    },
    {
      requestMs: options.requestMs ?? NOW,
      responseMs: options.responseMs ?? NOW,
      responseWallMs: options.responseWallMs ?? options.responseMs ?? NOW,
    },
    { ...SETTINGS, ...options.settings },
  );
}

/** A date `seconds` from now, as a field line. */
function dated(name: string, seconds: number): FieldLine {
  return [name, formatHttpDate(NOW + seconds * 1000)];
}

const DATE = dated('date', 0);

function shouted(name: string, seconds: number): FieldLine {
  return [name, dated(name, seconds)[1].toUpperCase()];
}

function control(value: string): FieldLine {
  return ['cache-control', value];
}

const FRESH = control('max-age=60');
const ETAG: FieldLine = ['etag', '"a"'];

t.test('storePlan() keeps nothing it must not, and says why', (t) => {
  const rows: [want: string, headers: FieldLines, why: string, options?: Case][] = [
    ['method', [FRESH], 'only answers to GET are kept', { method: 'POST' }],
    ['method', [FRESH], 'an answer to HEAD has no body to keep', { method: 'HEAD' }],
    ['status', [FRESH], 'a 304 updates, it is not an object', { status: 304 }],
    ['status', [FRESH], '416 is about the Range of one request', { status: 416 }],
    ['status', [FRESH], '412 is about the preconditions of one request', { status: 412 }],
    ['no-store', [control('no-store, max-age=60')], '5.2.2.5'],
    ['no-store', [control('max-age=60'), control('No-StOrE')], 'any line, any case'],
    ['request-no-store', [FRESH], '5.2.1.5', { request: [control('no-store')] }],
    ['private', [control('private, max-age=60')], '5.2.2.7: we are shared'],
    ['authorization', [FRESH], '3.5', { request: [['authorization', 'x']] }],
    ['vary', [FRESH, ['vary', '*']], '4.1: never matches'],
    ['vary', [FRESH, ['vary', 'Foo'], ['vary', ', *']], '4.1: in any place'],
    ['set-cookie', [FRESH, ['set-cookie', 'a=b']], 'may be one viewer’s own'],
    ['no-freshness', [ETAG], '201 gives no leave to guess', { status: 201 }],
    ['no-freshness', [dated('last-modified', -9999)], 'nor does 403', { status: 403 }],
    ['no-freshness', [dated('last-modified', -9999)], 'nor does 503', { status: 503 }],
    ['useless', [], 'no lifetime, no validator'],
    ['useless', [control('max-age=0')], 'never fresh, nothing to ask with'],
    ['useless', [control('no-cache, max-age=60')], 'must ask, has nothing to ask with'],
    ['useless', [control('no-cache, stale-if-error=60')], 'no-cache outweighs stale-if-error'],
    ['useless', [['expires', '0'], DATE], '5.3: an invalid date is in the past'],
    ['must-understand', [control('max-age=60, must-understand')], '5.2.2.3', { status: 599 }],
    ['partial', [FRESH, ['content-range', 'bytes 0-4/10']], 'nobody asked', { status: 206 }],
  ];
  for (const [want, headers, why, options] of rows) {
    t.same(plan(headers, options), { store: false, reason: want }, `${want}: ${why}`);
  }
  t.end();
});

t.test('storePlan() keeps what RFC 9111 section 3 allows', (t) => {
  const authorized: Case = { request: [['authorization', 'x']] };
  const rows: [headers: FieldLines, why: string, options?: Case][] = [
    [[FRESH], 'any final status with explicit freshness', { status: 599 }],
    [[FRESH], 'errors too', { status: 502 }],
    [[dated('expires', 60), DATE], 'Expires is explicit', { status: 403 }],
    [[control('max-age=60, public')], '3.5: public', authorized],
    [[control('max-age=60, must-revalidate')], '3.5: must-revalidate', authorized],
    [[control('s-maxage=60')], '3.5: s-maxage', authorized],
    [[control('s-maxage=60'), ['set-cookie', 'a=b']], 'the origin spoke to shared caches'],
    [[control('max-age=60, public'), ['set-cookie', 'a=b']], 'so does public'],
    [[control('max-age=60, no-cache="Set-Cookie"'), ['set-cookie', 'a=b']], 'cookie left out'],
    [[control('no-store, max-age=60, must-understand')], '5.2.2.3: known status'],
    [[control('no-cache'), ETAG], 'can be revalidated'],
    [[control('max-age=0'), ETAG], 'can be revalidated'],
    [[ETAG], '200 with a validator, asked about each time'],
    [[control('public'), dated('last-modified', -9999), DATE], 'public: guess', { status: 599 }],
    [[FRESH, ['pragma', 'no-cache']], '5.4: Pragma means nothing in a response'],
    [
      [FRESH, ['content-range', 'bytes 0-4/10']],
      'a part that was asked for',
      { status: 206, request: [['range', 'bytes=0-4']] },
    ],
  ];
  for (const [headers, why, options] of rows) t.equal(plan(headers, options).store, true, why);
  t.end();
});

t.test('storePlan() takes the lifetime from the first source that counts', (t) => {
  const hour = 3_600_000;
  const rows: [ttlMs: number, source: string, headers: FieldLines, why: string, o?: Case][] = [
    [9_000, 's-maxage', [control('max-age=3, s-maxage=9'), ETAG], 's-maxage first'],
    [3_000, 'max-age', [control('max-age=3'), dated('expires', 99), DATE], 'max-age over Expires'],
    [0, 'max-age', [control('max-age=0'), dated('expires', 99), DATE, ETAG], 'even when zero'],
    [2 ** 31 * 1000, 'max-age', [control('max-age=99999999999')], '1.2.2: clamped'],
    [9_000, 'expires', [dated('expires', 19), dated('date', 10)], 'counted from Date'],
    [10_000, 'expires', [dated('expires', 10), ['date', 'foo']], 'no Date: from receipt'],
    [-100_000, 'expires', [dated('expires', 300), dated('date', 400), ETAG], 'before Date'],
    [60_000, 'expires', [shouted('expires', 60), shouted('date', 0)], '4.2: in any case'],
    [0, 'expires', [['expires', 'Sat, 21 Nov 2026 12:01:00 UTC'], DATE, ETAG], '4.2: only GMT'],
    [0, 'expires', [['expires', '0'], dated('date', 0), ETAG], 'invalid'],
    [0, 'expires', [dated('expires', 60), dated('expires', 61), DATE, ETAG], 'two lines: invalid'],
    [1_000, 'last-modified', [dated('last-modified', -10), DATE], 'a tenth of the age'],
    [hour, 'last-modified', [dated('last-modified', -999_999), DATE], 'at most the maximum'],
    [0, 'last-modified', [dated('last-modified', 10), DATE], 'modified in the future'],
    [6_000, 'default', [dated('last-modified', -10), DATE], 'ours before a guess', useDefault(6)],
    [3_000, 'max-age', [control('max-age=3')], 'the origin before ours', useDefault(6)],
    [0, 'none', [ETAG], 'nothing to go by'],
  ];
  for (const [ttlMs, reason, headers, why, options] of rows) {
    t.match(plan(headers, options), { store: true, ttlMs, reason }, why);
  }
  t.match(plan([dated('last-modified', -10), DATE]), { heuristic: true });
  t.match(plan([control('max-age=3')]), { heuristic: false });
  t.end();
});

function useDefault(seconds: number): Case {
  return { settings: { defaultTtlMs: seconds * 1000 } };
}

t.test('storePlan() counts the age a response arrives with (RFC 9111 section 4.2.3)', (t) => {
  const ages: [ageMs: number, headers: FieldLines, why: string, requestMs?: number][] = [
    [0, [DATE], 'generated now'],
    [0, [dated('date', 60)], 'a fast clock makes nobody younger'],
    [59_001, [dated('date', -60)], 'apparent age, from the end of the second of Date'],
    [30_000, [DATE, ['age', '30']], 'Age'],
    [32_000, [DATE, ['age', '30']], 'and the time the exchange took', NOW - 2_000],
    [2_000, [DATE], 'which counts without Age too', NOW - 2_000],
    [7_200_000, [DATE, ['age', '7200, 0']], '5.1: the first member'],
    [0, [DATE, ['age', '0'], ['age', '7200']], '5.1: the first line'],
    [0, [DATE, ['age', 'abc']], '5.1: not a number, ignored'],
    [0, [DATE, ['age', '-7200']], '5.1: negative, ignored'],
    [0, [DATE, ['age', '7200.0']], '5.1: not an integer, ignored'],
    [2 ** 31 * 1000, [DATE, ['age', '99999999999']], '1.2.2: clamped'],
  ];
  for (const [ageMs, headers, why, requestMs] of ages) {
    t.match(
      plan([FRESH, ...headers], { requestMs: requestMs ?? NOW }),
      { bornMs: NOW - ageMs },
      why,
    );
  }
  t.end();
});

t.test('storePlan() compares Date with the wall clock, and counts ages by the other', (t) => {
  const hour = 3_600_000;
  for (const ahead of [-hour, 0, hour]) {
    const responseWallMs = NOW + ahead;
    const date: FieldLine = ['date', formatHttpDate(responseWallMs - 60_000)];
    t.match(plan([FRESH, date], { responseWallMs }), { bornMs: NOW - 59_001 }, 'apparent age');
    t.match(plan([FRESH], { responseWallMs }), { bornMs: NOW }, 'no Date');
    const expires: FieldLine = ['expires', formatHttpDate(responseWallMs + 10_000)];
    t.match(plan([expires], { responseWallMs }), { ttlMs: 10_000 }, 'Expires without Date');
    const modified: FieldLine = ['last-modified', formatHttpDate(responseWallMs - 100_000)];
    t.match(plan([modified], { responseWallMs }), { ttlMs: 10_000 }, 'a guess without Date');
  }
  t.end();
});

t.test('storePlan() opens stale windows only where nobody forbids it', (t) => {
  const ours: Case = { settings: { staleWhileRevalidateMs: 1_000, staleIfErrorMs: 5_000 } };
  const rows: [swr: number, sie: number, must: boolean, headers: FieldLines, why: string][] = [
    [1_000, 5_000, false, [FRESH], 'ours where the origin is silent'],
    [7_000, 5_000, false, [control('max-age=1, stale-while-revalidate=7')], 'RFC 5861 section 3'],
    [1_000, 9_000, false, [control('max-age=1, stale-if-error=9')], 'RFC 5861 section 4'],
    [0, 0, false, [control('max-age=1, stale-while-revalidate=0, stale-if-error=0')], 'zero'],
    [0, 0, true, [control('max-age=1, must-revalidate')], '5.2.2.2'],
    [0, 0, true, [control('max-age=1, proxy-revalidate')], '5.2.2.8'],
    [0, 0, true, [control('s-maxage=1, stale-if-error=9')], '5.2.2.10'],
    [0, 0, false, [control('no-cache, stale-while-revalidate=9'), ETAG], '5.2.2.4'],
    [0, 5_000, false, [control('max-age=0')], 'stale at once: only when the origin is down'],
    [0, 0, false, [ETAG], 'never called cacheable: never served without the origin'],
  ];
  for (const [swrMs, sieMs, mustRevalidate, headers, why] of rows) {
    t.match(plan(headers, ours), { store: true, swrMs, sieMs, mustRevalidate }, why);
  }
  t.end();
});

const PAGE: FieldLine = ['content-type', 'text/html'];
const MEDIA: FieldLine = ['content-type', 'video/iso.segment'];
const MODIFIED = dated('last-modified', -9_999);
const COOKIE: FieldLines = [['cookie', 'session=1']];

t.test('storePlan() shares what was answered to somebody only by the word of the origin', (t) => {
  const byDefault = useDefault(10);
  const rows: [shares: boolean, headers: FieldLines, why: string, options?: Case][] = [
    [false, [PAGE], 'a default of ours', byDefault],
    [false, [PAGE, MODIFIED], 'a heuristic'],
    [false, [PAGE, ETAG], 'not even to be revalidated: tags are made of URLs, too'],
    [false, [MEDIA], 'media', byDefault],
    [false, [PAGE], 'a moment of 404', { ...byDefault, status: 404 }],
    [false, [control('no-cache'), ETAG], 'others may wait for it, and it is stale at once'],
    [false, [control('max-age=0'), ETAG], 'so is this'],
    [false, [dated('expires', -1), DATE, ETAG], 'and this'],
    [false, [control('public'), MODIFIED], 'public, but not for how long'],
    [true, [FRESH], 'a lifetime'],
    [true, [dated('expires', 60), DATE], 'Expires'],
    [true, [['cdn-cache-control', 'max-age=60']], 'a lifetime for such as us'],
    [true, [control('public, no-cache'), ETAG], 'public, to be asked about'],
    [true, [control('s-maxage=0'), ETAG], 'spoken to shared caches'],
    [true, [PAGE], 'an origin that asks nobody who he is', { forEveryone: true, ...byDefault }],
    [true, [MODIFIED], 'which may guess as well', { forEveryone: true }],
  ];
  for (const [shares, headers, why, options] of rows) {
    const made = plan(headers, { ...options, request: COOKIE });
    t.match(made, shares ? { anonymousOnly: false } : { reason: 'credentials' }, why);
    t.equal(plan(headers, options).store, true, `${why}: kept when nobody in particular asked`);
  }
  const authorized: Case = { request: [['authorization', 'x']] };
  t.match(plan([control('must-revalidate'), ETAG], authorized), { reason: 'credentials' });
  t.match(plan([FRESH], { request: [['x-api-key', 'k']] }), { anonymousOnly: false });
  t.match(plan([MODIFIED], { request: [['x-api-key', 'k']] }), { reason: 'credentials' });
  t.end();
});

t.test('storePlan() says what is for the anonymous alone', (t) => {
  const byDefault = useDefault(10);
  const rows: [anonymousOnly: boolean, headers: FieldLines, why: string, options?: Case][] = [
    [true, [PAGE], 'a page of nobody, by a guess', byDefault],
    [true, [PAGE, MODIFIED], 'by a heuristic'],
    [true, [ETAG], 'of no lifetime at all'],
    [true, [['content-type', 'audio/mpegurl']], 'a playlist may name a session', byDefault],
    [true, [['content-type', 'application/octet-stream']], 'may be anything', byDefault],
    [true, [], 'no type', byDefault],
    [true, [control('no-cache'), ETAG, PAGE], 'nothing said for another use'],
    [false, [MEDIA], 'media is the same for all', byDefault],
    [false, [['content-type', 'Audio/MP4; codecs=x']], 'so is this', byDefault],
    [false, [['content-type', 'text/vtt']], 'and this', byDefault],
    [false, [PAGE, FRESH], 'a lifetime of its own'],
    [false, [PAGE, control('public'), MODIFIED], 'public'],
    [false, [PAGE], 'from a directory', { ...byDefault, forEveryone: true }],
  ];
  for (const [anonymousOnly, headers, why, options] of rows) {
    t.match(plan(headers, options), { store: true, anonymousOnly }, why);
  }
  t.end();
});

t.test('storePlan() never guesses how long a cookie is for all', (t) => {
  const set: FieldLine = ['set-cookie', 'session=1'];
  const rows: [headers: FieldLines, why: string, options?: Case][] = [
    [[MEDIA, set], 'a default', useDefault(10)],
    [[control('public'), MODIFIED, set], 'a heuristic'],
    [[control('no-cache="set-cookie"'), MODIFIED, set], 'even left out'],
    [[MEDIA, set], 'of any origin', { ...useDefault(10), forEveryone: true }],
  ];
  for (const [headers, why, options] of rows) {
    t.same(plan(headers, options), { store: false, reason: 'set-cookie' }, why);
  }
  t.end();
});

t.test('storePlan() gives a heuristic lifetime the least that is set', (t) => {
  const least: Case = { settings: { leastTtlMs: 10_000 } };
  t.match(plan([MEDIA], least), { ttlMs: 10_000, heuristic: true });
  t.match(plan([dated('last-modified', -10), DATE], least), { ttlMs: 10_000 }, 'a tenth is less');
  t.match(plan([dated('last-modified', -1_000), DATE], least), { ttlMs: 100_000 }, 'more');
  t.match(plan([FRESH], least), { ttlMs: 60_000 }, 'not what is explicit');
  t.match(plan([control('max-age=1')], least), { ttlMs: 1_000 });
  t.end();
});

t.test('storePlan() keeps what may still be being written for a moment, whatever it says', (t) => {
  const settling = (defaultTtlMs?: number): Case => {
    const settings = { defaultTtlMs, staleWhileRevalidateMs: 5_000, staleIfErrorMs: 9_000 };
    return { settling: true, settings };
  };
  const rows: [headers: FieldLines, defaultMs: number | undefined, ttlMs: number, why: string][] = [
    [[control('max-age=1'), ETAG], 31_536_000_000, 1_000, 'a segment'],
    [[control('no-cache'), ETAG], 500, 500, 'a playlist that lives shorter'],
    [[control('no-cache'), ETAG], 600_000, 1_000, 'one that has ended, as far as it is there'],
    [[control('max-age=1'), ETAG], undefined, 1_000, 'anything'],
  ];
  for (const [headers, defaultMs, ttlMs, why] of rows) {
    const want = { store: true, ttlMs, swrMs: 0, sieMs: 9_000, alwaysRevalidate: false };
    t.match(plan(headers, settling(defaultMs)), want, why);
  }
  t.end();
});

t.test('storePlan() keeps the rest when fields are named by no-cache or private', (t) => {
  const named = plan([control('max-age=60, no-cache="A, b", private="C"')]);
  t.match(named, { store: true, alwaysRevalidate: false, stripFields: ['a', 'b', 'c'] });
  t.match(plan([control('max-age=60, no-cache'), ETAG]), { alwaysRevalidate: true });
  t.match(plan([FRESH, ['vary', 'B, a'], ['vary', 'A']]), { vary: ['a', 'b'] });
  t.end();
});

t.test('storePlan() lets a valid CDN-Cache-Control rule alone (RFC 9213)', (t) => {
  const cdn = (value: string): FieldLine => ['cdn-cache-control', value];
  const rows: [want: object, headers: FieldLines, why: string][] = [
    [{ ttlMs: 60_000 }, [cdn('max-age=60'), control('max-age=1')], 'over Cache-Control'],
    [{ ttlMs: 60_000 }, [cdn('max-age=60'), control('no-store')], 'even over no-store'],
    [{ ttlMs: 60_000 }, [cdn('foo, max-age=60;x=1')], 'unknown members, parameters ignored'],
    [{ ttlMs: 60_000 }, [cdn('max-age=60, no-store=?0')], 'false is absent'],
    [{ ttlMs: 2 ** 31 * 1000 }, [cdn('max-age=99999999999')], 'clamped'],
    [{ reason: 'no-store' }, [cdn('no-store'), control('max-age=60')], 'forbids too'],
    [{ reason: 'private' }, [cdn('private'), control('max-age=60')], 'forbids too'],
    [{ reason: 'none' }, [cdn('foo'), dated('expires', 60), ETAG], 'Expires is ignored with it'],
    [{ stripFields: ['a'] }, [cdn('max-age=60, private="a"')], 'qualified'],
    [{ ttlMs: 1_000 }, [cdn('max-age =60'), control('max-age=1')], 'malformed: not there'],
    [{ ttlMs: 1_000 }, [cdn('MaX-aGe=60'), control('max-age=1')], 'keys are lower-case'],
    [{ ttlMs: 1_000 }, [cdn('max-age="60"'), control('max-age=1')], 'wrong type: not there'],
    [{ ttlMs: 1_000 }, [cdn('max-age=1.5'), control('max-age=1')], 'wrong type: not there'],
    [{ ttlMs: 1_000 }, [cdn('max-age=(1 2)'), control('max-age=1')], 'wrong type: not there'],
    [{ ttlMs: 1_000 }, [cdn(''), control('max-age=1')], 'empty: not there'],
    [{ reason: 'no-store' }, [cdn('max-age=60, &&&'), control('no-store')], 'malformed'],
  ];
  for (const [want, headers, why] of rows) t.match(plan(headers), want, why);
  t.end();
});
