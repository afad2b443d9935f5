import t from 'tap';
import type { CacheControl } from '../../src/http/cache-control.js';
import type { FieldLine } from '../../src/http/fields.js';
import { effectiveControl } from '../../src/rules/targeted.js';

const PLAIN: FieldLine = ['cache-control', 'no-store, max-age=7'];
const OF_PLAIN = { control: { noStore: true, maxAge: 7 }, targeted: false };

function cdn(value: string): FieldLine {
  return ['cdn-cache-control', value];
}

t.test('effectiveControl() reads each directive that a shared cache knows', (t) => {
  const rows: [value: string, want: Partial<CacheControl>][] = [
    ['max-age=1', { maxAge: 1 }],
    ['s-maxage=2', { sMaxage: 2 }],
    ['stale-while-revalidate=3', { staleWhileRevalidate: 3 }],
    ['stale-if-error=4', { staleIfError: 4 }],
    ['no-store', { noStore: true }],
    ['no-cache', { noCache: true }],
    ['no-cache="A, b"', { noCache: ['a', 'b'] }],
    ['no-cache="a\\", public, max-age=99, b=\\""', { noCache: true }],
    ['private', { private: true }],
    ['private="a"', { private: ['a'] }],
    ['public', { public: true }],
    ['must-revalidate', { mustRevalidate: true }],
    ['proxy-revalidate', { proxyRevalidate: true }],
    ['must-understand', { mustUnderstand: true }],
    ['no-transform', { noTransform: true }],
    ['immutable', { immutable: true }],
  ];
  const { control: nothing } = effectiveControl([cdn('foo')]);
  for (const [value, want] of rows) {
    const control = { ...nothing, ...want };
    t.same(effectiveControl([cdn(value), PLAIN]), { control, targeted: true }, value);
  }
  t.end();
});

t.test('effectiveControl() goes by Cache-Control where a value is of the wrong type', (t) => {
  const rows = [
    ['max-age', 'no seconds'],
    ['max-age=?0', 'a boolean, though a false one'],
    ['max-age=sixty', 'a token'],
    ['max-age=1.5', 'a decimal'],
    ['max-age=60.0', 'a decimal, though a whole one'],
    ['s-maxage=-0.0', 'one below zero'],
    ['max-age=60, max-age=60.0;x', 'the last of the same name'],
    ['public, stale-if-error=1.000', 'one of several'],
    ['public=1.0', 'one where a flag belongs'],
    ['public=1', 'a number where a flag belongs'],
    ['no-store="a"', 'names where a flag belongs'],
    ['no-cache=a', 'a token, not a string'],
    ['private=0', 'a number'],
    ['private=("a" "b")', 'a list of names'],
    ['private=:YQ==:', 'bytes'],
    ['public, max-age=60, immutable=1', 'one of several'],
    ['public=1, foo', 'with an unknown one behind it'],
  ] as const;
  for (const [value, why] of rows) t.match(effectiveControl([cdn(value), PLAIN]), OF_PLAIN, why);
  t.end();
});

t.test('effectiveControl() reads the targeted field as one dictionary', (t) => {
  const rows: [lines: FieldLine[], want: object, why: string][] = [
    [[], { control: { noStore: false }, targeted: false }, 'neither field'],
    [[PLAIN], OF_PLAIN, 'Cache-Control alone'],
    [[cdn('   '), PLAIN], OF_PLAIN, 'blank'],
    [[cdn('max-age=1,'), PLAIN], OF_PLAIN, 'a comma at the end'],
    [[cdn('max-age=1'), cdn('&'), PLAIN], OF_PLAIN, 'one bad line spoils the others'],
    [[cdn('max-age=1'), cdn('public')], { control: { maxAge: 1, public: true } }, 'two lines'],
    [[cdn('max-age=1, max-age=2')], { control: { maxAge: 2 } }, 'the last of the same name'],
    [[cdn('max-age=60.0, max-age=2')], { control: { maxAge: 2 } }, 'of which one is a decimal'],
    [[cdn('max-age=3;x=1.0')], { control: { maxAge: 3 } }, 'a parameter that is one'],
    [[cdn('x=1.0, max-age=4')], { control: { maxAge: 4 } }, 'an unknown one that is one'],
    [[cdn('private="a,max-age=1.0", max-age=5')], { control: { maxAge: 5 } }, 'a string with one'],
    [[cdn('max-age=-1')], { control: { maxAge: 0 }, targeted: true }, 'no lifetime below zero'],
    [[cdn('private="", public')], { control: { private: true, public: true } }, 'no names: all'],
    [[cdn('private=?0'), PLAIN], { control: { private: false }, targeted: true }, 'false'],
    [[cdn('constructor=1'), PLAIN], { control: { noStore: false }, targeted: true }, 'unknown'],
    [[['surrogate-control', 'max-age=1'], PLAIN], OF_PLAIN, 'a field that is not for us'],
  ];
  for (const [lines, want, why] of rows) t.match(effectiveControl(lines), want, why);
  t.end();
});
