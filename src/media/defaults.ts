/** How long an object may be reused when its origin says nothing: the media-aware defaults. */
import { mpdPeriodMs, mpdTtlMs, type MpdFacts } from './dash.js';
import { playlistPeriodMs, playlistTtlMs, type HlsPlaylist } from './hls.js';
import type { MediaKind } from './kind.js';
import { liveTtlMs, type Rhythm } from './rhythm.js';

/** All in ms but the factor. */
export interface TtlDefaults {
  readonly playlist: number;
  readonly livePlaylistFactor: number;
  readonly segment: number;
  readonly init: number;
  readonly key: number;
  readonly notFound: number;
  readonly json: number;
  readonly undeclared: number;
}

export interface ObjectFacts {
  readonly status: number;
  /** What the body turned out to be; absent while it is unread or when it could not be parsed. */
  readonly manifest?: HlsPlaylist | MpdFacts;
  /** Of such a body: a hash. */
  readonly content?: number;
  /** Of what may be live: how it has changed, as far as that is known. */
  readonly rhythm?: { readonly of: Rhythm; readonly nowMs: number };
  /** Nothing but its name says what it is: its declared type says nothing. */
  readonly undeclared?: boolean;
}

const SETTING_OF = {
  segment: 'segment',
  subtitle: 'segment',
  init: 'init',
  key: 'key',
  json: 'json',
  image: undefined,
  page: undefined,
  other: undefined,
} as const satisfies Record<Exclude<MediaKind, 'playlist' | 'mpd'>, keyof TtlDefaults | undefined>;

/**
 * A playlist that was not understood may be a live one: long enough to fold a crowd into one
 * request, short enough to cost a player nothing.
 */
const UNREAD_PLAYLIST_MS = 1_000;

/**
 * The lifetime in ms to assume for an answer without explicit freshness. Undefined: none, so
 * RFC 9111's heuristic or no storing at all must decide. Errors but 404 and 410 never get one.
 */
export function defaultTtlMs(
  kind: MediaKind,
  ttls: TtlDefaults,
  facts: ObjectFacts = { status: 200 },
): number | undefined {
  if (facts.status === 404 || facts.status === 410) return ttls.notFound;
  if (facts.status !== 200 && facts.status !== 206) return undefined;
  if (kind === 'playlist' || kind === 'mpd') return manifestTtlMs(kind, ttls, facts);
  const setting = SETTING_OF[kind];
  // Anybody can put `x.m4s` behind a path: a name alone is worth a moment, see `leastTtlMs`.
  return setting === undefined || facts.undeclared === true ? undefined : ttls[setting];
}

/** The lifetime in ms that a heuristic must at least give: for what is media by its name alone. */
export function leastTtlMs(kind: MediaKind, ttls: TtlDefaults, facts: ObjectFacts): number {
  if (facts.undeclared !== true || (facts.status !== 200 && facts.status !== 206)) return 0;
  if (kind === 'playlist' || kind === 'mpd') return 0;
  const setting = SETTING_OF[kind];
  return setting === undefined ? 0 : Math.min(ttls[setting], ttls.undeclared);
}

/**
 * True for a manifest that may be a live one: a player that polls alone and is given the last answer
 * while a new one is fetched is always one poll behind, and runs dry.
 */
export function isMaybeLive(kind: MediaKind, manifest: ObjectFacts['manifest']): boolean {
  if (kind !== 'playlist' && kind !== 'mpd') return false;
  if (manifest === undefined) return true;
  if (manifest.kind === 'mpd') return manifest.type === 'dynamic';
  return manifest.kind === 'media' && !manifest.endList && manifest.type !== 'VOD';
}

function manifestTtlMs(
  kind: MediaKind,
  ttls: TtlDefaults,
  { manifest, rhythm }: ObjectFacts,
): number {
  if (manifest === undefined) return Math.min(UNREAD_PLAYLIST_MS, ttls.playlist);
  const limitMs =
    manifest.kind === 'mpd' ? mpdTtlMs(manifest, ttls) : playlistTtlMs(manifest, ttls);
  if (rhythm === undefined || manifest.kind === 'multivariant') return limitMs;
  if (!isMaybeLive(kind, manifest)) return limitMs;
  const periodMs = manifest.kind === 'mpd' ? mpdPeriodMs(manifest) : playlistPeriodMs(manifest);
  return liveTtlMs(rhythm.of, { limitMs, periodMs, nowMs: rhythm.nowMs });
}
