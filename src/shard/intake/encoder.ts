/**
 * Codings of what a shard holds: each is made when a worker first has a hit that could use it, and kept
 * beside the object. A body's generation has one content for good, and whatever replaces or renews it
 * takes another: a coding is attached only under the generation whose bytes were read for it.
 */
import { mayBeCoded } from '../../protocol/codable.js';
import { type Descriptor, isWhole, mayMake } from '../../protocol/descriptor.js';
import type { BodyName } from '../../protocol/messages.js';
import type { ContentCoding } from '../../http/encoding.js';
import { isMediaBytes } from '../../media/sniff.js';
import { hash32 } from '../../runtime/hash.js';
import type { ArenaView } from '../../arena/arena.js';
import type { CodingJob, CodingSource } from './coding-queue.js';
import type { ShardContext } from './context.js';
import type { Stored } from '../holdings/entry.js';
import { forThisCall } from '../../runtime/bytes.js';

/** A coding that saves less than this share is not worth a second copy. */
const WORTHWHILE = 0.95;
/** Looked at in so many places of an object, the beginning included. */
const SAMPLES = 4;
const SAMPLE_BYTES = 1_024;

interface Making {
  readonly body: BodyName;
  readonly coding: ContentCoding;
  readonly askers: Set<number>; // workers
}

export class Encoder {
  readonly #context: ShardContext;
  readonly #making = new Map<string, Making>();

  constructor(context: ShardContext) {
    this.#context = context;
  }

  /** Answers the worker once: now, or when the coding is made. */
  order(body: BodyName, coding: ContentCoding, worker: number): void {
    const { codings, metrics } = this.#context;
    const id = `${body.slot}:${body.generation}:${coding}`;
    const known = this.#making.get(id);
    if (known !== undefined) {
      known.askers.add(worker);
      return;
    }
    const making: Making = { body, coding, askers: new Set([worker]) };
    const stored = this.#codableOf(body);
    if (stored === undefined || !mayMake(stored.descriptor, coding)) {
      this.#answer(making);
      return;
    }
    if (!codings.offer(this.#jobOf(making, id, stored.body.bytes))) {
      metrics.add('codingsShed');
      this.#answer(making);
      return;
    }
    this.#making.set(id, making);
  }

  #jobOf(making: Making, id: string, bytes: number): CodingJob {
    return {
      coding: making.coding,
      bytes,
      begin: () => {
        const source = this.#sourceOf(making.body);
        if (source !== undefined) return source;
        this.#making.delete(id);
        this.#answer(making);
        return undefined;
      },
      end: (coded) => {
        this.#making.delete(id);
        this.#attach(making, coded);
        this.#context.holdings.store.arena.release(making.body.slot);
        this.#answer(making);
      },
    };
  }

  /** Its bytes, leased: they stay in place even if the object is purged or replaced meanwhile. */
  #sourceOf({ slot, generation }: BodyName): CodingSource | undefined {
    const stored = this.#codableOf({ slot, generation });
    const { arena } = this.#context.holdings.store;
    if (stored === undefined || !arena.acquire(slot, generation)) return undefined;
    return { pieces: piecesOf(arena, stored.body.extents, stored.body.bytes) };
  }

  #attach({ body, coding }: Making, coded: Uint8Array | undefined): void {
    const { index } = this.#context.holdings;
    const stored = this.#codableOf(body);
    if (stored === undefined) return; // purged, replaced, renewed or forbidden meanwhile
    if (coded === undefined || coded.length > stored.body.bytes * WORTHWHILE) {
      const unworthy = [...stored.descriptor.unworthy, coding];
      stored.descriptor = { ...stored.descriptor, unworthy };
    } else if (!this.#place(stored, coding, coded)) return;
    // Every hit would ask for it again until it is published.
    index.unload(stored.entry);
  }

  /** The object itself is leased, so its place is not what is taken. False: no room. */
  #place(stored: Stored, coding: ContentCoding, coded: Uint8Array): boolean {
    const { holdings, metrics } = this.#context;
    const { store } = holdings;
    metrics.add('codingsMade');
    const body = store.reserve(coded.length);
    if (body === undefined) return false;
    store.arena.write(body.extents, 0, coded);
    store.arena.publishWritten(body.slot, coded.length);
    store.store(body, coded.length, hash32(`${stored.entry.key}\n${coding}`));
    holdings.addCoding(stored, coding, body);
    return true;
  }

  /** The whole object with that very body. */
  #codableOf(body: BodyName): Stored | undefined {
    const stored = this.#heldOf(body);
    if (stored === undefined) return undefined;
    const { descriptor } = stored;
    const fit = descriptor.codable && descriptor.status === 200 && isWhole(descriptor);
    return fit ? stored : undefined;
  }

  #heldOf({ slot, generation }: BodyName): Stored | undefined {
    const stored = this.#context.holdings.index.ownerOf(slot);
    return stored?.body.slot === slot && stored.body.generation === generation ? stored : undefined;
  }

  #answer({ body, coding, askers }: Making): void {
    const { shard, send } = this.#context;
    const descriptor = this.#heldOf(body)?.descriptor;
    for (const worker of askers) {
      send(worker, { kind: 'coded', of: { shard, ...body }, coding, descriptor });
    }
  }
}

/** With what its head says about codings, and the bytes of a whole object that is in place. */
export function withCodable(
  { config, holdings }: ShardContext,
  descriptor: Descriptor,
): Descriptor {
  const { status, cached } = descriptor;
  const maybe = mayBeCoded(descriptor, config.compression);
  const inPlace = cached && status === 200;
  const codable = maybe && !(inPlace && isMediaBytes(sampleOf(holdings.store.arena, descriptor)));
  return { ...descriptor, codable };
}

function piecesOf(arena: ArenaView, extents: Descriptor['extents'], bytes: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes;) {
    const piece = forThisCall(arena.view(extents, at, bytes - at)); // the lease lasts until it is coded
    pieces.push(piece);
    at += piece.length;
  }
  return pieces;
}

function sampleOf(arena: ArenaView, { extents, storedBytes }: Descriptor): Uint8Array {
  if (storedBytes <= SAMPLES * SAMPLE_BYTES) return read(arena, extents, 0, storedBytes);
  const step = Math.floor((storedBytes - SAMPLE_BYTES) / (SAMPLES - 1));
  return Buffer.concat(
    Array.from({ length: SAMPLES }, (_, i) => read(arena, extents, i * step, SAMPLE_BYTES)),
  );
}

/** As much as lies there in one piece. */
function read(
  arena: ArenaView,
  extents: Descriptor['extents'],
  from: number,
  length: number,
): Uint8Array {
  return length > 0 ? forThisCall(arena.view(extents, from, length)) : new Uint8Array(0);
}
