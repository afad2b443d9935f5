/** A stored response as its text, and woken from it. */
import { roomForText, type StoredText, type TextView, TOLD } from '../../arena/stored-text.js';
import { isPlain } from '../../protocol/descriptor.js';
import { sentDate } from '../../protocol/render.js';
import { charactersFor, tell, understand } from '../../protocol/told.js';
import type { FieldLines } from '../../http/fields.js';
import { hash32 } from '../../runtime/hash.js';
import { type Entry, NO_ENCODINGS, type Stored } from './entry.js';

/** A longer text gets a piece of its own. */
const MAX_ROOM_BYTES = 16_384;

/** Bytes to ask for behind a body whose fields are not yet known as they will be sent. */
export function textRoom(key: string, fields: FieldLines): number {
  return Math.min(MAX_ROOM_BYTES, roomForText(charactersFor(key, fields), 1));
}

/** False while its codings are being made: whoever makes them holds on to this very object. */
export function isTellable({ descriptor }: Stored): boolean {
  return descriptor.keep;
}

export function textOf(stored: Stored): StoredText {
  const { descriptor, body, encodings } = stored;
  const { key, vary, secondary, status } = descriptor;
  const { bornMs, ttlMs, alwaysRevalidate } = descriptor.freshness;
  const coded = descriptor.encodings.flatMap(({ coding }) => encodings.get(coding) ?? []);
  return {
    key,
    hash: hash32(key),
    flags: (isPlain(descriptor) ? TOLD.plain : 0) | (status === 206 ? TOLD.part : 0),
    names: vary,
    secondary: hash32(secondary),
    bornMs,
    freshUntilMs: alwaysRevalidate ? 0 : bornMs + ttlMs,
    date: sentDate(descriptor),
    places: [body, ...coded],
    ...tell(stored),
  };
}

/** The same response again, as one of `entry`'s; not among its variants yet. */
export function wake(text: TextView, entry: Entry, shard: number): Stored {
  const places = text.places();
  const { key } = entry;
  const { names, bornMs, fields, pack } = text;
  const told = understand({ key, shard, names, bornMs, fields, pack, places });
  const { descriptor } = told;
  const [body, ...coded] = places;
  if (body === undefined) throw new RangeError(`the text of ${key} has no body`);
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
    ...told,
  };
}
