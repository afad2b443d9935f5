import fc from 'fast-check';
import t from 'tap';
import {
  evaluateConditions,
  ifRangeHolds,
  parseEntityTags,
  strongEqual,
  weakEqual,
  type Conditions,
  type Validators,
} from '../../src/http/conditions.js';
import { formatHttpDate } from '../../src/http/date.js';

const NOW = Date.UTC(2026, 10, 21);
const MODIFIED = Date.UTC(2026, 10, 20, 12);
const AT = formatHttpDate(MODIFIED);
const BEFORE = formatHttpDate(MODIFIED - 1_000);
const AFTER = formatHttpDate(MODIFIED + 1_000);
const V: Validators = { etag: '"v1"', lastModifiedMs: MODIFIED, dateMs: MODIFIED + 60_000 };
const WEAK: Validators = { ...V, etag: 'W/"v1"' };
const BARE: Validators = {};

type Row = [c: Omit<Conditions, 'method'>, v: Validators, status: 200 | 304 | 412, why: string];

t.test('evaluateConditions() judges a GET in the order of RFC 9110', (t) => {
  const rows: Row[] = [
    [{}, V, 200, 'no precondition'],
    [{ ifMatch: '"v1"' }, V, 200, 'If-Match: same strong tag'],
    [{ ifMatch: '"v0", "v1"' }, V, 200, 'one of several'],
    [{ ifMatch: '"v2"' }, V, 412, 'another tag'],
    [{ ifMatch: 'W/"v1"' }, WEAK, 412, 'weak tags never match strongly'],
    [{ ifMatch: '"v1"' }, WEAK, 412, 'nor does a strong one match a weak'],
    [{ ifMatch: '*' }, BARE, 200, 'any representation will do'],
    [{ ifMatch: '"v1"' }, BARE, 412, 'no tag to match'],
    [{ ifMatch: 'v1' }, V, 412, 'unquoted is no tag'],
    [{ ifMatch: '' }, V, 412, 'an empty list matches nothing'],
    [{ ifMatch: '"v1"', ifUnmodifiedSince: BEFORE }, V, 200, 'If-Match outranks the date'],
    [{ ifUnmodifiedSince: BEFORE }, V, 412, 'modified since'],
    [{ ifUnmodifiedSince: AT }, V, 200, 'same second'],
    [{ ifUnmodifiedSince: AFTER }, V, 200, 'not modified since'],
    [{ ifUnmodifiedSince: 'yesterday' }, V, 200, 'an invalid date is ignored'],
    [{ ifUnmodifiedSince: BEFORE }, BARE, 200, 'no date to compare with'],
    [{ ifNoneMatch: '"v1"' }, V, 304, 'If-None-Match: same tag'],
    [{ ifNoneMatch: 'W/"v1"' }, V, 304, 'weak comparison'],
    [{ ifNoneMatch: '"v1"' }, WEAK, 304, 'weak comparison the other way'],
    [{ ifNoneMatch: '"a,b", W/"v1"\t,"c"' }, V, 304, 'in the middle, after a tag with a comma'],
    [{ ifNoneMatch: '"v2"' }, V, 200, 'another tag'],
    [{ ifNoneMatch: '"V1"' }, V, 200, 'case counts'],
    [{ ifNoneMatch: 'w/"v1"' }, V, 200, 'the weakness mark is upper case'],
    [{ ifNoneMatch: 'v1' }, V, 200, 'unquoted is no tag'],
    [{ ifNoneMatch: '"v1' }, V, 200, 'unclosed is no tag'],
    [{ ifNoneMatch: '"v1"x' }, V, 200, 'rubbish behind the tag'],
    [{ ifNoneMatch: '"v0" "v1"' }, V, 200, 'no comma: nothing after it is believed'],
    [{ ifNoneMatch: '*' }, BARE, 304, 'a representation exists'],
    [{ ifNoneMatch: '"*"' }, V, 200, 'a quoted star is a tag'],
    [{ ifNoneMatch: '"v2"', ifModifiedSince: AFTER }, V, 200, 'If-None-Match outranks the date'],
    [{ ifModifiedSince: AT }, V, 304, 'same second'],
    [{ ifModifiedSince: AFTER }, V, 304, 'not modified since'],
    [{ ifModifiedSince: BEFORE }, V, 200, 'modified since'],
    [{ ifModifiedSince: 'Fri' }, V, 200, 'an invalid date is ignored'],
    [{ ifModifiedSince: AT }, BARE, 200, 'no date to compare with'],
    [{ ifModifiedSince: AT }, { dateMs: MODIFIED }, 304, 'Date stands in (RFC 9111 4.3.2)'],
    [{ ifModifiedSince: AT }, { lastModifiedMs: MODIFIED + 999 }, 304, 'milliseconds are cut'],
    [{ ifMatch: '"v1"', ifNoneMatch: '"v1"' }, V, 304, 'both are judged'],
    [{ ifMatch: '"v2"', ifNoneMatch: '"v1"' }, V, 412, 'the first that fails decides'],
    [{ ifUnmodifiedSince: BEFORE, ifModifiedSince: AT }, V, 412, 'the same for dates'],
  ];
  for (const [c, v, status, why] of rows) {
    t.equal(evaluateConditions({ method: 'GET', ...c }, v, NOW), status, `GET: ${why}`);
    t.equal(evaluateConditions({ method: 'HEAD', ...c }, v, NOW), status, `HEAD: ${why}`);
  }
  t.end();
});

t.test('evaluateConditions() depends on the method', (t) => {
  const rows: [c: Conditions, status: 200 | 304 | 412, why: string][] = [
    [{ method: 'PUT', ifNoneMatch: '*' }, 412, 'create only: it exists'],
    [{ method: 'DELETE', ifNoneMatch: '"v1"' }, 412, 'no 304 for a change'],
    [{ method: 'PUT', ifNoneMatch: '"v2"' }, 200, 'not that version'],
    [{ method: 'PUT', ifMatch: '"v1"' }, 200, 'update of the known version'],
    [{ method: 'PUT', ifModifiedSince: AT }, 200, 'If-Modified-Since is for GET and HEAD'],
    [{ method: 'PUT', ifUnmodifiedSince: BEFORE }, 412, 'changed meanwhile'],
    [{ method: 'OPTIONS', ifMatch: '"v2"' }, 200, 'selects no representation'],
    [{ method: 'TRACE', ifNoneMatch: '*' }, 200, 'selects no representation'],
    [{ method: 'CONNECT', ifUnmodifiedSince: BEFORE }, 200, 'selects no representation'],
    [{ method: 'get', ifNoneMatch: '"v1"' }, 412, 'methods are case-sensitive'],
  ];
  for (const [c, status, why] of rows) t.equal(evaluateConditions(c, V, NOW), status, why);
  t.end();
});

t.test('evaluateConditions() reads two-digit years by the clock it is given', (t) => {
  const c = { method: 'GET', ifModifiedSince: 'Friday, 20-Nov-70 12:00:00 GMT' };
  t.equal(evaluateConditions(c, V, NOW), 304, '2070, 44 years ahead');
  t.equal(evaluateConditions(c, V, Date.UTC(2019, 0, 1)), 200, '1970, as 2070 is 51 years ahead');
  t.end();
});

t.test('ifRangeHolds() compares strongly', (t) => {
  const rows: [value: string, v: Validators, holds: boolean, why: string][] = [
    ['"v1"', V, true, 'same strong tag'],
    ['"v2"', V, false, 'another tag'],
    ['W/"v1"', WEAK, false, 'weak, though identical'],
    ['"v1"', WEAK, false, 'the stored one is weak'],
    ['"v1"', BARE, false, 'no tag to compare with'],
    ['"v1", "v1"', { etag: '"v1", "v1"' }, false, 'a list is no tag'],
    ['"v1', { etag: '"v1' }, false, 'unclosed is no tag'],
    ['v1', { ...V, etag: 'v1' }, false, 'unquoted is no tag'],
    ['*', V, false, 'no star here'],
    ['', V, false, 'empty'],
    [AT, V, true, 'exactly the date, strong by its Date'],
    [AFTER, V, false, 'a later date is not the same'],
    [BEFORE, V, false, 'nor is an earlier one'],
    [AT, { ...V, lastModifiedMs: MODIFIED + 5 }, true, 'milliseconds are cut'],
    [AT, { ...V, dateMs: MODIFIED + 1_000 }, true, 'one second later is strong'],
    [AT, { ...V, dateMs: MODIFIED + 999 }, false, 'within the second it may have changed again'],
    [AT, { lastModifiedMs: MODIFIED }, false, 'no Date, so weak'],
    [AT, { etag: '"v1"', dateMs: NOW }, false, 'no Last-Modified'],
  ];
  for (const [value, v, holds, why] of rows) t.equal(ifRangeHolds(value, v), holds, why);
  t.end();
});

t.test('strongEqual() and weakEqual() follow the table of RFC 9110 section 8.8.3.2', (t) => {
  const rows: [a: string, b: string, strong: boolean, weak: boolean][] = [
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', 'W/"1"', false, true],
    ['"1"', '"1"', true, true],
    ['"1"', '"2"', false, false],
    ['""', '""', true, true],
    ['1', '1', false, false],
    ['"', '"', false, false],
    ['"1" ', '"1" ', false, false],
    ['"1"', '1', false, false],
    ['', '', false, false],
  ];
  for (const [a, b, strong, weak] of rows) {
    t.equal(strongEqual(a, b), strong, `strong: ${a} ${b}`);
    t.equal(weakEqual(a, b), weak, `weak: ${a} ${b}`);
  }
  t.end();
});

t.test('parseEntityTags() lists tags up to the first that is none', (t) => {
  const rows: [value: string, tags: '*' | string[], why: string][] = [
    ['*', '*', 'star'],
    ['"a"', ['"a"'], 'one'],
    [' ,"a" ,, W/"b,c"\t,""', ['"a"', 'W/"b,c"', '""'], 'blanks, empty members, comma in a tag'],
    ['"\u00e9"', ['"\u00e9"'], 'obs-text'],
    ['"a", b, "c"', ['"a"'], 'stops at an unquoted one'],
    ['"a" "b"', [], 'no comma between'],
    ['', [], 'empty'],
  ];
  for (const [value, tags, why] of rows) t.same(parseEntityTags(value), tags, why);
  t.end();
});

t.test('If-None-Match matches exactly when parseEntityTags() lists an equal tag', (t) => {
  const tag = fc.constantFrom('"a"', 'W/"a"', '"b"', '"a,b"', 'a', '"', '', '*');
  const list = fc.array(tag, { minLength: 1, maxLength: 4 }).map((tags) => tags.join(', '));
  fc.assert(
    fc.property(list, fc.constantFrom('"a"', 'W/"a"', '"a,b"', 'a'), (ifNoneMatch, etag) => {
      const tags = parseEntityTags(ifNoneMatch);
      const listed = tags === '*' || tags.some((one) => weakEqual(one, etag));
      const status = evaluateConditions({ method: 'GET', ifNoneMatch }, { etag }, NOW);
      return status === (listed ? 304 : 200);
    }),
    { numRuns: 500 },
  );
  t.pass('for any list of tags');
  t.end();
});
