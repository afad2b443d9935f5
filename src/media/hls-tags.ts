/**
 * One reader per HLS tag. A reader adds to the `Reading` and returns why the line cannot be used,
 * or nothing. Lines come in order and are at most HLS_LIMITS.line long.
 */
import { HLS_LIMITS, type HlsByteRange } from './hls-playlist.js';
import type { NextUri, Reading } from './hls-reading.js';
import {
  parseAttributes,
  pick,
  secondsToMs,
  wholeNumber,
  type Attributes,
} from './hls-attributes.js';

type Fault = string | undefined;
type TagReader = (reading: Reading, value: string) => Fault;

/** Takes one trimmed line in; returns why the playlist cannot be used, if so. */
export function readLine(reading: Reading, line: string): Fault {
  if (line === '') return undefined;
  if (!line.startsWith('#')) return readUri(reading, line);
  const colon = line.indexOf(':');
  const name = line.slice(1, colon < 0 ? line.length : colon);
  const value = colon < 0 ? '' : line.slice(colon + 1);
  const read = MULTIVARIANT_TAGS.get(name);
  if (read !== undefined) return read(reading, value);
  const readMedia = MEDIA_TAGS.get(name);
  if (readMedia === undefined) return undefined; // a comment, or a tag that does not concern us
  reading.media.sawTag = true;
  return readMedia(reading, value);
}

const MULTIVARIANT_TAGS: ReadonlyMap<string, TagReader> = new Map<string, TagReader>([
  ['EXT-X-STREAM-INF', readStreamInf],
  ['EXT-X-I-FRAME-STREAM-INF', readIFrameStreamInf],
  ['EXT-X-MEDIA', readRendition],
  ['EXT-X-DEFINE', readDefine], // in either kind
]);

const MEDIA_TAGS: ReadonlyMap<string, TagReader> = new Map<string, TagReader>([
  ['EXTINF', readInf],
  ['EXT-X-BYTERANGE', ({ next }, value) => void (next.range = value)],
  ['EXT-X-DISCONTINUITY', ({ next }) => void (next.discontinuity = true)],
  ['EXT-X-GAP', ({ next }) => void (next.gap = true)],
  ['EXT-X-KEY', readKey],
  ['EXT-X-MAP', readMap],
  ['EXT-X-TARGETDURATION', readTargetDuration],
  ['EXT-X-MEDIA-SEQUENCE', readMediaSequence],
  ['EXT-X-PLAYLIST-TYPE', readPlaylistType],
  ['EXT-X-ENDLIST', ({ media }) => void (media.endList = true)],
  ['EXT-X-PART', readPart],
  ['EXT-X-PART-INF', readPartInf],
  ['EXT-X-PRELOAD-HINT', readPreloadHint],
  ['EXT-X-SERVER-CONTROL', readServerControl],
  ['EXT-X-SKIP', readSkip],
]);

function readUri(reading: Reading, line: string): Fault {
  const { next } = reading;
  reading.next = {};
  const uri = substitute(reading, line);
  if (uri === undefined) return 'URI too long';
  if (next.variant !== undefined) return addVariant(reading, next.variant, uri, false);
  if (next.durationMs === undefined) return 'URI without EXTINF or EXT-X-STREAM-INF';
  return addSegment(reading, uri, { ...next, durationMs: next.durationMs });
}

function addSegment(reading: Reading, uri: string, next: NextUri & { durationMs: number }): Fault {
  const { segments, media } = reading;
  if (segments.length >= HLS_LIMITS.segments) return 'too many segments';
  const byteRange = next.range === undefined ? undefined : byteRangeOf(reading, uri, next.range);
  if (byteRange === null) return 'malformed EXT-X-BYTERANGE';
  segments.push({
    uri,
    durationMs: next.durationMs,
    discontinuity: next.discontinuity ?? false,
    gap: next.gap ?? false,
    ...(byteRange !== undefined && { byteRange }),
    ...(media.mapUri !== undefined && { mapUri: media.mapUri }),
    ...(media.keyUri !== undefined && { keyUri: media.keyUri }),
  });
  return undefined;
}

/** `length[@start]`; without a start it goes on after the last range of the same URI. Null: malformed. */
function byteRangeOf({ media }: Reading, uri: string, value: string): HlsByteRange | null {
  const [, lengthText = '', startText] = /^(\d{1,15})(?:@(\d{1,15}))?$/.exec(value) ?? [];
  if (lengthText === '') return null;
  if (startText === undefined && media.rangeUri !== uri) return null;
  const length = Number(lengthText);
  const start = startText === undefined ? media.rangeEnd : Number(startText);
  media.rangeUri = uri;
  media.rangeEnd = start + length;
  return { start, length };
}

function readInf({ next }: Reading, value: string): Fault {
  const durationMs = secondsToMs(value.split(',', 1)[0]);
  if (durationMs === undefined) return 'malformed EXTINF';
  next.durationMs = durationMs;
  return undefined;
}

function readKey(reading: Reading, value: string): Fault {
  const attributes = parseAttributes(value);
  const uri = attributes.get('METHOD') === 'NONE' ? undefined : attributes.get('URI');
  reading.media.keyUri = uri === undefined ? undefined : substitute(reading, uri);
  return undefined;
}

function readMap(reading: Reading, value: string): Fault {
  reading.media.mapUri = uriAttribute(reading, parseAttributes(value));
  return reading.media.mapUri === undefined ? 'EXT-X-MAP without a usable URI' : undefined;
}

function readTargetDuration({ media }: Reading, value: string): Fault {
  media.targetDurationMs = secondsToMs(value);
  return media.targetDurationMs === undefined ? 'malformed EXT-X-TARGETDURATION' : undefined;
}

function readMediaSequence({ media }: Reading, value: string): Fault {
  const sequence = wholeNumber(value);
  media.mediaSequence = sequence ?? 0;
  return sequence === undefined ? 'malformed EXT-X-MEDIA-SEQUENCE' : undefined;
}

function readPlaylistType({ media }: Reading, value: string): Fault {
  if (value === 'VOD' || value === 'EVENT') media.type = value;
  return undefined;
}

function readPart(reading: Reading, value: string): Fault {
  const { parts } = reading;
  const attributes = parseAttributes(value);
  const uri = uriAttribute(reading, attributes);
  const durationMs = secondsToMs(attributes.get('DURATION'));
  if (uri === undefined || durationMs === undefined) return 'malformed EXT-X-PART';
  if (attributes.get('GAP') === 'YES') return undefined; // not there to be fetched
  if (parts.length >= HLS_LIMITS.parts) return 'too many parts';
  parts.push({ uri, durationMs, independent: attributes.get('INDEPENDENT') === 'YES' });
  return undefined;
}

function readPartInf({ media }: Reading, value: string): Fault {
  media.partTargetMs = secondsToMs(parseAttributes(value).get('PART-TARGET'));
  return media.partTargetMs === undefined ? 'malformed EXT-X-PART-INF' : undefined;
}

function readPreloadHint(reading: Reading, value: string): Fault {
  const attributes = parseAttributes(value);
  if (attributes.get('TYPE') === 'PART') {
    reading.media.preloadHintUri = uriAttribute(reading, attributes);
  }
  return undefined;
}

function readServerControl({ media }: Reading, value: string): Fault {
  media.canBlockReload = parseAttributes(value).get('CAN-BLOCK-RELOAD') === 'YES';
  return undefined;
}

function readSkip({ media }: Reading, value: string): Fault {
  const skipped = wholeNumber(parseAttributes(value).get('SKIPPED-SEGMENTS'));
  media.skippedSegments = skipped ?? 0;
  return skipped === undefined ? 'malformed EXT-X-SKIP' : undefined;
}

function readStreamInf({ next }: Reading, value: string): Fault {
  next.variant = parseAttributes(value);
  return undefined;
}

function readIFrameStreamInf(reading: Reading, value: string): Fault {
  const attributes = parseAttributes(value);
  const uri = uriAttribute(reading, attributes);
  if (uri === undefined) return 'EXT-X-I-FRAME-STREAM-INF without a usable URI';
  return addVariant(reading, attributes, uri, true);
}

function addVariant(reading: Reading, from: Attributes, uri: string, iFrameOnly: boolean): Fault {
  const { variants, renditions } = reading;
  if (variants.length + renditions.length >= HLS_LIMITS.renditions) return 'too many variants';
  const frameRate = Number(from.get('FRAME-RATE'));
  variants.push({
    uri,
    bandwidth: wholeNumber(from.get('BANDWIDTH')) ?? 0,
    iFrameOnly,
    ...(Number.isFinite(frameRate) && { frameRate }),
    ...pick(from, { codecs: 'CODECS', resolution: 'RESOLUTION' }),
    ...pick(from, { audio: 'AUDIO', subtitles: 'SUBTITLES' }),
  });
  return undefined;
}

function readRendition(reading: Reading, value: string): Fault {
  const { variants, renditions } = reading;
  const attributes = parseAttributes(value);
  if (variants.length + renditions.length >= HLS_LIMITS.renditions) return 'too many renditions';
  const uri = uriAttribute(reading, attributes);
  renditions.push({
    type: attributes.get('TYPE') ?? '',
    groupId: attributes.get('GROUP-ID') ?? '',
    name: attributes.get('NAME') ?? '',
    isDefault: attributes.get('DEFAULT') === 'YES',
    ...(uri !== undefined && { uri }),
    ...pick(attributes, { language: 'LANGUAGE' }),
  });
  return undefined;
}

/** Only NAME/VALUE: IMPORT and QUERYPARAM need the request, so their references stay as written. */
function readDefine({ variables }: Reading, value: string): Fault {
  const attributes = parseAttributes(value);
  const name = attributes.get('NAME');
  if (name === undefined) return undefined;
  if (variables.size >= HLS_LIMITS.variables) return 'too many EXT-X-DEFINE';
  variables.set(name, attributes.get('VALUE') ?? '');
  return undefined;
}

function uriAttribute(reading: Reading, attributes: Attributes): string | undefined {
  const uri = attributes.get('URI');
  return uri === undefined || uri === '' ? undefined : substitute(reading, uri);
}

/** The URI with `{$name}` put in (rfc8216bis section 4.3); undefined when it grows too long. */
function substitute({ variables }: Reading, uri: string): string | undefined {
  if (uri.length > HLS_LIMITS.uri) return undefined;
  if (variables.size === 0 || !uri.includes('{$')) return uri;
  const pieces: string[] = [];
  let length = 0;
  for (const piece of uri.split(/(\{\$[A-Za-z0-9_-]+\})/)) {
    const known = piece.startsWith('{$') ? (variables.get(piece.slice(2, -1)) ?? piece) : piece;
    length += known.length;
    if (length > HLS_LIMITS.uri) return undefined; // variables multiply: stop before memory goes
    pieces.push(known);
  }
  return pieces.join('');
}
