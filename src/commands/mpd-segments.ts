/**
 * How many segments mpd-parser would make of a manifest. It makes all of them before it gives any back, and a
 * manifest of a few hundred characters may tell of billions.
 */
import type { RepresentationInfo, SegmentAttributes } from 'mpd-parser';

/** Of all representations together: a day of eleven of them in 2 s segments, some 100 MB while they are looked at. */
export const MAX_SEGMENTS = 500_000;
/** Digits of a segment's number or time. */
const MAX_WIDTH = 64;
/** The parser counts by adding one. */
const MAX_NUMBER = 2 ** 52;
const TOO_LARGE = 'a DASH manifest with segment numbers beyond 52 bits';

/** @throws Error when `representations` would be too much to make. */
export function judgeSegments(representations: readonly RepresentationInfo[]): void {
  let total = 0;
  for (const representation of representations) {
    total += countSegments(representation);
    if (total > MAX_SEGMENTS)
      throw new Error(`a DASH manifest of more than ${MAX_SEGMENTS} segments`);
  }
}

function countSegments(representation: RepresentationInfo): number {
  const { template, list, segmentTimeline } = representation.segmentInfo;
  if (template === undefined && list === undefined) return 1;
  const attributes = inherited(representation);
  const { duration, startNumber = 1, media = '', initialization } = attributes;
  for (const url of [media, initialization?.sourceURL ?? '']) judgeWidths(url);
  if (startNumber > MAX_NUMBER) throw new Error(TOO_LARGE);
  if (duration) return countByDuration(attributes);
  return segmentTimeline === undefined ? 1 : countByTimeline(attributes, segmentTimeline);
}

/** What holds for the segments, from all levels. */
function inherited({ attributes, segmentInfo }: RepresentationInfo): SegmentAttributes {
  return { ...attributes, ...(segmentInfo.template ?? segmentInfo.list) };
}

/**
 * Of live representations no more than their `newest` segments, and one: by default a viewer may go back to
 * where the stream began, years ago.
 */
export function newestOnly(info: RepresentationInfo, newest: number): RepresentationInfo {
  const { type, duration = 0, timescale = 1, timeShiftBufferDepth = Infinity } = inherited(info);
  if (type !== 'dynamic' || !(duration > 0)) return info;
  const depth = Math.min(timeShiftBufferDepth, (newest * duration) / timescale);
  return { ...info, attributes: { ...info.attributes, timeShiftBufferDepth: depth } };
}

/** `$Number%09d$` has nine digits, and `%09999999999d` more than there is memory. */
function judgeWidths(url: string): void {
  for (const [, width] of url.matchAll(/%0(\d+)d/g)) {
    if (Number(width) > MAX_WIDTH)
      throw new Error(`a DASH manifest with numbers of ${width} digits`);
  }
}

function countByDuration(attributes: SegmentAttributes): number {
  const { duration = 0, timescale = 1 } = attributes;
  const [start, end] = rangeOf(attributes, duration / timescale);
  if (end > MAX_NUMBER) throw new Error(TOO_LARGE);
  return counted(end - start);
}

/** The first number and the one behind the last, counted from zero, of segments of `seconds` each. */
function rangeOf(attributes: SegmentAttributes, seconds: number): readonly [number, number] {
  const endNumber = Number.parseInt(String(attributes.endNumber), 10);
  const explicit = Number.isNaN(endNumber) ? undefined : endNumber;
  if (attributes.type !== 'dynamic') {
    const whole = attributes.periodDuration ?? attributes.sourceDuration ?? 0;
    return [0, explicit ?? whole / seconds];
  }
  const { timeShiftBufferDepth = Infinity } = attributes;
  const elapsed = elapsedOf(attributes);
  const start = Math.max(0, Math.floor((elapsed - timeShiftBufferDepth) / seconds));
  return [start, explicit ?? elapsed / seconds];
}

/** Seconds since the period began. */
function elapsedOf({
  NOW,
  availabilityStartTime = NaN,
  periodStart = 0,
}: SegmentAttributes): number {
  return NOW / 1_000 - availabilityStartTime - periodStart;
}

type Timeline = NonNullable<RepresentationInfo['segmentInfo']['segmentTimeline']>;

function countByTimeline(attributes: SegmentAttributes, timeline: Timeline): number {
  let total = 0;
  let time = 0;
  for (const [index, { t = 0, d = 0, r = 0 }] of timeline.entries()) {
    time = Math.max(time, t);
    const count = counted(r < 0 ? (endOf(attributes, timeline[index + 1]) - time) / d : r + 1);
    total += count;
    time += count * d;
  }
  return total;
}

/** Where repetitions without a number end, in units of timescale: at the next entry, or with everything. */
function endOf(attributes: SegmentAttributes, next: Timeline[number] | undefined): number {
  if (next !== undefined) return next.t ?? 0;
  const {
    type,
    timescale = 1,
    sourceDuration = 0,
    minimumUpdatePeriod = 0,
    media = '',
  } = attributes;
  const live = type === 'dynamic' && minimumUpdatePeriod > 0 && media.indexOf('$Number$') > 0;
  return (live ? elapsedOf(attributes) + minimumUpdatePeriod : sourceDuration) * timescale;
}

/** What a loop up to such a number comes to: the parser makes none of what is no number, or below zero. */
function counted(count: number): number {
  return count > 0 ? Math.ceil(count) : 0;
}
