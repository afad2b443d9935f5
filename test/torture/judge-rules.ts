/**
 * Is the status what the conditions and ranges of the request ask for, by the validators that the
 * answer itself carries? RFC 9110 sections 13 and 14.
 */
import type { Answer, Ask } from './ask.js';
import { partsOf, type Fault, type Part } from './judge-body.js';
import { ifRangeHolds, preconditions, wantedRanges, type Validators } from './rules.js';
import { readTag } from './truth.js';

const QUIET_MS = 15_000; // a version that old is surely the only one that may be given out

export function ruleFaults(ask: Ask, answer: Answer): Fault[] {
  const what = wrongDecision(ask, answer);
  return what === undefined ? [] : [{ class: 'wrong-condition', what }];
}

function wrongDecision(ask: Ask, answer: Answer): string | undefined {
  if (ask.object.kind.status !== 200) return undefined;
  const about = validatorsOf(answer);
  switch (answer.status) {
    case 200:
      return wrongSuccess(ask, about) ?? wrongWhole(ask, answer, about);
    case 206:
      return wrongSuccess(ask, about) ?? wrongPart(ask, answer, about);
    case 304:
      return wrongNotModified(ask, about);
    case 412:
      return wrongFailure(ask);
    case 416:
      return wrongUnsatisfiable(ask, answer);
    default:
      return undefined;
  }
}

/** A coding of ours has a weak tag; conditions are about what it was made from, as nginx does it. */
function validatorsOf({ fields }: Answer): Validators {
  const etag = fields.get('etag');
  const identity = fields.has('content-encoding') ? etag?.replace(/^W\//, '') : etag;
  return { etag: identity, lastModified: fields.get('last-modified') };
}

function wrongSuccess(ask: Ask, about: Validators): string | undefined {
  const verdict = preconditions(ask, about);
  if (verdict === 200) return undefined;
  // Whoever does not look at If-None-Match gives more than was asked for: no harm.
  if (verdict === 304 && !ask.object.kind.conditions) return undefined;
  return `a success where ${verdict} is due`;
}

function wrongWhole(ask: Ask, answer: Answer, about: Validators): string | undefined {
  const { range } = ask;
  if (range === undefined || !mustHeedRange(ask, answer, about)) return undefined;
  const size = Number(answer.fields.get('content-length'));
  const wanted = wantedRanges(range, size);
  const isAll = wanted.length === 1 && wanted[0]?.[0] === 0 && wanted[0][1] === size - 1;
  return wanted.length === 0 || isAll ? undefined : 'all of it where a range was due';
}

/** Whether the range can be cut out of this by somebody who wants to. */
function mustHeedRange(ask: Ask, { fields }: Answer, about: Validators): boolean {
  const { range = '', ifRange, object, method } = ask;
  const { kind } = object;
  if (method !== 'GET' || !kind.ranges || kind.length === 'unknown') return false;
  if (fields.has('transfer-encoding')) return false;
  // Several ranges of what is not at hand may be answered with all of it.
  if (range.includes(',') && fields.get('cache-status')?.includes('; hit') !== true) return false;
  // A date is strong only a second later: who cannot tell gives it all.
  return ifRange === undefined || (ifRange.startsWith('"') && ifRangeHolds(ifRange, about));
}

function wrongPart(ask: Ask, answer: Answer, about: Validators): string | undefined {
  const { range, ifRange } = ask;
  if (range === undefined) return 'a part where none was asked for';
  if (ifRange !== undefined && !ifRangeHolds(ifRange, about)) {
    return `a part although If-Range ${ifRange} is not what it is a part of`;
  }
  const parts = partsOf(ask, answer) ?? [];
  const [first] = parts;
  if (first === undefined) return answer.whole ? 'a 206 without a part' : undefined;
  const wanted = wantedRanges(range, first.total);
  if (parts.every((part) => wanted.some((one) => covers(part, one)))) {
    const missing = wanted.find((one) => !parts.some((part) => covers(part, one)));
    if (missing === undefined || !answer.whole) return undefined;
    return `the range ${missing[0]}-${missing[1]} is missing`;
  }
  return `parts that were not asked for: ${parts.map(({ first: a, last: b }) => `${a}-${b}`).join()}`;
}

/** Ranges that touch may have become one part. */
function covers(part: Part, [first, last]: readonly [number, number]): boolean {
  return part.first <= first && part.last >= last;
}

function wrongNotModified(ask: Ask, about: Validators): string | undefined {
  const { kind } = ask.object;
  if (about.etag === undefined && kind.validators !== 'modified') return 'a 304 without its ETag';
  if (about.etag === undefined && about.lastModified === undefined) return undefined;
  return preconditions(ask, about) === 304 ? undefined : 'a 304 that no condition asks for';
}

/** Right, if some version that may be given out now fails the condition. */
function wrongFailure({ ifMatch, object, sentMs }: Ask): string | undefined {
  if (ifMatch === undefined) return 'a 412 without If-Match';
  if (ifMatch === '*') return 'a 412 for any version';
  const { current } = object;
  const strong = ifMatch.split(',').filter((tag) => !tag.includes('W/'));
  const versions = strong.map((tag) => readTag(tag.trim())?.version);
  if (object.kind.site === 'files' || object.kind.viewer !== 'nobody') return undefined;
  const onlyOne = current.sinceMs < sentMs - QUIET_MS;
  return onlyOne && versions.includes(current.number) ? 'a 412 for the current version' : undefined;
}

function wrongUnsatisfiable(ask: Ask, { fields }: Answer): string | undefined {
  const { range, object } = ask;
  if (range === undefined) return 'a 416 without Range';
  const told = /^bytes \*\/(\d+)$/.exec(fields.get('content-range') ?? '')?.[1];
  if (told !== undefined && wantedRanges(range, Number(told)).length > 0) {
    return `a 416 for ${range} of ${told} bytes`;
  }
  if (object.kind.write !== 'grow') return undefined;
  // What only grows had these bytes when they were asked for.
  const { number } = object.current;
  const [wanted] = wantedRanges(range, object.grownAt(number, ask.sentMs));
  return wanted === undefined
    ? undefined
    : `a 416 for bytes ${wanted[0]}-${wanted[1]} of a file that has them`;
}
