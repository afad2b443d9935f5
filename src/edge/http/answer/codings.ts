/**
 * Codings that this worker's hits could have used and that are not there: asks their shard for each
 * once. What comes of it is published. A shard that has no room for it now is asked again
 * after a pause. Owned by the worker's thread.
 */
import { forbidsTransform } from '../../../protocol/codable.js';
import { type Descriptor, hasCoding, mayMake } from '../../../protocol/descriptor.js';
import type { BodyName, Coded, EncodeOrder } from '../../../protocol/messages.js';
import { type ContentCoding, preferredCodings } from '../../../http/encoding.js';
import { fieldValue, type FieldLines } from '../../../http/fields.js';
import { workerOf } from '../../../runtime/hash.js';
import type { ResponsePlan } from './response-plan.js';

/** After a shard had no room to make it. */
const PAUSE_MS = 1_000;
/** Nothing came back: the shard's worker was lost, with what it was to make. */
const LOST_MS = 30_000;
/** Bodies asked for at a time; a worker with more of them under way has enough to do. */
const MAX_SOUGHT = 1_024;
/** Players send few different Accept-Encoding values; more are not worth remembering. */
const MAX_ACCEPTS = 64;

export interface CodingsOptions {
  readonly shards: number;
  readonly workers: number;
  readonly now: () => number;
  readonly send: (worker: number, message: EncodeOrder) => boolean;
}

interface Sought {
  readonly body: BodyName;
  untilMs: number; // nothing is asked before
}

export class Codings {
  readonly #options: CodingsOptions;
  readonly #preferred = new Map<string, readonly ContentCoding[]>();
  /** By shard, slot and coding. */
  readonly #sought = new Map<string, Sought>();

  constructor(options: CodingsOptions) {
    this.#options = options;
  }

  get sought(): number {
    return this.#sought.size;
  }

  /** What a client takes rather than identity, the best first; '' when it sent no Accept-Encoding. */
  preferred(accept: string): readonly ContentCoding[] {
    let preferred = this.#preferred.get(accept);
    if (preferred === undefined) {
      preferred = preferredCodings(accept);
      if (this.#preferred.size < MAX_ACCEPTS) this.#preferred.set(accept, preferred);
    }
    return preferred;
  }

  /** As `miss`, for an answer by the exact rules: who would get a coding is who gets a body, and all of it. */
  served(descriptor: Descriptor, { status, bodyless }: ResponsePlan, fields: FieldLines): void {
    if (!descriptor.codable || status !== 200 || bodyless) return;
    if (forbidsTransform(fieldValue(fields, 'cache-control'))) return;
    this.miss(descriptor, this.preferred(fieldValue(fields, 'accept-encoding') ?? ''));
  }

  /** A hit goes out that its client would rather have in another coding: has that made, if it can be. */
  miss(descriptor: Descriptor, preferred: readonly ContentCoding[]): void {
    for (const coding of preferred) {
      if (hasCoding(descriptor, coding)) return;
      if (!mayMake(descriptor, coding)) continue;
      this.#seek(descriptor, coding);
      return;
    }
  }

  /** To be called about once a second. */
  tick(): void {
    const nowMs = this.#options.now();
    for (const [id, { untilMs }] of this.#sought) if (untilMs <= nowMs) this.#sought.delete(id);
  }

  receive({ of, coding, descriptor }: Coded): void {
    const id = idOf(of, coding);
    const sought = this.#sought.get(id);
    if (sought === undefined || !isSameBody(sought.body, of)) return;
    if (descriptor !== undefined && mayMake(descriptor, coding)) {
      sought.untilMs = this.#options.now() + PAUSE_MS;
      return;
    }
    this.#sought.delete(id);
  }

  #seek({ shard, slot, generation }: Descriptor, coding: ContentCoding): void {
    const { shards, workers, now, send } = this.#options;
    const nowMs = now();
    const body = { slot, generation };
    const id = idOf({ shard, slot }, coding);
    const known = this.#sought.get(id);
    if (known !== undefined && isSameBody(known.body, body) && known.untilMs > nowMs) return;
    if (known === undefined && this.#sought.size >= MAX_SOUGHT) return;
    if (shard >= shards) return;
    const message: EncodeOrder = { kind: 'encode', shard, body, coding };
    const untilMs = nowMs + (send(workerOf(shard, workers), message) ? LOST_MS : PAUSE_MS);
    this.#sought.set(id, { body, untilMs });
  }
}

function idOf({ shard, slot }: { shard: number; slot: number }, coding: ContentCoding): string {
  return `${shard}:${slot}:${coding}`;
}

function isSameBody(a: BodyName, b: BodyName): boolean {
  return a.generation === b.generation && a.slot === b.slot;
}
