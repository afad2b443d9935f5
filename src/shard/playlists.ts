/** What the shard's playlists say: how long they live, and which segment a player asks for next. */
import type { AskRequest } from '../cache/messages.js';
import type { Config } from '../config/config.js';
import { parseMpd } from '../media/dash.js';
import type { ObjectFacts } from '../media/defaults.js';
import { nextSegment, parsePlaylist, type HlsMediaPlaylist } from '../media/hls.js';
import { resolveUri } from '../media/resolve.js';
import { splitHost } from '../http/key.js';
import { mediaKind } from '../media/kind.js';
import { type BorrowedBytes, forThisCall } from '../runtime/bytes.js';
import { hash32 } from '../runtime/hash.js';
import { pathOf, streamOf } from './describe.js';

/** Segments of media playlists remembered for prefetching; the oldest stream goes. */
const MAX_SEGMENTS = 50_000;
/** Longer ones are an archive's: parsing them would hold up the shard's turn. */
const MAX_PLAYLIST_BYTES = 2_097_152;

/**
 * What a prefetch says of the viewer who is ahead of it: what selects a representation, and nothing
 * by which he is known. It is for whoever comes, so nobody's credentials may shape the answer.
 */
const OF_ANYBODY: ReadonlySet<string> = new Set([
  ...['host', 'accept', 'accept-encoding', 'accept-language', 'origin', 'user-agent'],
]);

interface Known {
  readonly path: string; // as the origin knows it
  readonly playlist: HlsMediaPlaylist;
}

export class Playlists {
  readonly #enabled: boolean;
  readonly #hostsApart: boolean;
  /** By stream, newest last. */
  readonly #known = new Map<string, Map<string, Known>>();
  #segments = 0;

  constructor(config: Config) {
    this.#enabled = config.prefetch.enabled;
    this.#hostsApart = config.key.host;
  }

  factsOf(
    object: { path: string; kind: string },
    status: number,
    body: BorrowedBytes,
  ): ObjectFacts {
    const manifest = object.kind === 'playlist' || object.kind === 'mpd';
    if (!manifest || status !== 200 || body.length > MAX_PLAYLIST_BYTES) return { status };
    const { buffer, byteOffset } = forThisCall(body);
    const text = Buffer.from(buffer, byteOffset, body.length).toString('utf8');
    if (object.kind === 'mpd') {
      const facts = parseMpd(text);
      return 'error' in facts ? { status } : { status, manifest: facts, content: hash32(text) };
    }
    const playlist = parsePlaylist(text);
    if ('error' in playlist) return { status };
    if (playlist.kind === 'media' && this.#enabled) this.#remember(object.path, playlist);
    return { status, manifest: playlist, content: hash32(text) };
  }

  /** The request for what follows `request` in its playlist; undefined when none is known. */
  after(request: AskRequest): AskRequest | undefined {
    const path = pathOf(request.key);
    // Keys with a query stand for more than the playlist's URI says.
    if (path !== request.key || request.range !== '' || mediaKind(path) !== 'segment')
      return undefined;
    const { prefix, target } = splitHost(this.#hostsApart, path);
    const folder = streamOf(target);
    for (const known of this.#known.get(request.stream)?.values() ?? []) {
      const next = nextOf(known, target);
      if (next?.startsWith(folder) !== true) continue;
      if (next.includes('/', folder.length) || next.includes('?')) continue;
      const headers = request.headers.filter(([name]) => OF_ANYBODY.has(name));
      const asker = { headers, credentialed: false, beyond: false, elections: 0 };
      const ahead = { lane: 2, background: true, ...asker } as const;
      return { ...request, ...ahead, key: prefix + next, target: next };
    }
    return undefined;
  }

  #remember(path: string, playlist: HlsMediaPlaylist): void {
    const stream = streamOf(path);
    const ofStream = this.#known.get(stream) ?? new Map<string, Known>();
    this.#segments +=
      playlist.segments.length - (ofStream.get(path)?.playlist.segments.length ?? 0);
    ofStream.set(path, { path: splitHost(this.#hostsApart, path).target, playlist });
    this.#known.delete(stream);
    this.#known.set(stream, ofStream);
    while (this.#segments > MAX_SEGMENTS) {
      const [oldest] = this.#known;
      if (oldest === undefined) return;
      this.#known.delete(oldest[0]);
      for (const known of oldest[1].values()) this.#segments -= known.playlist.segments.length;
    }
  }
}

/** Playlists name a segment as their author liked: by the bare name, or by a path. */
function nextOf({ path, playlist }: Known, segmentPath: string): string | undefined {
  const base = streamOf(path);
  const relative = segmentPath.startsWith(base) ? segmentPath.slice(base.length) : segmentPath;
  const uri = nextSegment(playlist, relative) ?? nextSegment(playlist, segmentPath);
  return uri === undefined ? undefined : resolveUri(path, uri);
}
