/** What an HLS playlist or a DASH manifest makes a player fetch. */
import { parse as parseManifest, type Representation } from 'mpd-parser';
import { parsePlaylist, playlistUris } from '../media/hls.js';

export interface Listing {
  /** References as written or absolute, each once, in order. */
  readonly playlists: readonly string[];
  readonly media: readonly string[];
}

/** Of each rendition the `first` segments. @throws Error when `text` is neither of the two. */
export function listingOf(text: string, url: string, first: number): Listing {
  if (/^\uFEFF?\s*</.test(text)) return { playlists: [], media: manifestMedia(text, url, first) };
  const playlist = parsePlaylist(text);
  if ('error' in playlist) throw new Error(`not an HLS playlist: ${playlist.error}`);
  if (playlist.kind === 'multivariant') return { playlists: playlistUris(playlist), media: [] };
  const segments = playlist.segments.slice(0, first);
  return { playlists: [], media: playlistUris({ ...playlist, segments }) };
}

function manifestMedia(text: string, url: string, first: number): string[] {
  const representations = representationsOf(text, url);
  const uris = new Set<string>();
  for (const { segments, sidx } of representations) {
    for (const { resolvedUri, map } of segments.slice(0, first)) {
      if (map !== undefined) uris.add(map.resolvedUri);
      uris.add(resolvedUri);
    }
    if (sidx !== undefined) uris.add(sidx.resolvedUri);
  }
  return [...uris];
}

function representationsOf(text: string, url: string): Representation[] {
  try {
    const { playlists, mediaGroups } = parseManifest(text, { manifestUri: url });
    const groups = Object.values(mediaGroups).flatMap((kind) => Object.values(kind));
    const others = groups.flatMap((group) => Object.values(group).map((one) => one.playlists));
    return [...playlists, ...others.flat()];
  } catch (reason) {
    throw new Error(`not a DASH manifest: ${String(reason)}`, { cause: reason });
  }
}
