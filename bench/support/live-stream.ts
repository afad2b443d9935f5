/** The live stream of the benches: what is published when. Pure; origin and viewers share it. */

export const SEGMENT_MS = 2_000;
export const SEGMENT_BYTES = 250_000; // 1 Mb/s
export const WINDOW = 6; // segments in the playlist
export const PLAYLIST_PATH = '/live/index.m3u8';

/** Number of the newest complete segment; segment n is published at epoch + n × 2 s. */
export function newestSegment(epochMs: number, nowMs: number): number {
  return Math.floor((nowMs - epochMs) / SEGMENT_MS);
}

export function publishedAt(epochMs: number, segment: number): number {
  return epochMs + segment * SEGMENT_MS;
}

export function segmentPath(segment: number): string {
  return `/live/seg-${segment}.m4s`;
}

export function livePlaylist(newest: number): string {
  const first = Math.max(0, newest - WINDOW + 1);
  const lines = [
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    `#EXT-X-TARGETDURATION:${SEGMENT_MS / 1000}`,
    `#EXT-X-MEDIA-SEQUENCE:${first}`,
  ];
  for (let n = first; n <= newest; n++) {
    lines.push(`#EXTINF:${(SEGMENT_MS / 1000).toFixed(3)},`, `seg-${n}.m4s`);
  }
  return `${lines.join('\n')}\n`;
}
