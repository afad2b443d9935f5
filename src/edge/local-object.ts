/** One descriptor made ready to serve on this worker: its view of the bytes and its rendered fields. */
import type { ArenaView } from '../arena/arena.js';
import type { Descriptor, EncodedBody } from '../cache/descriptor.js';
import { isWhole } from '../cache/descriptor.js';
import { ageSeconds } from '../cache/reuse.js';
import { renderFields, renderHit } from './render.js';

/** Up to here a body goes out in one copying call and needs no lease beyond it (FACTS: 64 KB). */
export const SMALL_BYTES = 65_536;

export class LocalObject {
  readonly descriptor: Descriptor;
  readonly arena: ArenaView;
  /** Served as fresh before this, without more thought; 0 when every use must be judged. */
  readonly freshUntilMs: number;
  /** A whole 200 without variants or codings: the hit path may send it as it lies. */
  readonly plain: boolean;
  /** The body where it lies in one piece; undefined otherwise. */
  readonly view: Uint8Array | undefined;
  /** A background refresh has been asked for. */
  refreshing = false;
  readonly #fields: string;
  readonly #name: string;
  #block: Uint8Array | undefined;
  #blockSecond = -1;

  constructor(descriptor: Descriptor, arena: ArenaView, cacheName: string) {
    this.descriptor = descriptor;
    this.arena = arena;
    this.#name = cacheName;
    const { bornMs, ttlMs, alwaysRevalidate } = descriptor.freshness;
    this.freshUntilMs = alwaysRevalidate ? 0 : bornMs + ttlMs;
    const { extents, status, vary, encodings } = descriptor;
    const [first] = extents;
    const whole = isWhole(descriptor);
    this.plain = whole && status === 200 && vary.length === 0 && encodings.length === 0;
    this.view =
      whole && extents.length <= 1
        ? arena.data.subarray(first?.offset ?? 0, (first?.offset ?? 0) + descriptor.storedBytes)
        : undefined;
    this.#fields = renderFields(descriptor, undefined);
  }

  /** The field lines of a hit, Cache-Status first, made anew once a second. */
  hitBlock(nowMs: number): Uint8Array {
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.#blockSecond || this.#block === undefined) {
      const { freshness, upstreamStatus } = this.descriptor;
      const ttlS = Math.floor((freshness.bornMs + freshness.ttlMs - nowMs) / 1_000);
      this.#block = renderHit({
        name: this.#name,
        upstreamStatus,
        ttlS,
        ageS: ageSeconds(freshness, nowMs),
        fields: this.#fields,
      });
      this.#blockSecond = second;
    }
    return this.#block;
  }

  encoded(coding: EncodedBody['coding']): EncodedBody | undefined {
    return this.descriptor.encodings.find((one) => one.coding === coding);
  }
}
