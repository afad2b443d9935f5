/**
 * Moves a body from its origin into the arena while followers read it. What outgrows the limit on its
 * way (its length was not known) becomes a ring in the room it has: it is not kept, and goes on at its
 * readers' pace, so that whoever joined gets all of it and nothing more is evicted for it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GatewayError } from '../../errors.js';
import type { OriginResponse } from '../../origin/origin.js';
import type { Answers } from './answers.js';
import type { ShardContext } from './context.js';
import type { Fill } from './fill.js';
import type { Body } from '../holdings/object-store.js';
import type { BorrowedBytes } from '../../runtime/bytes.js';

/** An object of unknown length grows by at most so much at a time. */
const MAX_GROWTH_BYTES = 1_048_576;
/** How long a fill waits for readers to give back room. */
const ROOM_PATIENCE_MS = 10_000;
/** A fill that has brought so much leaves the thread to others for a turn. */
const TURN_BYTES = 524_288;
/** A ring of less would be all waiting. */
const MIN_RING_BYTES = 262_144;
/** In this time the slowest reader must take one part in `LEAST_MOVE` of a ring that others wait for. */
const RING_PATIENCE_MS = 5_000;
const LEAST_MOVE = 64;

export class FillBody {
  readonly #context: ShardContext;
  readonly #answers: Answers;

  constructor(context: ShardContext, answers: Answers) {
    this.#context = context;
    this.#answers = answers;
  }

  /** Resolves when the whole body is in place, or has passed by. */
  async pump(fill: Fill, response: OriginResponse): Promise<void> {
    const { metrics, flush } = this.#context;
    const length = fill.descriptor?.storedBytes ?? -1;
    let turnEndsAt = 0;
    for await (const chunk of response.body) {
      metrics.add('originBytes', chunk.length);
      await this.#take(fill, chunk, length);
      if (fill.written < turnEndsAt || fill.written === length) continue;
      // Many may wait for the first bytes, on all workers. And libuv would read megabytes of what
      // follows before anybody on this thread could write.
      turnEndsAt = fill.written + TURN_BYTES;
      this.#answers.announce(fill);
      flush();
      await nextTurn();
    }
    if (length >= 0 && fill.written !== length) {
      throw new GatewayError('GW_ORIGIN_BODY_SHORT', `${fill.written} of ${length} bytes`);
    }
  }

  async #take(fill: Fill, chunk: BorrowedBytes, length: number): Promise<void> {
    const { arena } = this.#context.holdings.store;
    const { body } = fill;
    if (body === undefined) return;
    const end = fill.written + chunk.length;
    if (length >= 0 && end > length) {
      throw new GatewayError('GW_ORIGIN_PROTOCOL', 'more bytes than Content-Length said');
    }
    const { maxObject } = this.#context.config.cache;
    if (length < 0 && fill.phase === 'filling' && end > Math.min(body.bytes, maxObject)) {
      const fits = end <= maxObject && (await this.#growTo(fill, end));
      if (!fits) this.#ring(fill, body);
    }
    if (fill.ring.bytes > 0) {
      await this.#intoRing(fill, body, chunk);
      return;
    }
    arena.write(body.extents, fill.written, chunk);
    fill.written = end;
    arena.publishWritten(body.slot, end);
    this.#answers.progressed(fill);
  }

  /** False: readers hold the room. The origin is paused by not being pulled while this waits. */
  async #growTo(fill: Fill, end: number): Promise<boolean> {
    const { clock, holdings } = this.#context;
    const { store } = holdings;
    const { body } = fill;
    if (body === undefined) return false;
    const deadlineMs = clock.now() + ROOM_PATIENCE_MS;
    while (body.bytes < end) {
      const growth = Math.min(Math.max(body.bytes, end - body.bytes), MAX_GROWTH_BYTES);
      if (store.grow(body, Math.max(growth, end - body.bytes))) continue;
      if (clock.now() > deadlineMs) {
        if (body.bytes >= MIN_RING_BYTES) return false;
        throw new GatewayError('GW_ARENA_FULL', 'readers held the room for too long');
      }
      await store.untilReclaim();
      if (fill.abort.signal.aborted) throw new GatewayError('GW_FILL_CANCELLED', 'nobody waits');
    }
    return true;
  }

  #ring(fill: Fill, body: Body): void {
    const { memory, clock, metrics } = this.#context;
    if (fill.subscribers.size === 0) {
      throw new GatewayError('GW_FILL_CANCELLED', 'too large to keep, and nobody reads it');
    }
    fill.phase = 'ringing';
    fill.ring.bytes = body.bytes;
    fill.among.unlist(fill); // its beginning is about to be overwritten
    // Those who try again must not evict as much again.
    memory.notePassing(fill.entry.key, clock.now());
    metrics.add('outgrown');
    this.#answers.progressed(fill); // a full ring waits for what only those tell who know of it
  }

  async #intoRing(fill: Fill, body: Body, chunk: BorrowedBytes): Promise<void> {
    const { arena } = this.#context.holdings.store;
    const size = fill.ring.bytes;
    for (let done = 0; done < chunk.length;) {
      const at = fill.written % size;
      const room = await this.#room(fill);
      const count = Math.min(chunk.length - done, size - at, room);
      arena.write(body.extents, at, chunk.subarray(done, done + count));
      done += count;
      fill.written += count;
      this.#answers.progressed(fill);
    }
  }

  /** Bytes that may be overwritten, at least one: what the slowest reader has behind him. */
  async #room(fill: Fill): Promise<number> {
    for (;;) {
      if (fill.abort.signal.aborted) throw new GatewayError('GW_FILL_CANCELLED', 'nobody waits');
      const room = slowestOf(fill) + fill.ring.bytes - fill.written;
      if (room > 0) return room;
      this.#judgeSlowest(fill);
      await untilWoken(fill);
    }
  }

  /** Whoever hardly moves while others wait for him is let go, with the last quarter. */
  #judgeSlowest(fill: Fill): void {
    const { ring, written } = fill;
    const nowMs = this.#context.clock.now();
    const slowest = slowestOf(fill);
    const lag = fastestOf(fill) - slowest;
    if (lag < (ring.bytes * 3) / 4) {
      ring.heldSinceMs = NaN;
      return;
    }
    if (nowMs - ring.heldSinceMs < RING_PATIENCE_MS) return;
    const moved = slowest - ring.heldAt;
    if (!Number.isNaN(ring.heldSinceMs) && moved < ring.bytes / LEAST_MOVE) {
      ring.cutBelow = written - Math.floor((ring.bytes * 3) / 4);
      this.#answers.progressed(fill);
    }
    ring.heldSinceMs = nowMs;
    ring.heldAt = slowest;
  }
}

/** Bytes that every follower on every worker has. */
function slowestOf({ subscribers, ring, written }: Fill): number {
  let slowest = written;
  for (const worker of subscribers.keys()) {
    slowest = Math.min(slowest, ring.places.get(worker)?.slowest ?? 0);
  }
  return slowest;
}

/** Bytes that some follower has. */
function fastestOf({ ring }: Fill): number {
  let fastest = 0;
  for (const place of ring.places.values()) fastest = Math.max(fastest, place.fastest);
  return fastest;
}

/** Until a follower has moved or left, or the shard's clock has ticked. */
function untilWoken(fill: Fill): Promise<void> {
  return new Promise((resolve) => {
    fill.wake = resolve;
  });
}
