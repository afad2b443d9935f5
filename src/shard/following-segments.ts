/**
 * Which segment players ask for behind which, as the playlists of all workers say. One for each worker:
 * a playlist and its segments are different shards' objects.
 */
import type { SegmentOrder } from '../protocol/messages.js';

/** On the heap, for all playlists together; the one that was heard of longest ago goes. */
const MAX_BYTES = 16 * 1_048_576;
/** Of a pair of keys, besides their characters. */
const PAIR_BYTES = 200;

export class FollowingSegments {
  /** By playlist, newest last. */
  readonly #heard = new Map<string, SegmentOrder>();
  readonly #next = new Map<string, string>();
  #bytes = 0;

  /** The key of what follows; undefined when nothing is known to. */
  next(key: string): string | undefined {
    return this.#next.get(key);
  }

  /** It is what was heard last of that playlist. */
  isKnown(playlist: string, content: number): boolean {
    return this.#heard.get(playlist)?.content === content;
  }

  hear(order: SegmentOrder): void {
    this.#forget(order.playlist);
    this.#heard.set(order.playlist, order);
    this.#bytes += bytesOf(order);
    for (const [segment, next] of order.following) this.#next.set(segment, next);
    for (const oldest of this.#heard.keys()) {
      if (this.#bytes <= MAX_BYTES) break;
      this.#forget(oldest);
    }
  }

  /** What two playlists say of one segment is lost for both: a prefetch, until one is heard of again. */
  #forget(playlist: string): void {
    const before = this.#heard.get(playlist);
    if (before === undefined) return;
    this.#heard.delete(playlist);
    this.#bytes -= bytesOf(before);
    for (const [segment] of before.following) this.#next.delete(segment);
  }
}

function bytesOf({ playlist, following }: SegmentOrder): number {
  return following.reduce(
    (bytes, [segment, next]) => bytes + PAIR_BYTES + segment.length + next.length,
    PAIR_BYTES + playlist.length,
  );
}
