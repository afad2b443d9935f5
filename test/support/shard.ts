/** A shard on its own: an origin whose answers the test times, a clock turned by hand, a recording `send`. */
import pino from 'pino';
import type { ArenaView } from '../../src/arena/arena.js';
import {
  type AskRequest,
  type Coded,
  PLAIN_ASK,
  type ToEdge,
} from '../../src/protocol/messages.js';
import type { ContentCoding } from '../../src/http/encoding.js';
import { CodingQueue } from '../../src/shard/intake/coding-queue.js';
import type { Config } from '../../src/config/config.js';
import { loadConfig } from '../../src/config/load.js';
import { isCredentialed } from '../../src/http/client-fields.js';
import type { FieldLines } from '../../src/http/fields.js';
import type { Clock } from '../../src/runtime/clock.js';
import { FollowingSegments } from '../../src/shard/following-segments.js';
import { openShard } from '../../src/shard/open-shard.js';
import type { Shard } from '../../src/shard/shard.js';
import { createMetrics, readMetrics, WorkerMetrics } from '../../src/telemetry/metrics.js';
import { TimedCoder } from './timed-coder.js';
import { TimedOrigin } from './timed-origin.js';
import { viewsOf } from './arena.js';

type Group<N extends keyof Config> = Partial<Config[N]>;

export interface ShardSettings {
  readonly arenaBytes?: number;
  readonly workers?: number;
  /** As to a worker with much before it. */
  readonly hintsAreLost?: boolean;
  readonly cache?: Group<'cache'>;
  readonly compression?: Group<'compression'>;
  readonly prefetch?: Group<'prefetch'>;
  readonly limits?: Group<'limits'>;
  readonly key?: Group<'key'>;
}

export type Sent<K extends ToEdge['kind']> = Extract<ToEdge, { kind: K }>;

/** Everything a shard needs, by default without compression, prefetch and stale windows of ours. */
export class ShardBench {
  nowMs = Date.UTC(2026, 10, 21);
  /** By how much the wall clock has been set forward since (or back). */
  wallAheadMs = 0;
  readonly origin = new TimedOrigin();
  readonly sent: { readonly worker: number; readonly message: ToEdge }[] = [];
  readonly views: readonly ArenaView[]; // by worker; the shard's is 0
  readonly shard: Shard;
  readonly coder = new TimedCoder();
  /** What workers heard of codings. */
  readonly coded: { readonly worker: number; readonly message: Coded }[] = [];
  /** Workers to which nothing can be sent. */
  readonly deaf = new Set<number>();
  /** Answers that are sent keep their leases: no worker has heard of them yet. */
  keepsLeases = false;
  readonly config: Config;
  readonly #metrics: SharedArrayBuffer;
  readonly #order = new FollowingSegments();

  constructor(settings: ShardSettings = {}) {
    const { workers = 2 } = settings;
    this.views = viewsOf(settings.arenaBytes ?? 1_048_576, workers);
    this.config = testConfig(settings);
    this.#metrics = createMetrics(1);
    const clock: Clock = {
      now: () => this.nowMs,
      coarse: () => this.nowMs,
      wall: () => this.nowMs + this.wallAheadMs,
    };
    this.shard = openShard({
      shard: 0,
      arena: this.view(0),
      config: this.config,
      origin: this.origin,
      clock,
      random: () => 0.5,
      log: pino({ level: 'silent' }),
      metrics: new WorkerMetrics(this.#metrics, 0),
      codings: new CodingQueue({
        coder: this.coder,
        limit: this.config.compression.queue,
        onFault: () => undefined,
      }),
      send: (worker, message) => {
        if (this.deaf.has(worker)) return false;
        // As a worker does that has nobody waiting.
        const leased = message.kind === 'object' || message.kind === 'filling';
        if (leased && !this.keepsLeases) this.view(worker).giveBack(0, message.descriptor.slot);
        if (message.kind === 'coded') this.coded.push({ worker, message });
        else this.sent.push({ worker, message });
        return true;
      },
      hint: (worker, message) => {
        const isLost = settings.hintsAreLost === true || this.deaf.has(worker);
        if (!isLost) this.sent.push({ worker, message });
      },
      flush: () => undefined,
      order: this.#order,
      spread: (order) => {
        this.#order.hear(order);
      },
      ahead: (request) => {
        this.shard.receive({ kind: 'prefetch', shard: 0, request }, 0);
      },
    });
  }

  view(worker: number): ArenaView {
    const view = this.views[worker];
    if (view === undefined) throw new RangeError(`no worker ${worker}`);
    return view;
  }

  get counters(): ReturnType<typeof readMetrics>[number]['counters'] {
    const [row] = readMetrics(this.#metrics);
    if (row === undefined) throw new RangeError('no metrics');
    return row.counters;
  }

  ask(id: number, key: string, more: Partial<AskRequest> & { worker?: number } = {}): void {
    const { worker = 0, ...request } = more;
    this.shard.tick(); // so that it finds at rest what may rest
    this.shard.receive({ kind: 'ask', id, shard: 0, request: askFor(key, request) }, worker);
  }

  /** Orders a coding of what an ask was answered with. */
  order(id: number, coding: ContentCoding, worker = 0): void {
    const { slot, generation } = this.the('object', id, worker).descriptor;
    const body = { slot, generation };
    this.shard.receive({ kind: 'encode', shard: 0, body, coding }, worker);
  }

  cancel(id: number, worker = 0): void {
    this.shard.receive({ kind: 'cancel', id, shard: 0 }, worker);
  }

  /** Messages about one ask, in order. */
  about(id: number, worker = 0): ToEdge[] {
    return this.sent.flatMap((one) =>
      one.worker === worker && 'id' in one.message && one.message.id === id ? [one.message] : [],
    );
  }

  kinds(id: number, worker = 0): string[] {
    return this.about(id, worker).map(({ kind }) => kind);
  }

  /** The one message of that kind about the ask. */
  the<K extends ToEdge['kind']>(kind: K, id: number, worker = 0): Sent<K> {
    const found = this.about(id, worker).filter((message) => message.kind === kind);
    const [only] = found;
    if (only === undefined || found.length > 1) {
      throw new Error(`${found.length} of ${kind} for ${id}: ${this.kinds(id, worker).join()}`);
    }
    return only as Sent<K>;
  }

  /** The message that ended the fill, as the worker heard it. */
  end(fill: number, worker = 0): Sent<'progress'> | undefined {
    return this.sent.flatMap(({ worker: to, message }) =>
      to === worker && message.kind === 'progress' && message.fill === fill && message.end
        ? [message]
        : [],
    )[0];
  }

  /** What a client of that worker reads of an answered ask, by way of a lease. */
  body(id: number, worker = 0): string {
    const { descriptor } = this.the('object', id, worker);
    const view = this.view(worker);
    if (!view.acquire(descriptor.slot, descriptor.generation)) throw new Error('gone');
    const bytes = Buffer.alloc(descriptor.storedBytes);
    for (let at = 0; at < bytes.length;) {
      const piece = view.view(descriptor.extents, at, bytes.length - at);
      bytes.set(piece, at);
      at += piece.length;
    }
    view.release(descriptor.slot);
    return bytes.toString('latin1');
  }

  /** Lets the origin answer the oldest open request whole, and waits until all of it has been heard. */
  async fill(headers: FieldLines, body: string, status = 200): Promise<void> {
    this.origin.next().answer(status, headers, body);
    await settled();
  }
}

export function askFor(key: string, more: Partial<AskRequest> = {}): AskRequest {
  const { headers = [] } = more;
  const asked = { key, target: key, headers, range: '', background: false };
  const asker = { credentialed: isCredentialed(headers), ...PLAIN_ASK };
  return { ...asked, ...asker, lane: 0, ...more };
}

/** What was sent, pulled or decided before this has had its effect: a few turns of the loop. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits, turn by turn of the loop, for what must come about without time passing. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000; turn += 1) {
    if (holds()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`never came about: ${holds.toString()}`);
}

export function testConfig(settings: ShardSettings): Config {
  const { config } = loadConfig({ env: {} });
  const { staleWhileRevalidate, staleIfError } = { staleWhileRevalidate: 0, staleIfError: 0 };
  return {
    ...config,
    cache: {
      ...config.cache,
      maxObject: (settings.arenaBytes ?? 1_048_576) / 2,
      staleWhileRevalidate,
      staleIfError,
      ...settings.cache,
    },
    compression: { ...config.compression, enabled: false, ...settings.compression },
    prefetch: { ...config.prefetch, enabled: false, ...settings.prefetch },
    limits: { ...config.limits, ...settings.limits },
    key: { ...config.key, ...settings.key },
  };
}
