/** The part of mpd-parser's answer that is read here; the package brings no types. */
declare module 'mpd-parser' {
  export interface Representation {
    readonly segments: readonly {
      readonly resolvedUri: string;
      readonly map?: { readonly resolvedUri: string };
    }[];
    readonly sidx?: { readonly resolvedUri: string }; // in place of segments: one file, indexed
  }

  export type Group = Readonly<Record<string, { readonly playlists: readonly Representation[] }>>;

  export function parse(
    text: string,
    options: { readonly manifestUri: string },
  ): {
    readonly playlists: readonly Representation[];
    readonly mediaGroups: Readonly<Record<string, Readonly<Record<string, Group>>>>;
  };
}
