/** A film in slices as one worker serves it: real asks, an origin that the test times, and a shard that it plays. */
import pino from 'pino';
import type { Test } from 'tap';
import { Plans } from '../../src/edge/http/answer/response-plan.js';
import type { EdgeContext } from '../../src/edge/http/context.js';
import type { ClientRequest } from '../../src/edge/http/request/client-request.js';
import { PassedFields } from '../../src/edge/http/request/passed-fields.js';
import { LocalObject } from '../../src/edge/reach/local-object.js';
import { StallWheel } from '../../src/edge/reach/stall-wheel.js';
import { Turns } from '../../src/edge/reach/turns.js';
import { isCredentialed } from '../../src/http/client-fields.js';
import { fieldValue, type FieldLines } from '../../src/http/fields.js';
import type { Descriptor } from '../../src/protocol/descriptor.js';
import type { AskRequest, Served, ToEdge } from '../../src/protocol/messages.js';
import { sliceAt, sliceKeys, type SliceOf } from '../../src/protocol/slices.js';
import { requestDirectives } from '../../src/rules/reuse.js';
import {
  createMetrics,
  type MetricsSnapshot,
  readMetrics,
  WorkerMetrics,
} from '../../src/telemetry/metrics.js';
import { AsksBench, MISS } from './asks.js';
import { describedAs } from './descriptor.js';
import { patterned } from './origin-server.js';
import { testConfig } from './shard.js';
import { TimedOrigin } from './timed-origin.js';

export const SLICE = 4_096;
const KEY = '/film.mp4';
const TAG = '"v1"';
/** Ten slices and a bit. */
export const FILM = patterned(10 * SLICE + 100);
const SLOTS_A_SLICE = 2;

export class FilmBench {
  readonly worker = new AsksBench();
  readonly origin = new TimedOrigin();
  /** What the worker finds without asking, by key. */
  readonly found = new Map<string, LocalObject>();
  readonly context: EdgeContext;
  readonly head: Descriptor;
  readonly #metrics = createMetrics(1);
  #fills = 100;

  constructor(t: Test) {
    const wheel = new StallWheel(
      { minRate: 0, minRateGrace: 0 },
      () => 0,
      () => undefined,
    );
    const { asks, arena } = this.worker;
    t.teardown(() => {
      wheel.stop();
      asks.close();
    });
    const config = testConfig({});
    this.context = {
      ...{ asks, arena, wheel, config, turns: new Turns(), plans: new Plans() },
      ...{
        lookup: {
          find: (key: string) => this.found.get(key),
          has: (key: string) => this.found.has(key),
        },
        origin: this.origin,
      },
      ...{
        metrics: new WorkerMetrics(this.#metrics, 0),
        log: pino({ level: 'silent' }),
      },
      ...{ forwarding: new PassedFields(config), clock: { now: () => 0, wall: () => 0 } },
      random: () => 0.5,
      guard: (run: () => void) => {
        run();
      },
    } as unknown as EdgeContext;
    const sizes = {
      sliceBytes: SLICE,
      storedBytes: FILM.length,
      totalBytes: FILM.length,
    };
    this.head = describedAs({
      key: KEY,
      slot: 30,
      extents: [],
      etag: TAG,
      ...sizes,
    });
  }

  get counters(): MetricsSnapshot['counters'] {
    const [row] = readMetrics(this.#metrics);
    if (row === undefined) throw new RangeError('no metrics');
    return row.counters;
  }

  sliceOf(number: number): SliceOf {
    return sliceAt(this.head, number);
  }

  keyOf(number: number): string {
    return sliceKeys(KEY, TAG, FILM.length)(number);
  }

  /** Slice `number` in a place of its own, of which so many bytes are there; void what lay there. */
  put(number: number, written = SLICE, facts: Partial<Descriptor> = {}): Descriptor {
    const { first, last } = this.sliceOf(number);
    const slot = number * SLOTS_A_SLICE;
    const storedBytes = last - first + 1;
    const extents = [{ offset: number * SLICE, length: SLICE }];
    const generation = this.worker.owner.bumpGeneration(slot);
    this.write(number, written);
    return describedAs({
      ...{
        key: this.keyOf(number),
        slot,
        generation,
        extents,
        storedBytes,
        firstByte: first,
      },
      ...{ status: 206, totalBytes: FILM.length, etag: TAG, ...facts },
    });
  }

  write(number: number, written: number): void {
    const { first, last } = this.sliceOf(number);
    const bytes = FILM.subarray(first, Math.min(last + 1, first + written));
    const { owner } = this.worker;
    owner.write([{ offset: number * SLICE, length: SLICE }], 0, bytes);
    owner.publishWritten(number * SLOTS_A_SLICE, bytes.length);
  }

  /** The worker finds it. */
  tell(number: number, facts: Partial<Descriptor> = {}): Descriptor {
    const descriptor = this.put(number, SLICE, facts);
    this.found.set(descriptor.key, new LocalObject(descriptor, this.worker.arena, 'headgate'));
    return descriptor;
  }

  leases(number: number): number {
    return this.worker.owner.leases(number * SLOTS_A_SLICE);
  }

  /** How often eviction was told of a use. */
  visits(number: number): number | undefined {
    return this.worker.owner.hits[number * SLOTS_A_SLICE];
  }

  /** Numbers of the slices that shards were asked for, in order. */
  get asked(): number[] {
    return this.#asks().map(({ request }) => (request.slice?.first ?? NaN) / SLICE);
  }

  /** The newest ask for that slice. */
  ask(number: number): { readonly id: number; readonly request: AskRequest } {
    const found = this.#asks().findLast(({ request }) => request.slice?.first === number * SLICE);
    if (found === undefined) throw new Error(`slice ${number} was not asked for`);
    return found;
  }

  /** The shard has it. */
  answer(number: number, served: Served = { hit: true }, facts: Partial<Descriptor> = {}): void {
    const descriptor = this.put(number, SLICE, facts);
    this.worker.hear({
      kind: 'object',
      id: this.ask(number).id,
      descriptor,
      served,
    });
  }

  /** It comes; so much of it is there. Gives the number of the fill. */
  fill(number: number, written: number, facts: Partial<Descriptor> = {}): number {
    const descriptor = this.put(number, written, facts);
    this.#fills += 1;
    const { id } = this.ask(number);
    this.worker.hear({
      kind: 'filling',
      id,
      fill: this.#fills,
      descriptor,
      served: MISS,
    });
    return this.#fills;
  }

  progress(
    fill: number,
    written: number,
    end?: Extract<ToEdge, { kind: 'progress' }>['end'],
  ): void {
    this.worker.hear({
      kind: 'progress',
      fill,
      written,
      extents: undefined,
      end,
    });
  }

  refuse(number: number, code: Extract<ToEdge, { kind: 'refused' }>['code']): void {
    const { id } = this.ask(number);
    const how = { detail: '', retryAfterS: 0, others: 'refused' } as const;
    this.worker.hear({ kind: 'refused', id, code, ...how });
  }

  #asks(): { id: number; request: AskRequest }[] {
    return this.worker.sent.flatMap(({ message }) => (message.kind === 'ask' ? [message] : []));
  }
}

/** A GET of the film with these fields. */
export function filmRequest(fields: FieldLines = []): ClientRequest {
  return {
    ...{
      method: 'GET',
      rawFields: fields,
      fields,
      host: 'tv.example',
      path: KEY,
      key: KEY,
    },
    ...{
      upstreamTarget: `${KEY}?a=b`,
      range: fieldValue(fields, 'range') ?? '',
      lane: 1,
    },
    directives: requestDirectives({
      cacheControl: fieldValue(fields, 'cache-control'),
    }),
    ...{
      credentialed: isCredentialed(fields),
      plain: fields.length === 0,
      ending: 'none',
    },
  };
}

/** What an origin says of slice `number` from that offset on, as it should. */
export function partFields(bench: FilmBench, number: number, at = 0): FieldLines {
  const slice = bench.sliceOf(number);
  const { last, total, validator } = slice;
  const first = slice.first + at;
  return [
    ['etag', validator],
    ['content-range', `bytes ${first}-${last}/${total}`],
    ['content-length', String(last - first + 1)],
  ];
}

/** Bytes of the film as text, for the chunks of a timed origin. */
export function filmText(from: number, to: number): string {
  return FILM.toString('latin1', from, to);
}
