/** An HLS playlist as the gateway sees it, and how large it may be. Shapes only. */

export const HLS_LIMITS = {
  text: 4_194_304, // characters; a day of 2 s segments takes about 2.5 million
  line: 16_384, // characters
  segments: 100_000,
  parts: 10_000,
  renditions: 2_000, // variants and renditions together
  variables: 100, // EXT-X-DEFINE
  uri: 8_192, // characters, after variables are put in
  durationMs: 604_800_000, // a week; more is a typing error or an attack
} as const;

/** Bytes `start` to `start + length - 1` of the resource. */
export interface HlsByteRange {
  readonly start: number;
  readonly length: number;
}

export interface HlsSegment {
  readonly uri: string;
  readonly durationMs: number;
  readonly byteRange?: HlsByteRange;
  readonly discontinuity: boolean; // differs from the segment before it
  readonly gap: boolean; // listed, but not there to be fetched
  readonly mapUri?: string; // initialisation segment
  readonly keyUri?: string; // absent for METHOD=NONE
}

export interface HlsPart {
  readonly uri: string;
  readonly durationMs: number;
  readonly independent: boolean;
}

export interface HlsMediaPlaylist {
  readonly kind: 'media';
  readonly targetDurationMs: number;
  readonly mediaSequence: number; // of segments[0], or of the first skipped segment
  readonly skippedSegments: number; // EXT-X-SKIP: how many are missing before segments[0]
  readonly endList: boolean;
  readonly type?: 'VOD' | 'EVENT';
  readonly partTargetMs?: number; // set: low latency
  readonly canBlockReload: boolean;
  readonly segments: readonly HlsSegment[];
  readonly parts: readonly HlsPart[];
  readonly preloadHintUri?: string; // the part that comes next
}

export interface HlsVariant {
  readonly uri: string;
  readonly bandwidth: number; // bits per second; 0 when not stated
  readonly codecs?: string;
  readonly resolution?: string; // '1280x720'
  readonly frameRate?: number;
  readonly audio?: string; // group
  readonly subtitles?: string; // group
  readonly iFrameOnly: boolean;
}

export interface HlsRendition {
  readonly type: string; // 'AUDIO', 'VIDEO', 'SUBTITLES' or 'CLOSED-CAPTIONS'
  readonly groupId: string;
  readonly name: string;
  readonly uri?: string; // absent: inside the variants
  readonly language?: string;
  readonly isDefault: boolean;
}

export interface HlsMultivariantPlaylist {
  readonly kind: 'multivariant';
  readonly variants: readonly HlsVariant[];
  readonly renditions: readonly HlsRendition[];
}

export type HlsPlaylist = HlsMediaPlaylist | HlsMultivariantPlaylist;

/** `error` is one plain sentence with the line number; for logs, never for players. */
export interface HlsFault {
  readonly error: string;
}
