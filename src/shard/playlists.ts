/** What playlists say: how long they live, and which segment a player asks for next. */
import { type AskRequest, PLAIN_ASK, type SegmentOrder } from '../protocol/messages.js';
import { parseMpd } from '../media/dash.js';
import type { ObjectFacts } from '../media/defaults.js';
import { followingUris, type HlsMediaPlaylist, parsePlaylist } from '../media/hls.js';
import { resolveUri } from '../media/resolve.js';
import { splitHost } from '../http/key.js';
import { mediaKind } from '../media/kind.js';
import { type BorrowedBytes, forThisCall } from '../runtime/bytes.js';
import { hash32 } from '../runtime/hash.js';
import type { FollowingSegments } from './following-segments.js';
import type { Config } from '../config/config.js';

/**
 * What a prefetch says of the viewer who is ahead of it: what selects a representation, and nothing
 * by which he is known. It is for whoever comes, so nobody's credentials may shape the answer.
 */
const OF_ANYBODY: ReadonlySet<string> = new Set([
  ...['host', 'accept', 'accept-encoding', 'accept-language', 'origin', 'user-agent'],
]);

export interface PlaylistsOptions {
  readonly config: Pick<Config, 'key' | 'prefetch'>;
  readonly order: FollowingSegments;
  /** For every worker. */
  readonly spread: (order: SegmentOrder) => void;
}

export class Playlists {
  readonly #options: PlaylistsOptions;

  constructor(options: PlaylistsOptions) {
    this.#options = options;
  }

  factsOf(
    object: { path: string; kind: string },
    status: number,
    body: BorrowedBytes,
  ): ObjectFacts {
    const manifest = object.kind === 'playlist' || object.kind === 'mpd';
    if (!manifest || status !== 200) return { status };
    const { buffer, byteOffset } = forThisCall(body);
    const text = Buffer.from(buffer, byteOffset, body.length).toString('utf8');
    if (object.kind === 'mpd') {
      const facts = parseMpd(text);
      return 'error' in facts ? { status } : { status, manifest: facts, content: hash32(text) };
    }
    const playlist = parsePlaylist(text);
    if ('error' in playlist) return { status };
    const content = hash32(text);
    if (playlist.kind === 'media') this.#announce(object.path, playlist, content);
    return { status, manifest: playlist, content };
  }

  /** The request for what follows `request` in its playlist; undefined when none is known. */
  after(request: AskRequest): AskRequest | undefined {
    const { config, order } = this.#options;
    const next = request.range === '' ? order.next(request.key) : undefined;
    if (next === undefined) return undefined;
    const { target } = splitHost(config.key.host, next);
    const headers = request.headers.filter(([name]) => OF_ANYBODY.has(name));
    const asker = { headers, credentialed: false, ...PLAIN_ASK };
    return { key: next, target, range: '', lane: 2, background: true, ...asker };
  }

  /** Every worker, as any shard may be asked for a segment. */
  #announce(playlist: string, media: HlsMediaPlaylist, content: number): void {
    const { config, order, spread } = this.#options;
    if (!config.prefetch.enabled || order.isKnown(playlist, content)) return;
    const { prefix, target } = splitHost(config.key.host, playlist);
    const following: (readonly [string, string])[] = [];
    for (const [uri, nextUri] of followingUris(media)) {
      const segment = resolveUri(target, uri);
      const next = resolveUri(target, nextUri);
      // Keys with a query stand for more than the playlist's URI says.
      if (segment === undefined || next === undefined || `${segment}${next}`.includes('?'))
        continue;
      if (mediaKind(segment) !== 'segment') continue;
      following.push([prefix + segment, prefix + next]);
    }
    spread({ kind: 'order', playlist, content, following });
  }
}
