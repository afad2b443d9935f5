/** The parts of mpd-parser and of its answers that are used here; the package brings no types. */
declare module 'mpd-parser' {
  export interface Representation {
    readonly segments: readonly {
      readonly resolvedUri: string;
      readonly map?: { readonly resolvedUri: string };
    }[];
    readonly sidx?: { readonly resolvedUri: string }; // in place of segments: one file, indexed
    readonly endList: boolean; // false: live
  }

  export type Group = Readonly<Record<string, { readonly playlists: readonly Representation[] }>>;

  /** Of a representation, or of how its segments are told; with all that they inherit. */
  export interface SegmentAttributes {
    readonly type?: string; // 'static' or 'dynamic'
    readonly duration?: number; // of a segment, in units of timescale
    readonly timescale?: number;
    readonly startNumber?: number;
    readonly endNumber?: number | string;
    readonly media?: string;
    readonly initialization?: { readonly sourceURL?: string };
    readonly periodStart?: number; // these and the following in seconds
    readonly periodDuration?: number;
    readonly sourceDuration?: number;
    readonly availabilityStartTime?: number;
    readonly minimumUpdatePeriod?: number;
    readonly timeShiftBufferDepth?: number;
    readonly NOW: number; // ms
  }

  export interface RepresentationInfo {
    readonly attributes: SegmentAttributes;
    readonly segmentInfo: {
      readonly template?: Partial<SegmentAttributes>;
      readonly list?: Partial<SegmentAttributes>;
      readonly segmentTimeline?: readonly {
        readonly t?: number;
        readonly d?: number;
        readonly r?: number;
      }[];
    };
  }

  type Xml = { readonly tagName: string };
  type Playlists = readonly { readonly attributes: SegmentAttributes }[];

  export function stringToMpdXml(text: string): Xml;
  export function inheritAttributes(
    mpd: Xml,
    options: { readonly manifestUri: string },
  ): { readonly representationInfo: readonly RepresentationInfo[] };
  export function toPlaylists(representations: readonly RepresentationInfo[]): Playlists;
  export function toM3u8(manifest: { readonly dashPlaylists: Playlists }): {
    readonly playlists: readonly Representation[];
    readonly mediaGroups: Readonly<Record<string, Readonly<Record<string, Group>>>>;
  };
}
