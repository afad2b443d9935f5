/**
 * What conditions and ranges ask for, written a second time and as plainly as can be: the oracle
 * must not share a mistake with what it judges. RFC 9110 sections 13 and 14.
 */
export interface Wishes {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
  readonly ifModifiedSince?: string | undefined;
  readonly range?: string | undefined;
  readonly ifRange?: string | undefined;
}

export interface Validators {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

export type Range = readonly [first: number, last: number];

/** 200: the request goes on. Section 13.2.2. */
export function preconditions(wishes: Wishes, about: Validators): 200 | 304 | 412 {
  const { ifMatch, ifNoneMatch, ifModifiedSince } = wishes;
  if (ifMatch !== undefined && !matches(ifMatch, about.etag)) return 412;
  if (ifNoneMatch !== undefined) return matchesWeakly(ifNoneMatch, about.etag) ? 304 : 200;
  if (ifModifiedSince === undefined || about.lastModified === undefined) return 200;
  return Date.parse(about.lastModified) <= Date.parse(ifModifiedSince) ? 304 : 200;
}

function matches(list: string, etag: string | undefined): boolean {
  return list === '*' || (etag?.startsWith('"') === true && tags(list).includes(etag));
}

function matchesWeakly(list: string, etag: string | undefined): boolean {
  const opaque = (tag: string): string => tag.replace(/^W\//, '');
  return list === '*' || (etag !== undefined && tags(list).map(opaque).includes(opaque(etag)));
}

/** Whether the validator of `If-Range` is this version's; a date counts as strong in this world. */
export function ifRangeHolds(ifRange: string, { etag, lastModified }: Validators): boolean {
  if (ifRange.startsWith('W/')) return false;
  return ifRange.startsWith('"') ? ifRange === etag : ifRange === lastModified;
}

/** In the order asked, clipped; empty: none can be satisfied. Of well-formed fields only. */
export function wantedRanges(range: string, size: number): Range[] {
  return range
    .replace(/^bytes=/, '')
    .split(',')
    .map((member) => member.trim().split('-') as [string, string])
    .map(([first, last]): Range => {
      if (first === '') return [Math.max(0, size - Number(last)), size - 1];
      return [Number(first), last === '' ? size - 1 : Math.min(Number(last), size - 1)];
    })
    .filter(([first, last]) => first <= last && first < size);
}

function tags(list: string): string[] {
  return list.split(',').map((tag) => tag.trim());
}
