/** What takes answers in, without the shard that decides: a context with real holdings, fills made by hand, a recording `send`. */
import pino from 'pino';
import type { ArenaView } from '../../src/arena/arena.js';
import type { FieldLines } from '../../src/http/fields.js';
import type { OriginResponse } from '../../src/origin/origin.js';
import { describe, type StoringPlan } from '../../src/protocol/describe.js';
import type { AskRequest, ToEdge } from '../../src/protocol/messages.js';
import { NO_DIRECTIVES } from '../../src/rules/reuse.js';
import { hash32 } from '../../src/runtime/hash.js';
import { NO_ENCODINGS, type Stored } from '../../src/shard/holdings/entry.js';
import { Holdings } from '../../src/shard/holdings/holdings.js';
import { Answers } from '../../src/shard/intake/answers.js';
import { CodingQueue } from '../../src/shard/intake/coding-queue.js';
import type { ShardContext } from '../../src/shard/intake/context.js';
import { askerOf, type Fill, type Waiter } from '../../src/shard/intake/fill.js';
import { type Arrival, planOf } from '../../src/shard/intake/fill-plan.js';
import { KeyFills } from '../../src/shard/intake/key-fills.js';
import { KeyMemory } from '../../src/shard/intake/key-memory.js';
import { createMetrics, readMetrics, WorkerMetrics } from '../../src/telemetry/metrics.js';
import { viewsOf } from './arena.js';
import { lent } from './lent.js';
import { askFor, type Sent, type ShardSettings, testConfig } from './shard.js';
import { TimedCoder } from './timed-coder.js';
import { TimedOrigin } from './timed-origin.js';

export class IntakeBench {
  nowMs = Date.UTC(2026, 10, 21);
  random = 0.5;
  readonly sent: { readonly worker: number; readonly message: ToEdge; readonly hint: boolean }[] =
    [];
  /** Workers to which nothing can be sent. */
  readonly deaf = new Set<number>();
  readonly views: readonly ArenaView[]; // by worker; the shard's is 0
  readonly memory = new KeyMemory(16);
  readonly context: ShardContext;
  readonly answers: Answers;
  readonly #metrics = createMetrics(1);
  #nextFill = 1;

  constructor(settings: ShardSettings = {}) {
    this.views = viewsOf(settings.arenaBytes ?? 1_048_576, 2);
    const [arena] = this.views;
    if (arena === undefined) throw new RangeError('no view');
    const config = testConfig(settings);
    const clock = { now: () => this.nowMs, coarse: () => this.nowMs, wall: () => this.nowMs };
    const metrics = new WorkerMetrics(this.#metrics, 0);
    const { ttl, staleWhileRevalidate, staleIfError } = config.cache;
    this.context = {
      ...{ shard: 0, config, clock, metrics, memory: this.memory, origin: new TimedOrigin() },
      policy: {
        heuristicFraction: ttl.heuristicFraction,
        heuristicMaxMs: ttl.heuristicMax,
        staleWhileRevalidateMs: staleWhileRevalidate,
        staleIfErrorMs: staleIfError,
      },
      random: () => this.random,
      log: pino({ level: 'silent' }),
      holdings: new Holdings({ shard: 0, arena, config, clock, metrics }),
      codings: new CodingQueue({ coder: new TimedCoder(), limit: 1, onFault: () => undefined }),
      send: (worker, message) => {
        if (this.deaf.has(worker)) return false;
        if (message.kind !== 'coded') this.sent.push({ worker, message, hint: false });
        return true;
      },
      hint: (worker, message) => {
        if (!this.deaf.has(worker)) this.sent.push({ worker, message, hint: true });
      },
      flush: () => undefined,
    };
    this.answers = new Answers(this.context);
  }

  get counters(): ReturnType<typeof readMetrics>[number]['counters'] {
    const [row] = readMetrics(this.#metrics);
    if (row === undefined) throw new RangeError('no metrics');
    return row.counters;
  }

  /** A fill for the first of the waiters, whom the others have joined. */
  fill(waiters: readonly [Waiter, ...Waiter[]], facts: Partial<Fill> = {}): Fill {
    const [leader] = waiters;
    const { index } = this.context.holdings;
    const entry = facts.entry ?? index.ensure(leader.request.key);
    index.hold(entry);
    const fill: Fill = {
      ...{ id: this.#nextFill++, entry, among: new KeyFills(), slotKey: '', leader, range: '' },
      ...{ stored: undefined, abort: new AbortController(), subscribers: new Map() },
      waiters: new Map(waiters.map((waiter) => [askerOf(waiter), waiter])),
      ...{
        askers: new Set(),
        phase: 'requesting',
        outdated: false,
        answeredMs: 0,
        reserved: undefined,
      },
      ...{
        body: undefined,
        descriptor: undefined,
        written: 0,
        sentExtents: 0,
        unannounced: undefined,
      },
      ring: { bytes: 0, places: new Map(), cutBelow: 0, heldSinceMs: NaN, heldAt: 0 },
      ...{ credit: 0, wake: undefined },
      ...facts,
    };
    fill.among.begin(fill);
    return fill;
  }

  /** The same, with room for `bytes` and a descriptor of them: as once its head has come. */
  filling(waiters: readonly [Waiter, ...Waiter[]], bytes: number): Fill {
    const fill = this.fill(waiters, { phase: 'filling' });
    const stored = this.keep(fill.entry.key, 'x'.repeat(bytes));
    fill.body = stored.body;
    fill.descriptor = stored.descriptor;
    return fill;
  }

  arrival(status: number, headers: FieldLines, body: readonly string[] = []): Arrival {
    const times = { requestMs: this.nowMs, responseMs: this.nowMs, responseWallMs: this.nowMs };
    return { response: answered(status, headers, body), ...times };
  }

  /** A plan by which that answer may be kept. */
  plan(fill: Fill, arrival: Arrival): StoringPlan {
    const plan = planOf(this.context, { fill, arrival }, { status: arrival.response.status });
    if (!plan.store) throw new Error(`it may not be kept: ${plan.reason}`);
    return plan;
  }

  /** Stores an answer to a request without fields. */
  keep(key: string, text: string, headers: FieldLines = [['cache-control', 'max-age=60']]): Stored {
    const { holdings } = this.context;
    const body = holdings.store.reserve(text.length, 512);
    if (body === undefined) throw new Error('no room');
    holdings.store.arena.write(body.extents, 0, Buffer.from(text));
    holdings.store.arena.publishWritten(body.slot, text.length);
    holdings.store.store(body, text.length, hash32(key), 512);
    const entry = holdings.index.ensure(key);
    const arrival = this.arrival(200, headers);
    const plan = this.plan(this.fill([waiterOf(0, key)], { entry }), arrival);
    entry.vary = plan.vary;
    const length = { firstByte: 0, storedBytes: text.length, totalBytes: text.length };
    const { slot, generation, extents } = body;
    const stored: Stored = {
      ...{ entry, secondary: '', kind: 'other', body, encodings: NO_ENCODINGS, retryAtMs: 0 },
      originFields: headers,
      descriptor: describe(200, headers, plan, {
        ...{ key, shard: 0, slot, generation, extents, ...length },
        ...{ sliceBytes: 0, secondary: '', codable: false, cached: true },
      }),
    };
    holdings.add(stored);
    return stored;
  }

  /** Messages about one ask, in order. */
  about(id: number): ToEdge[] {
    return this.sent.flatMap(({ message }) =>
      'id' in message && message.id === id ? [message] : [],
    );
  }

  kinds(id: number): string[] {
    return this.about(id).map(({ kind }) => kind);
  }

  /** The newest message of that kind to the worker. */
  newest<K extends ToEdge['kind']>(kind: K, worker = 0): Sent<K> {
    const found = this.sent.findLast((one) => one.worker === worker && one.message.kind === kind);
    if (found === undefined) throw new Error(`no ${kind} for ${worker}`);
    return found.message as Sent<K>;
  }
}

export function waiterOf(
  id: number,
  key = '/v/1.m4s',
  more: Partial<AskRequest> & Partial<Pick<Waiter, 'worker' | 'directives' | 'elections'>> = {},
): Waiter {
  const { worker = 0, directives = NO_DIRECTIVES, elections = 0, ...request } = more;
  const asked = askFor(key, request);
  return { worker, id, request: asked, directives, collapsed: false, elections, follows: false };
}

export function answered(
  status: number,
  headers: FieldLines,
  body: readonly string[] = [],
): OriginResponse {
  return { status, headers, body: lent(chunksOf(body)), origin: 'timed' };
}

async function* chunksOf(texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    await Promise.resolve();
    yield Buffer.from(text, 'latin1');
  }
}
