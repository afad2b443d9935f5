/** A stored response as its metadata, and loaded from it. */
import {
  roomForMetadata,
  type Metadata,
  type MetadataView,
  METADATA_FLAGS,
} from '../../arena/metadata.js';
import { type Descriptor, isPlain } from '../../protocol/descriptor.js';
import { sentDate } from '../../protocol/render.js';
import { charactersFor, decodeMetadata, encodeMetadata } from '../../protocol/metadata-codec.js';
import { isSliceKey } from '../../protocol/slices.js';
import type { FieldLines } from '../../http/fields.js';
import { hash32 } from '../../runtime/hash.js';
import { type Entry, NO_ENCODINGS, type Stored } from './entry.js';

/** Longer metadata gets a piece of its own. */
const MAX_ROOM_BYTES = 16_384;

/** Bytes to ask for behind a body whose fields are not yet known as they will be sent. */
export function metadataRoom(key: string, fields: FieldLines): number {
  return Math.min(MAX_ROOM_BYTES, roomForMetadata(charactersFor(key, fields), 1));
}

/** False while its codings are being made: whoever makes them holds on to this very object. */
export function isPublishable({ descriptor }: Stored): boolean {
  return descriptor.cached;
}

export function metadataOf(stored: Stored): Metadata {
  const { descriptor, body, encodings } = stored;
  const { key, vary, secondary } = descriptor;
  const { bornMs, ttlMs, alwaysRevalidate } = descriptor.freshness;
  const coded = descriptor.encodings.flatMap(({ coding }) => encodings.get(coding) ?? []);
  return {
    key,
    hash: hash32(key),
    flags: flagsOf(descriptor),
    names: vary,
    secondary: hash32(secondary),
    bornMs,
    freshUntilMs: alwaysRevalidate ? 0 : bornMs + ttlMs,
    date: sentDate(descriptor),
    places: [body, ...coded],
    ...encodeMetadata(stored),
  };
}

/** A slice is the whole of what its key names. */
function flagsOf(descriptor: Descriptor): number {
  const isPart = descriptor.status === 206 && !isSliceKey(descriptor.key);
  return (isPlain(descriptor) ? METADATA_FLAGS.plain : 0) | (isPart ? METADATA_FLAGS.part : 0);
}

/** The same response again, as one of `entry`'s; not among its variants yet. */
export function load(metadata: MetadataView, entry: Entry, shard: number): Stored {
  const places = metadata.places();
  const { key } = entry;
  const { names, bornMs, fields, pack } = metadata;
  const state = decodeMetadata({ key, shard, names, bornMs, fields, pack, places });
  const { descriptor } = state;
  const [body, ...coded] = places;
  if (body === undefined) throw new RangeError(`the metadata of ${key} has no body`);
  const encodings = new Map(
    descriptor.encodings.flatMap(({ coding }, i) => {
      const place = coded[i];
      return place === undefined ? [] : [[coding, place] as const];
    }),
  );
  return {
    entry,
    secondary: descriptor.secondary,
    body,
    encodings: encodings.size === 0 ? NO_ENCODINGS : encodings,
    ...state,
  };
}
