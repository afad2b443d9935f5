/** What the lines of an HLS playlist have said so far. */
import type { Attributes } from './hls-attributes.js';
import type { HlsPart, HlsRendition, HlsSegment, HlsVariant } from './hls-playlist.js';

/** What the lines so far have said. Tags that speak of the URI line to come wait in `next`. */
export interface Reading {
  readonly variables: Map<string, string>;
  readonly variants: HlsVariant[];
  readonly renditions: HlsRendition[];
  readonly segments: HlsSegment[];
  readonly parts: HlsPart[];
  readonly media: {
    sawTag: boolean;
    targetDurationMs: number | undefined;
    mediaSequence: number;
    skippedSegments: number;
    endList: boolean;
    type: 'VOD' | 'EVENT' | undefined;
    partTargetMs: number | undefined;
    canBlockReload: boolean;
    preloadHintUri: string | undefined;
    mapUri: string | undefined;
    keyUri: string | undefined;
    rangeUri: string; // where a BYTERANGE without an offset goes on
    rangeEnd: number;
  };
  next: NextUri;
}

export interface NextUri {
  durationMs?: number;
  range?: string;
  discontinuity?: boolean;
  gap?: boolean;
  variant?: Attributes;
}

export function newReading(): Reading {
  return {
    variables: new Map(),
    variants: [],
    renditions: [],
    segments: [],
    parts: [],
    media: {
      sawTag: false,
      targetDurationMs: undefined,
      mediaSequence: 0,
      skippedSegments: 0,
      endList: false,
      type: undefined,
      partTargetMs: undefined,
      canBlockReload: false,
      preloadHintUri: undefined,
      mapUri: undefined,
      keyUri: undefined,
      rangeUri: '',
      rangeEnd: 0,
    },
    next: {},
  };
}
