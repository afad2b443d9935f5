/** Are these the bytes of one version of this object, in their places, and all that were told? */
import { inspect, type Difference, type Inspection, type Stamp } from './blocks.js';
import type { Answer, Ask } from './ask.js';
import type { FindingClass } from './findings.js';
import { readTag, readTruth } from './truth.js';
import { viewerWord } from './viewer.js';
import type { WorldObject } from './world-object.js';

export interface Fault {
  readonly class: FindingClass;
  readonly what: string;
}

/** One run of body bytes: a whole body, or a part of it with its Content-Range. */
export interface Part {
  readonly bytes: Buffer;
  readonly first: number;
  readonly last: number; // as told; of a whole body with unknown length: as received
  readonly total: number; // of the representation, as told
}

export interface Read {
  readonly faults: readonly Fault[];
  readonly parts: readonly Part[];
  /** What the bytes, or else the fields, say they are; undefined: nothing does. */
  readonly stamp: Stamp | undefined;
}

const BODYLESS: ReadonlySet<number> = new Set([204, 304, 412, 416]);

const CLASS_OF: Readonly<Record<Difference, FindingClass>> = {
  object: 'wrong-bytes',
  version: 'wrong-bytes',
  viewer: 'wrong-viewer',
  place: 'wrong-bytes',
  noise: 'wrong-bytes',
};
/** The kernel makes a file longer by pages while it is being written. */
const PAGE_BYTES = 4_096;
/** How long a file that has just changed may be given out as it was a moment ago. */
export const SETTLING_MS = 4_000;

export function readBody(ask: Ask, answer: Answer): Read {
  const { body, coded, whole } = answer;
  if (coded !== undefined && whole && body.length === 0) {
    return fault('wrong-bytes', 'a body that is not in the coding that it says');
  }
  const parts = partsOf(ask, answer);
  if (parts === undefined) {
    return fault('wrong-condition', 'a 206 whose parts cannot be read');
  }
  const { faults, stamp } = readParts(ask, answer, parts);
  if (faults.length > 0) return { faults, parts, stamp };
  const lengths =
    stamp === undefined ? emptyFaults(ask, answer) : lengthFaults(ask, answer, { parts, stamp });
  return { faults: lengths, parts, stamp };
}

function readParts(
  ask: Ask,
  answer: Answer,
  parts: readonly Part[],
): { faults: Fault[]; stamp: Stamp | undefined } {
  const { object } = ask;
  const claimed = claimedStamp(ask, answer);
  const read = object.kind.trouble === 'live' ? inspectText : inspect;
  // What changes underneath must be cut, but cannot be unsaid.
  const mayBeMixed = !answer.whole && object.kind.write !== 'rename';
  const faults: Fault[] = [];
  let stamp = claimed.told ? claimed.stamp : undefined;
  for (const part of parts) {
    if (part.bytes.length === 0) continue;
    const about = stamp ?? claimed.stamp;
    const as = (of: Stamp): Inspection => read(part.bytes, part.first, of, object);
    const seen = stamp === undefined ? readAsAny(object, part.total, about, as) : as(about);
    if (mayBeMixed && (seen.right || seen.of === 'version')) continue;
    if (!seen.right) {
      faults.push({ class: CLASS_OF[seen.of], what: seen.explanation });
      continue;
    }
    const told = seen.told ? seen.stamp : sizedAs(object, part.total, seen.stamp);
    faults.push(...besideFaults(told, stamp));
    stamp = told;
  }
  return { faults, stamp };
}

/** Less than a whole block of an untold version: of one as long as was told, or of one that was being written. */
function readAsAny(
  object: WorldObject,
  total: number,
  claimed: Stamp,
  as: (of: Stamp) => Inspection,
): Inspection {
  const seen = as(claimed);
  const saysWhose = seen.right ? seen.told : seen.of !== 'noise';
  if (saysWhose || object.kind.site !== 'files') return seen;
  const longer = [...object.versions()].filter(({ size }) => size >= total).reverse();
  const sized = longer.filter(({ size }) => size === total);
  const read = (sized.length > 0 ? sized : longer).map(({ number }) =>
    as({ ...claimed, version: number }),
  );
  return read.find(({ right }) => right) ?? read[0] ?? seen;
}

/** Of bytes that do not say of which version they are: the newest of that length, if there was one. */
function sizedAs(object: WorldObject, total: number, claimed: Stamp): Stamp {
  if (object.sizeOf(claimed.version) === total) return claimed;
  const version = [...object.versions()].findLast(({ size }) => size === total)?.number;
  return version === undefined ? claimed : { ...claimed, version };
}

function besideFaults({ version }: Stamp, before: Stamp | undefined): Fault[] {
  if (before === undefined || before.version === version) return [];
  const what = `bytes of version ${version} beside version ${before.version}`;
  return [{ class: 'wrong-bytes', what }];
}

function fault(name: FindingClass, what: string): Read {
  return { faults: [{ class: name, what }], parts: [], stamp: undefined };
}

/** What the fields say; where they say nothing, what would be right. */
function claimedStamp(
  { object, viewer }: Ask,
  { fields }: Answer,
): { stamp: Stamp; told: boolean } {
  const told = readTruth(fields.get('x-truth')) ?? readTag(fields.get('etag'));
  if (told !== undefined && object.kind.site === 'http') return { stamp: told, told: true };
  const expected = {
    object: object.id,
    version: object.current.number,
    viewer: viewerWord(object.kind, viewer),
  };
  return { stamp: expected, told: false };
}

function inspectText(
  bytes: Buffer,
  first: number,
  claimed: Stamp,
  object: WorldObject,
): ReturnType<typeof inspect> {
  const whole = object.playlistVersion(bytes.toString());
  // A part may be that of many versions: the one it is said to be, or else the newest.
  const newest = object.current.number;
  const some = [claimed.version, ...Array.from({ length: newest }, (_, i) => newest - i)];
  const fitting = (whole === undefined ? some : [whole]).filter((version) =>
    bytes.equals(object.body(version, 0, first, first + bytes.length)),
  );
  const version = fitting[0];
  if (version !== undefined) {
    const stamp = { object: object.id, version, viewer: 0 };
    return { right: true, stamp, told: new Set(fitting).size === 1 };
  }
  const about = bytes.toString('latin1', 0, 200);
  return {
    right: false,
    of: 'version',
    explanation: `no playlist of version ${claimed.version} or another: ${about}`,
  };
}

/** Undefined: a 206 that does not say what it is. */
export function partsOf({ method }: Ask, answer: Answer): readonly Part[] | undefined {
  const { status, fields, body, coded } = answer;
  if (method === 'HEAD' || BODYLESS.has(status)) return [];
  if (status !== 206) {
    const told = coded === undefined ? fields.get('content-length') : undefined;
    const total = told === undefined ? body.length : Number(told);
    return [{ bytes: body, first: 0, last: total - 1, total }];
  }
  const boundary = /^multipart\/byteranges; *boundary="?([^"]+)"?$/.exec(
    fields.get('content-type') ?? '',
  )?.[1];
  if (boundary !== undefined) return multipart(body, boundary);
  const range = contentRange(fields.get('content-range'));
  return range === undefined ? undefined : [{ bytes: body, ...range }];
}

function contentRange(text: string | undefined): Omit<Part, 'bytes'> | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(text ?? '');
  if (match === null) return undefined;
  const [first = 0, last = 0, total = 0] = match.slice(1).map(Number);
  return { first, last, total };
}

/** What was cut ends with a part that is shorter than it says. */
function multipart(body: Buffer, boundary: string): Part[] | undefined {
  const parts: Part[] = [];
  for (let at = body.indexOf(`--${boundary}\r\n`); at >= 0;) {
    const headEnd = body.indexOf('\r\n\r\n', at);
    if (headEnd < 0) break;
    const head = body.toString('latin1', at, headEnd);
    const range = contentRange(/^content-range: *(.+)$/im.exec(head)?.[1]?.trim());
    if (range === undefined) return undefined;
    const from = headEnd + 4;
    const end = from + range.last - range.first + 1;
    parts.push({ ...range, bytes: body.subarray(from, end) });
    at = body.indexOf(`--${boundary}\r\n`, end);
  }
  return parts;
}

/** Told lengths, and whether a complete message was complete. */
function lengthFaults(
  ask: Ask,
  answer: Answer,
  { parts, stamp }: { parts: readonly Part[]; stamp: Stamp },
): Fault[] {
  const { object } = ask;
  const faults = headFaults(ask, answer, stamp.version);
  for (const { bytes, first, last, total } of parts) {
    const size = object.sizeOf(stamp.version);
    const told = last - first + 1;
    if (answer.whole && bytes.length !== told) {
      faults.push({ class: 'false-whole', what: `${bytes.length} bytes where ${told} were told` });
    }
    // A total that was told, not counted, counts before the end, but of a file that changes
    // underneath: what had to be cut began as something else.
    const complete = answer.whole || (total !== bytes.length && object.kind.write === 'rename');
    if (!complete || total === size || mayBePart(ask, stamp.version, total)) continue;
    const what = `${total} bytes in all, version ${stamp.version} has ${size}`;
    faults.push({ class: 'false-whole', what });
  }
  return faults;
}

/** A HEAD tells the length that a GET would have had. */
function headFaults(ask: Ask, { status, fields }: Answer, version: number): Fault[] {
  const announced = fields.get('content-length');
  if (ask.method !== 'HEAD' || status !== 200 || announced === undefined) return [];
  if (fields.has('content-encoding')) return [];
  const total = Number(announced);
  if (total === ask.object.sizeOf(version) || mayBePart(ask, version, total)) return [];
  return [{ class: 'false-whole', what: `a HEAD that tells of ${total} bytes` }];
}

/** No object of this world is empty for longer than it takes to rewrite it. */
function emptyFaults({ object, method, sentMs }: Ask, answer: Answer): Fault[] {
  if (answer.status !== 200 || method === 'HEAD' || !answer.whole) return [];
  const emptied = [...object.writes.values()].some(
    ({ untilMs }) => untilMs + SETTLING_MS >= sentMs,
  );
  return emptied ? [] : [{ class: 'false-whole', what: 'an empty body' }];
}

/** A file that is not yet all there when it is asked for may be given out as it is. */
function mayBePart({ object, sentMs }: Ask, version: number, total: number): boolean {
  const { kind } = object;
  if (kind.site !== 'files' || kind.write === 'rename') return false;
  if (kind.write === 'grow') {
    // It is as long as it was told at some moment: not for ever.
    const growing = object.version(version)?.size ?? 0;
    if (total > growing) return false;
    return object.outgrownMs(version, total) + SETTLING_MS >= sentMs;
  }
  const write = object.writes.get(version);
  if (write === undefined) return false;
  const possible = total % PAGE_BYTES === 0 || total % write.step === 0;
  return possible && sentMs <= write.untilMs + SETTLING_MS;
}
