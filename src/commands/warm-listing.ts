/** What an HLS playlist or a DASH manifest makes a player fetch. */
import {
  inheritAttributes,
  stringToMpdXml,
  toM3u8,
  toPlaylists,
  type Representation,
} from 'mpd-parser';
import { parsePlaylist, playlistUris, type HlsMediaPlaylist } from '../media/hls.js';
import { judgeSegments, newestOnly } from './mpd-segments.js';

export interface Listing {
  /** References as written or absolute, each once, in order. */
  readonly playlists: readonly string[];
  readonly media: readonly string[];
}

/**
 * Of each rendition the `first` segments; of a live one, where viewers join at the end, the newest so many,
 * without parts. @throws Error when `text` is neither of the two.
 */
export function listingOf(text: string, url: string, first: number): Listing {
  if (/^\uFEFF?\s*</.test(text)) return { playlists: [], media: manifestMedia(text, url, first) };
  const playlist = parsePlaylist(text);
  if ('error' in playlist) throw new Error(`not an HLS playlist: ${playlist.error}`);
  if (playlist.kind === 'multivariant') return { playlists: playlistUris(playlist), media: [] };
  return { playlists: [], media: playlistUris(cut(playlist, first)) };
}

function cut(playlist: HlsMediaPlaylist, first: number): HlsMediaPlaylist {
  if (first === Number.POSITIVE_INFINITY) return playlist;
  const ended = playlist.endList || playlist.type === 'VOD';
  return { ...playlist, segments: some(playlist.segments, first, ended), parts: [] };
}

function some<T>(segments: readonly T[], first: number, ended: boolean): readonly T[] {
  return ended ? segments.slice(0, first) : segments.slice(-first);
}

function manifestMedia(text: string, url: string, first: number): string[] {
  const uris = new Set<string>();
  for (const { segments, sidx, endList } of representationsOf(text, url, first)) {
    for (const { resolvedUri, map } of some(segments, first, endList)) {
      if (map !== undefined) uris.add(map.resolvedUri);
      uris.add(resolvedUri);
    }
    if (sidx !== undefined) uris.add(sidx.resolvedUri);
  }
  return [...uris];
}

/** As the parser's own `parse`, with a look at what it is about to make. */
function representationsOf(text: string, url: string, first: number): Representation[] {
  const wanted = understood(() => {
    const { representationInfo } = inheritAttributes(stringToMpdXml(text), { manifestUri: url });
    return representationInfo.map((one) => newestOnly(one, first));
  });
  judgeSegments(wanted);
  return understood(() => {
    const { playlists, mediaGroups } = toM3u8({ dashPlaylists: toPlaylists(wanted) });
    const groups = Object.values(mediaGroups).flatMap((kind) => Object.values(kind));
    const others = groups.flatMap((group) => Object.values(group).map((one) => one.playlists));
    return [...playlists, ...others.flat()];
  });
}

function understood<T>(read: () => T): T {
  try {
    return read();
  } catch (reason) {
    const why = reason instanceof Error ? reason.message : String(reason);
    throw new Error(`not a DASH manifest: ${why}`, { cause: reason });
  }
}
