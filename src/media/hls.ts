/**
 * What the gateway needs to know of an HLS playlist: how long it stays good and which URIs come
 * next. Reads RFC 8216 and draft-pantos-hls-rfc8216bis (low latency). Not a validator: unknown
 * tags are skipped, and the playlist itself is passed on byte for byte whatever we think of it.
 */
import {
  HLS_LIMITS,
  type HlsFault,
  type HlsMediaPlaylist,
  type HlsPlaylist,
} from './hls-playlist.js';
import { newReading, type Reading } from './hls-reading.js';
import { readLine } from './hls-tags.js';

export type {
  HlsFault,
  HlsMediaPlaylist,
  HlsMultivariantPlaylist,
  HlsPlaylist,
} from './hls-playlist.js';

/** The playlist's facts, or why it is none. Linear in the text, at most `HLS_LIMITS`. */
export function parsePlaylist(text: string): HlsPlaylist | HlsFault {
  if (text.length > HLS_LIMITS.text) return { error: 'longer than 4 Mi characters' };
  const reading = newReading();
  let lineNumber = 0;
  for (let start = text.startsWith('\uFEFF') ? 1 : 0; start <= text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    lineNumber += 1;
    if (end - start > HLS_LIMITS.line) return { error: `line ${lineNumber}: too long` };
    const line = text.slice(start, end).trim();
    const fault = lineNumber === 1 ? readHeader(line) : readLine(reading, line);
    if (fault !== undefined) return { error: `line ${lineNumber}: ${fault}` };
    start = end + 1;
  }
  return conclude(reading);
}

/**
 * By the URI that a player asks for, the one that it asks for next: of a segment the following segment,
 * of a part the following part or hint. Both as written in the playlist. Gaps are stepped over. Missing:
 * the last one, and those with the rest of the playlist in the same file.
 */
export function followingUris({
  segments,
  parts,
  preloadHintUri,
}: HlsMediaPlaylist): ReadonlyMap<string, string> {
  const following = new Map<string, string>();
  const seen = new Set<string>();
  let next: string | undefined; // nearest fetchable segment after the one looked at
  for (const { uri, gap } of [...segments].reverse()) {
    // A file that is named again and again is followed by what stands behind its last piece.
    if (!seen.has(uri) && next !== undefined) following.set(uri, next);
    seen.add(uri);
    if (!gap) next = uri;
  }
  for (const [i, { uri }] of parts.entries()) {
    const behind = parts[i + 1]?.uri ?? preloadHintUri;
    if (seen.has(uri)) continue;
    if (behind === undefined) following.delete(uri);
    else following.set(uri, behind);
  }
  return following;
}

export interface PlaylistTtls {
  readonly playlist: number; // ms, for playlists that no longer change
  readonly livePlaylistFactor: number; // share of the target duration
}

/**
 * How long a playlist may be reused, in ms, when the origin does not say. A live one: a share of
 * its target duration (a reload is due after half of it at the earliest, RFC 8216 section 6.3.4),
 * and never longer than one part target when it has parts.
 */
export function playlistTtlMs(playlist: HlsPlaylist, ttls: PlaylistTtls): number {
  if (playlist.kind === 'multivariant' || playlist.endList) return ttls.playlist;
  if (playlist.type === 'VOD') return ttls.playlist;
  const liveMs = Math.round(playlist.targetDurationMs * ttls.livePlaylistFactor);
  return Math.min(liveMs, playlist.partTargetMs ?? liveMs);
}

/** The usual time between two changes of a live media playlist, in ms: its last segment took as long. */
export function playlistPeriodMs({
  partTargetMs,
  segments,
  targetDurationMs,
}: HlsMediaPlaylist): number {
  return partTargetMs ?? segments.at(-1)?.durationMs ?? targetDurationMs;
}

/**
 * Every URI the playlist makes a player fetch, as written, each once, in order: variants and
 * renditions of a multivariant playlist; initialisation segments, segments and parts of a media
 * playlist. Keys are left out: they are answered per viewer.
 */
export function playlistUris(playlist: HlsPlaylist): string[] {
  const uris = new Set<string>();
  if (playlist.kind === 'multivariant') {
    for (const { uri } of playlist.variants) uris.add(uri);
    for (const { uri } of playlist.renditions) if (uri !== undefined) uris.add(uri);
  } else {
    for (const { uri, mapUri, gap } of playlist.segments) {
      if (mapUri !== undefined) uris.add(mapUri);
      if (!gap) uris.add(uri);
    }
    for (const { uri } of playlist.parts) uris.add(uri);
  }
  return [...uris];
}

function readHeader(line: string): string | undefined {
  return line === '#EXTM3U' ? undefined : 'not #EXTM3U';
}

function conclude(reading: Reading): HlsPlaylist | HlsFault {
  const { variants, renditions, media, next } = reading;
  if (next.variant !== undefined) return { error: 'ends with an EXT-X-STREAM-INF without a URI' };
  if (next.durationMs !== undefined) return { error: 'ends with an EXTINF without a URI' };
  if (variants.length > 0 || renditions.length > 0) {
    // RFC 8216 section 4.1: a playlist with tags of both kinds must not be parsed.
    if (media.sawTag) return { error: 'has tags of a media and of a multivariant playlist' };
    return { kind: 'multivariant', variants, renditions };
  }
  return concludeMedia(reading);
}

function concludeMedia({ media, segments, parts }: Reading): HlsMediaPlaylist | HlsFault {
  if (media.targetDurationMs === undefined) return { error: 'has no EXT-X-TARGETDURATION' };
  return {
    kind: 'media',
    targetDurationMs: media.targetDurationMs,
    mediaSequence: media.mediaSequence,
    skippedSegments: media.skippedSegments,
    endList: media.endList,
    canBlockReload: media.canBlockReload,
    ...(media.type !== undefined && { type: media.type }),
    ...(media.partTargetMs !== undefined && { partTargetMs: media.partTargetMs }),
    ...(media.preloadHintUri !== undefined && { preloadHintUri: media.preloadHintUri }),
    segments,
    parts,
  };
}
