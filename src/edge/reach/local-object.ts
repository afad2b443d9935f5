/** One descriptor made ready to serve on this worker: its view of the bytes and its rendered fields. */
import type { ArenaView } from '../../arena/arena.js';
import type { Descriptor, EncodedBody } from '../../protocol/descriptor.js';
import { isWhole, SMALL_BYTES } from '../../protocol/descriptor.js';
import { ageSeconds } from '../../rules/reuse.js';
import { renderFields, renderHit, sentDate } from '../../protocol/render.js';

interface Bodies {
  readonly plain: PlainBody | undefined;
  readonly coded: readonly PlainBody[];
}

const NO_BODIES: Bodies = { plain: undefined, coded: [] };

export class LocalObject {
  readonly descriptor: Descriptor;
  readonly arena: ArenaView;
  /** Served as fresh before this, without more thought; 0 when every use must be judged. */
  readonly freshUntilMs: number;
  /** As `sentDate`. */
  readonly date: number;
  /** Estimate of its heap: what it knows, and what it has rendered. */
  readonly bytes: number;
  /** When a background refresh was last asked for; it may have failed since. */
  refreshAskedMs = 0;
  readonly #cacheName: string;
  #made: Bodies | undefined;

  constructor(descriptor: Descriptor, arena: ArenaView, cacheName: string) {
    this.descriptor = descriptor;
    this.arena = arena;
    const { bornMs, ttlMs, alwaysRevalidate } = descriptor.freshness;
    this.freshUntilMs = alwaysRevalidate ? 0 : bornMs + ttlMs;
    this.#cacheName = cacheName;
    this.date = sentDate(descriptor);
    this.bytes = heapOf(descriptor, this.#isSimple ? 1 + descriptor.encodings.length : 0);
  }

  get #isSimple(): boolean {
    const { status, vary, sliceBytes } = this.descriptor;
    return isWhole(this.descriptor) && status === 200 && vary.length === 0 && sliceBytes === 0;
  }

  /** What the hit path may send as it lies; undefined when a request needs more thought. */
  get plain(): PlainBody | undefined {
    return this.#bodies.plain;
  }

  /** The same in codings of ours; empty when there are none. */
  get coded(): readonly PlainBody[] {
    return this.#bodies.coded;
  }

  /** Made when they are first asked for: most objects are served once. */
  get #bodies(): Bodies {
    this.#made ??= this.#isSimple ? bodiesOf(this, this.#cacheName) : NO_BODIES;
    return this.#made;
  }
}

/** A small body in one piece with its field lines: one lease and one write serve it. */
export class PlainBody {
  readonly object: LocalObject;
  readonly coding: EncodedBody['coding'] | 'identity';
  readonly slot: number;
  readonly generation: number;
  readonly view: Uint8Array;
  readonly #fields: string;
  readonly #name: string;
  #block: Uint8Array | undefined;
  #blockSecond = -1;

  constructor(
    object: LocalObject,
    body: { slot: number; generation: number; coding: PlainBody['coding']; view: Uint8Array },
    rendered: { fields: string; name: string },
  ) {
    this.object = object;
    this.coding = body.coding;
    this.slot = body.slot;
    this.generation = body.generation;
    this.view = body.view;
    this.#fields = rendered.fields;
    this.#name = rendered.name;
  }

  /** The field lines of a hit, Cache-Status first, made anew once a second. */
  hitBlock(nowMs: number): Uint8Array {
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.#blockSecond || this.#block === undefined) {
      const { freshness, upstreamStatus } = this.object.descriptor;
      const ttlS = Math.floor((freshness.bornMs + freshness.ttlMs - nowMs) / 1_000);
      // A copy, as a small Buffer would keep alive the 8 KiB that it was cut from.
      this.#block = new Uint8Array(
        renderHit({
          name: this.#name,
          upstreamStatus,
          ttlS,
          ageS: ageSeconds(freshness, nowMs),
          fields: this.#fields,
        }),
      );
      this.#blockSecond = second;
    }
    return this.#block;
  }
}

/** Measured; its test says how near it is. */
function heapOf({ key, secondary, fields, extents }: Descriptor, bodies: number): number {
  const text = fields.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  const known = 1_100 + key.length + secondary.length + 40 * extents.length;
  const rendered = 750 + 128 * fields.length + text; // one rope, one block
  return known + 125 * fields.length + text + bodies * rendered;
}

function bodiesOf(object: LocalObject, name: string): Bodies {
  const { encodings } = object.descriptor;
  return {
    plain: plainBody(object, name, undefined),
    coded: encodings.flatMap((one) => plainBody(object, name, one) ?? []),
  };
}

function plainBody(
  object: LocalObject,
  name: string,
  encoded: EncodedBody | undefined,
): PlainBody | undefined {
  const { descriptor, arena } = object;
  const { slot, generation, extents } = encoded ?? descriptor;
  const bytes = encoded?.bytes ?? descriptor.storedBytes;
  const [first] = extents;
  if (bytes > SMALL_BYTES || extents.length > 1) return undefined;
  const offset = first?.offset ?? 0;
  const view = arena.bytes(offset, bytes);
  const coding = encoded?.coding ?? 'identity';
  const fields = renderFields(descriptor, encoded);
  return new PlainBody(object, { slot, generation, coding, view }, { fields, name });
}
