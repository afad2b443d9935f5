/**
 * HTTP dates (RFC 9110 section 5.6.7): the three forms read, IMF-fixdate written. The name of the
 * day must be one of the seven but is not compared with the date: the date alone decides.
 */

const DAYS = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_DAYS = '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)';
const MONTH_NAMES = 'JanFebMarAprMayJunJulAugSepOctNovDec';
const MONTHS = '(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const TIME = '(\\d\\d):(\\d\\d):(\\d\\d)';
const IMF_FIXDATE = new RegExp(`^${DAYS}, (\\d\\d) ${MONTHS} (\\d{4}) ${TIME} GMT$`);
const RFC_850 = new RegExp(`^${LONG_DAYS}, (\\d\\d)-${MONTHS}-(\\d\\d) ${TIME} GMT$`);
const ASCTIME = new RegExp(`^${DAYS} ${MONTHS} (\\d\\d| \\d) ${TIME} (\\d{4})$`);

const DAY_MS = 86_400_000;
const MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
const EARLIEST_MS = -62_167_219_200_000; // 0000-01-01T00:00:00Z
const LATEST_SECONDS = 0xffff_ffff;
const LATEST_MS = 253_402_300_799_000; // 9999-12-31T23:59:59Z

/**
 * Milliseconds since the epoch, or undefined for anything that is not exactly one of the three
 * forms (case counts). `nowMs` matters only to the two-digit year of the RFC 850 form: a time more
 * than 50 years ahead of it means the century before.
 */
export function parseHttpDate(value: string, nowMs?: number): number | undefined {
  const imf = IMF_FIXDATE.exec(value);
  if (imf !== null) return timeOf(imf[3], imf[2], imf[1], imf.slice(4));
  const rfc850 = RFC_850.exec(value);
  if (rfc850 !== null) return shortYearTime(rfc850, nowMs ?? Date.now());
  const asctime = ASCTIME.exec(value);
  if (asctime !== null) return timeOf(asctime[6], asctime[1], asctime[2], asctime.slice(3, 6));
  return undefined;
}

/**
 * IMF-fixdate of `ms`, whole seconds rounded down, held between the years 0000 and 9999.
 * @throws RangeError when `ms` is not a number.
 */
export function formatHttpDate(ms: number): string {
  if (Number.isNaN(ms)) throw new RangeError('not a time');
  return new Date(Math.min(Math.max(ms, EARLIEST_MS), LATEST_MS)).toUTCString();
}

/** Whole seconds since the epoch of a known `ms`, as 32 bits hold them: 1 to 2^32 - 1. */
export function dateSeconds(ms: number): number {
  return Math.min(Math.max(1, Math.floor(ms / 1_000)), LATEST_SECONDS);
}

/** The latest time with these last two year digits that is at most 50 years ahead of `nowMs`. */
function shortYearTime(parts: RegExpExecArray, nowMs: number): number | undefined {
  const limit = new Date(nowMs);
  limit.setUTCFullYear(limit.getUTCFullYear() + 50);
  const century = Math.floor(limit.getUTCFullYear() / 100) * 100;
  const year = century + Number(parts[3]);
  const ms = timeOf(year, parts[2], parts[1], parts.slice(4));
  // 29 February can be missing in the nearer century and exist in the one before.
  if (ms !== undefined && ms <= limit.getTime()) return ms;
  return timeOf(year - 100, parts[2], parts[1], parts.slice(4));
}

function timeOf(
  yearText: string | number | undefined,
  monthName: string | undefined,
  dayText: string | undefined,
  clock: readonly string[],
): number | undefined {
  const year = Number(yearText);
  const month = MONTH_NAMES.indexOf(monthName ?? '') / 3;
  const day = Number(dayText);
  const [hour, minute, second] = clock.map(Number);
  if (hour === undefined || minute === undefined || second === undefined) return undefined;
  if (day < 1 || day > monthLength(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined; // 60: a leap second
  return daysSinceEpoch(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000;
}

function monthLength(year: number, month: number): number {
  return month === 1 && isLeap(year) ? 29 : (MONTH_LENGTHS[month] ?? 0);
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** By hand because `Date.UTC` reads the years 0 to 99 as 1900 to 1999. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const before = year - 1; // complete years since the year 1; -1 of them for the year 0
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  let days = before * 365 + leapDays - 719_162; // 719,162 days from 0001-01-01 to 1970-01-01
  for (let m = 0; m < month; m += 1) days += monthLength(year, m);
  return days + day - 1;
}
