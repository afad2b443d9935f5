import fc from 'fast-check';
import t from 'tap';
import { formatHttpDate, parseHttpDate } from '../../src/http/date.js';

const NOW = Date.UTC(2026, 10, 21);
const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37); // of RFC 9110 section 5.6.7

t.test('parseHttpDate() reads the three forms', (t) => {
  const rows: [value: string, ms: number, why: string][] = [
    ['Sun, 06 Nov 1994 08:49:37 GMT', EXAMPLE, 'IMF-fixdate'],
    ['Sunday, 06-Nov-94 08:49:37 GMT', EXAMPLE, 'RFC 850'],
    ['Sun Nov  6 08:49:37 1994', EXAMPLE, 'asctime, one-digit day'],
    ['Wed Nov 16 08:49:37 1994', Date.UTC(1994, 10, 16, 8, 49, 37), 'asctime, two-digit day'],
    ['Sun Nov 06 08:49:37 1994', EXAMPLE, 'asctime, day with a zero'],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0, 'the epoch'],
    ['Thu, 29 Feb 2024 23:59:59 GMT', Date.UTC(2024, 1, 29, 23, 59, 59), 'leap day'],
    ['Tue, 29 Feb 2000 00:00:00 GMT', Date.UTC(2000, 1, 29), 'leap day of a century'],
    ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1), 'leap second'],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 253_402_300_799_000, 'the last second'],
    ['Sat, 01 Jan 0000 00:00:00 GMT', -62_167_219_200_000, 'the first'],
    ['Mon, 06 Nov 1994 08:49:37 GMT', EXAMPLE, 'the day name is not compared'],
  ];
  for (const [value, ms, why] of rows) t.equal(parseHttpDate(value, NOW), ms, why);
  t.end();
});

t.test('parseHttpDate() takes no other form', (t) => {
  const rows: [value: string, why: string][] = [
    ['', 'empty'],
    ['0', 'the classic invalid Expires'],
    ['-1', 'the other one'],
    ['1994-11-06T08:49:37Z', 'ISO 8601'],
    ['Sun, 06 Nov 1994 08:49:37 UTC', 'zone must be GMT'],
    ['Sun, 06 Nov 1994 08:49:37 +0000', 'no numeric zone'],
    ['Sun, 06 Nov 1994 08:49:37 gmt', 'case counts in the zone'],
    ['SUN, 06 Nov 1994 08:49:37 GMT', 'in the day'],
    ['Sun, 06 NOV 1994 08:49:37 GMT', 'in the month'],
    ['Sun 06 Nov 1994 08:49:37 GMT', 'missing comma'],
    ['Sun, 6 Nov 1994 08:49:37 GMT', 'one-digit day'],
    ['Sun, 06 Nov 94 08:49:37 GMT', 'two-digit year'],
    ['Sun, 06-Nov-1994 08:49:37 GMT', 'dashes'],
    ['Sun, 06-Nov-94 08:49:37 GMT', 'RFC 850 wants the long name'],
    ['Sunday, 06 Nov 1994 08:49:37 GMT', 'IMF-fixdate wants the short one'],
    ['Sun, 06 Nov 1994 8:49:37 GMT', 'one-digit hour'],
    ['Sun, 06 Nov 1994 08.49.37 GMT', 'dots'],
    ['Sun, 06 Nov 1994 24:00:00 GMT', 'hour 24'],
    ['Sun, 06 Nov 1994 08:60:00 GMT', 'minute 60'],
    ['Sun, 06 Nov 1994 08:00:61 GMT', 'second 61'],
    ['Sun, 00 Nov 1994 08:49:37 GMT', 'day 0'],
    ['Sun, 31 Nov 1994 08:49:37 GMT', 'November has 30 days'],
    ['Wed, 29 Feb 2023 00:00:00 GMT', 'no leap year'],
    ['Thu, 29 Feb 1900 00:00:00 GMT', 'a century is none'],
    ['Sun, 06 anF 1994 08:49:37 GMT', 'letters that straddle two months'],
    [' Sun, 06 Nov 1994 08:49:37 GMT', 'blank in front'],
    ['Sun, 06 Nov 1994 08:49:37 GMT\n', 'line break behind'],
    ['Sun, 06  Nov 1994 08:49:37 GMT', 'two blanks'],
    ['Sun Nov 6 08:49:37 1994', 'asctime pads with a blank'],
    ['Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT', 'two dates'],
  ];
  for (const [value, why] of rows) t.equal(parseHttpDate(value, NOW), undefined, why);
  t.end();
});

t.test('parseHttpDate() keeps two-digit years at most 50 years ahead', (t) => {
  const rows: [value: string, nowMs: number, year: number, why: string][] = [
    ['Friday, 18-Aug-50 02:01:18 GMT', NOW, 2050, '24 years ahead'],
    ['Friday, 20-Nov-76 00:00:00 GMT', NOW, 2076, 'a day under 50 years'],
    ['Friday, 22-Nov-76 00:00:00 GMT', NOW, 1976, 'a day over'],
    ['Friday, 31-Dec-99 00:00:00 GMT', NOW, 1999, 'far over'],
    ['Friday, 01-Jan-05 00:00:00 GMT', Date.UTC(2060, 0, 1), 2105, 'over the turn of a century'],
    ['Friday, 01-Jan-50 00:00:00 GMT', Date.UTC(2060, 0, 1), 2050, 'ten years back'],
    ['Friday, 29-Feb-00 00:00:00 GMT', Date.UTC(2070, 0, 1), 2000, '2100 has no such day'],
  ];
  for (const [value, nowMs, year, why] of rows) {
    const ms = parseHttpDate(value, nowMs);
    t.equal(ms === undefined ? undefined : new Date(ms).getUTCFullYear(), year, why);
  }
  t.end();
});

t.test('formatHttpDate() writes IMF-fixdate', (t) => {
  t.equal(formatHttpDate(EXAMPLE), 'Sun, 06 Nov 1994 08:49:37 GMT');
  t.equal(formatHttpDate(EXAMPLE + 999), 'Sun, 06 Nov 1994 08:49:37 GMT', 'seconds round down');
  t.equal(formatHttpDate(Infinity), 'Fri, 31 Dec 9999 23:59:59 GMT', 'held at the last year');
  t.equal(formatHttpDate(-Infinity), 'Sat, 01 Jan 0000 00:00:00 GMT', 'and at the first');
  t.throws(() => formatHttpDate(NaN), RangeError);
  t.end();
});

t.test('parseHttpDate() reads back every date that formatHttpDate() writes', (t) => {
  const seconds = fc.integer({ min: -62_167_219_200, max: 253_402_300_799 });
  fc.assert(
    fc.property(seconds, (second) => {
      return parseHttpDate(formatHttpDate(second * 1_000)) === second * 1_000;
    }),
    { numRuns: 500 },
  );
  t.pass('from the year 0 to 9999');
  t.end();
});
