import t from 'tap';
import { parseCacheControl, type CacheControl } from '../../src/http/cache-control.js';

const NONE: CacheControl = {
  noStore: false,
  noCache: false,
  private: false,
  public: false,
  mustRevalidate: false,
  proxyRevalidate: false,
  mustUnderstand: false,
  noTransform: false,
  onlyIfCached: false,
  immutable: false,
};

type Row = [value: string, want: Partial<CacheControl>, why: string];

function check(t: Tap, rows: readonly Row[]): void {
  for (const [value, want, why] of rows) {
    t.strictSame(parseCacheControl([['cache-control', value]]), { ...NONE, ...want }, why);
  }
}
type Tap = Pick<typeof t, 'strictSame'>;

t.test('parseCacheControl() reads every directive', (t) => {
  check(t, [
    ['', {}, 'empty'],
    ['no-store', { noStore: true }, 'no-store'],
    ['NO-Store', { noStore: true }, 'names have no case'],
    ['public, max-age=60', { public: true, maxAge: 60 }, 'two directives'],
    [',max-age=60,,public ,', { public: true, maxAge: 60 }, 'empty members'],
    ['s-maxage=5', { sMaxage: 5 }, 's-maxage'],
    ['must-revalidate', { mustRevalidate: true }, 'must-revalidate'],
    ['proxy-revalidate', { proxyRevalidate: true }, 'proxy-revalidate'],
    ['must-understand, no-store', { mustUnderstand: true, noStore: true }, 'must-understand'],
    ['no-transform, only-if-cached', { noTransform: true, onlyIfCached: true }, 'for requests'],
    ['immutable', { immutable: true }, 'RFC 8246'],
    [
      'stale-while-revalidate=30, stale-if-error=600',
      { staleWhileRevalidate: 30, staleIfError: 600 },
      'RFC 5861',
    ],
    ['max-stale', { maxStale: Infinity }, 'any staleness'],
    ['max-stale=7, min-fresh=3', { maxStale: 7, minFresh: 3 }, 'with values'],
    ['no-cache', { noCache: true }, 'unqualified'],
    ['no-cache="Set-Cookie, X-A"', { noCache: ['set-cookie', 'x-a'] }, 'qualified'],
    ['no-cache=set-cookie', { noCache: ['set-cookie'] }, 'qualified, token form'],
    ['private="x-user"', { private: ['x-user'] }, 'private, qualified'],
    ['private', { private: true }, 'private'],
    ['community="UCI", max-age=1', { maxAge: 1 }, 'extensions are ignored'],
    ['constructor, __proto__=1, toString', {}, 'names of the language are just unknown'],
  ]);
  t.end();
});

t.test('parseCacheControl() reads seconds', (t) => {
  check(t, [
    ['max-age="3600"', { maxAge: 3_600 }, 'quoted form'],
    ['max-age="36\\00"', { maxAge: 3_600 }, 'quoted pair'],
    ['max-age=003600', { maxAge: 3_600 }, 'leading zeros'],
    ['max-age=0', { maxAge: 0 }, 'zero'],
    ['max-age=2147483648', { maxAge: 2 ** 31 }, '2^31'],
    ['max-age=2147483649', { maxAge: 2 ** 31 }, 'more counts as 2^31'],
    [`s-maxage=${'9'.repeat(400)}`, { sMaxage: 2 ** 31 }, 'beyond any double'],
    ['ext="max-age=3600", max-age=1', { maxAge: 1 }, 'not from inside a quoted string'],
    ['max-age=1, ext="a, max-age=0"', { maxAge: 1 }, 'nor behind a comma in one'],
  ]);
  t.end();
});

t.test('parseCacheControl() takes the safe reading of what is unreadable', (t) => {
  check(t, [
    ['max-age', { maxAge: 0 }, 'no value'],
    ['max-age=', { maxAge: 0 }, 'empty value'],
    ['max-age=""', { maxAge: 0 }, 'empty quoted value'],
    ['max-age=-1', { maxAge: 0 }, 'negative'],
    ['max-age=1.5', { maxAge: 0 }, 'fraction'],
    ['max-age=a3600', { maxAge: 0 }, 'letters'],
    ["max-age='3600'", { maxAge: 0 }, 'single quotes are part of a token'],
    ['max-age =3600', { maxAge: 0 }, 'blank before the equals sign'],
    ['max-age= 3600', { maxAge: 0 }, 'blank behind it'],
    ['max-age=3600 60', { maxAge: 0 }, 'two numbers'],
    ['max-age=3600;public', { maxAge: 0 }, 'wrong separator'],
    ['max-age="3600', { maxAge: 0 }, 'unclosed quote'],
    ['s-maxage=x', { sMaxage: 0 }, 's-maxage alike'],
    ['stale-while-revalidate', { staleWhileRevalidate: 0 }, 'no window'],
    ['stale-if-error=x', { staleIfError: 0 }, 'no window'],
    ['max-stale=x', { maxStale: 0 }, 'no staleness'],
    ['max-stale=', { maxStale: 0 }, 'no staleness'],
    ['min-fresh=x', { minFresh: 2 ** 31 }, 'nothing is fresh enough'],
    ['no-store=x', { noStore: true }, 'a restriction counts with any value'],
    ['no-store x', { noStore: true }, 'or with rubbish behind it'],
    ['x="a, no-store', { noStore: true }, 'an unclosed quote hides no restriction'],
    ['public=x', {}, 'a permission counts only as written in the standard'],
    ['public x, immutable=1, must-understand=1', {}, 'all three permissions'],
    ['no-cache=""', { noCache: true }, 'an empty list qualifies nothing'],
    ['no-cache="a b"', { noCache: true }, 'nor does what is no field name'],
    ['private="a', { private: true }, 'nor an unclosed quote'],
  ]);
  t.end();
});

t.test('parseCacheControl() takes the safe one of two values', (t) => {
  check(t, [
    ['max-age=1, max-age=1800', { maxAge: 1 }, 'smaller first'],
    ['max-age=1800, max-age=1', { maxAge: 1 }, 'smaller last'],
    ['max-age=60, max-age=x', { maxAge: 0 }, 'one unreadable'],
    ['max-stale, max-stale=5', { maxStale: 5 }, 'least staleness'],
    ['min-fresh=5, min-fresh=9', { minFresh: 9 }, 'most freshness'],
    ['stale-if-error=9, stale-if-error=5', { staleIfError: 5 }, 'least staleness'],
    ['no-cache="a", no-cache', { noCache: true }, 'unqualified wins'],
    ['no-cache, no-cache="a"', { noCache: true }, 'in either order'],
    ['no-cache="a", no-cache="b, a"', { noCache: ['a', 'b'] }, 'lists add up'],
    ['public, private', { public: true, private: true }, 'both are told; policy decides'],
  ]);
  t.end();
});

t.test('parseCacheControl() reads all lines of the field it is asked for', (t) => {
  const lines = [
    ['cache-control', 'max-age=3600, x="'],
    ['cdn-cache-control', 'max-age=9'],
    ['cache-control', 'no-transform, max-age=1800'],
  ] as const;
  t.strictSame(parseCacheControl(lines), { ...NONE, maxAge: 1_800, noTransform: true });
  t.strictSame(parseCacheControl(lines, 'cdn-cache-control'), { ...NONE, maxAge: 9 });
  t.strictSame(parseCacheControl([]), NONE, 'absent');
  t.end();
});

t.test(
  'parseCacheControl() reads a request of ours in time that grows with it, whatever it says',
  (t) => {
    const timed = (members: number): number => {
      const value = Array.from({ length: members }, (_, i) => `private=${i.toString(36)}x`).join(
        ',',
      );
      const startedMs = performance.now();
      for (let i = 0; i < 3; i += 1) parseCacheControl([['cache-control', value]]);
      return performance.now() - startedMs;
    };
    timed(2_000);
    const [little, much] = [timed(2_000), timed(16_000)];
    t.ok(much < 32 * little + 20, `${much} ms for eight times what took ${little}`);
    t.end();
  },
);
