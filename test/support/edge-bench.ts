/**
 * What the HTTP front of one worker stands on, without the worker: a shard that stores (its own worker is 0,
 * the front is 1), a clock turned by hand, an origin the test times, and asks that nobody answers but the test.
 */
import type { Test } from 'tap';
import type { Config } from '../../src/config/config.js';
import { Directory } from '../../src/arena/directory.js';
import { Codings } from '../../src/edge/http/answer/codings.js';
import { Plans } from '../../src/edge/http/answer/response-plan.js';
import type { EdgeContext } from '../../src/edge/http/context.js';
import {
  type ClientRequest,
  readRequest,
  type RequestRules,
} from '../../src/edge/http/request/client-request.js';
import { PassedFields } from '../../src/edge/http/request/passed-fields.js';
import { Asks } from '../../src/edge/reach/asks.js';
import { Lookup } from '../../src/edge/reach/lookup.js';
import { StallWheel } from '../../src/edge/reach/stall-wheel.js';
import { Turns } from '../../src/edge/reach/turns.js';
import type { FieldLines } from '../../src/http/fields.js';
import type { HttpRequest } from '../../native/uws.js';
import type { Descriptor } from '../../src/protocol/descriptor.js';
import type { EncodeOrder, ToShard } from '../../src/protocol/messages.js';
import { AccessLog } from '../../src/telemetry/access-log.js';
import type { Logger } from '../../src/telemetry/log.js';
import { createMetrics, readMetrics, WorkerMetrics } from '../../src/telemetry/metrics.js';
import { FakeResponse } from './fake-response.js';
import { ShardBench, type ShardSettings } from './shard.js';
import { TimedOrigin } from './timed-origin.js';

const DEFAULTS: FieldLines = [
  ['content-type', 'video/iso.segment'],
  ['cache-control', 'public, max-age=60'],
];

export interface EdgeSettings extends ShardSettings {
  readonly access?: number; // share of requests that are logged
  readonly credentials?: Config['origin']['credentials'];
  readonly shutdownIdleMs?: number;
}

/** As a FakeResponse, of a client with an address: what passes tells the origin. */
export class AddressedResponse extends FakeResponse {
  getRemoteAddressAsText(): ArrayBuffer {
    if (this.state !== 'open') throw new Error('it is over');
    return new Uint8Array(Buffer.from('192.0.2.7')).buffer;
  }
}

export class EdgeBench {
  readonly storage: ShardBench;
  readonly context: EdgeContext;
  /** Of what passes. */
  readonly origin = new TimedOrigin();
  /** What the front said to shards; it was taken, nothing else. */
  readonly sent: (ToShard | EncodeOrder)[] = [];
  /** What callbacks threw. */
  readonly faults: unknown[] = [];
  /** What was logged. */
  readonly logged: { readonly level: string; readonly line: object }[] = [];
  /** Called as the front looks at its clock. */
  onClock: () => void = () => undefined;
  readonly #metrics = createMetrics(1);
  #asks = 0;

  constructor(t: Test, settings: EdgeSettings = {}) {
    this.storage = new ShardBench({ key: { host: false }, ...settings });
    this.context = this.#contextOf(settings);
    t.teardown(() => {
      this.context.wheel.stop();
    });
  }

  get counters(): ReturnType<typeof readMetrics>[number]['counters'] {
    const [row] = readMetrics(this.#metrics);
    if (row === undefined) throw new RangeError('no metrics');
    return row.counters;
  }

  /** Stored for a minute unless its fields say otherwise; given as the shard tells of it. */
  async store(key: string, body: string, fields: FieldLines = []): Promise<Descriptor> {
    await this.put(key, body, fields);
    const id = (this.#asks += 1);
    this.storage.ask(id, key);
    return this.storage.the('object', id).descriptor;
  }

  /** As `store`, for what may not be given without asking again. */
  async put(key: string, body: string, fields: FieldLines = []): Promise<void> {
    this.storage.ask((this.#asks += 1), key);
    const said = new Set(fields.map(([name]) => name));
    const unsaid = DEFAULTS.filter(([name]) => !said.has(name));
    await this.storage.fill([['content-length', String(body.length)], ...unsaid, ...fields], body);
    this.storage.shard.tick();
  }

  /** As a handler reads it from uWS. @throws Error where it would be refused */
  request(method: string, target: string, fields: FieldLines = []): ClientRequest {
    const [path = '', query = ''] = target.split('?');
    const asUws = {
      forEach: (call: (name: string, value: string) => void) => {
        for (const [name, value] of [['host', 'test'] as const, ...fields]) call(name, value);
      },
      getCaseSensitiveMethod: () => method,
      getUrl: () => path,
      getQuery: () => query,
    };
    const request = readRequest(asUws as unknown as HttpRequest, this.context.rules, undefined);
    if ('error' in request) throw new Error(request.error);
    return request;
  }

  #contextOf(settings: EdgeSettings): EdgeContext {
    const { storage } = this;
    const { credentials, shutdownIdleMs = 0 } = settings;
    const config: Config = {
      ...storage.config,
      origin: { ...storage.config.origin, ...(credentials && { credentials }) },
      shutdown: { ...storage.config.shutdown, idle: shutdownIdleMs },
    };
    const arena = storage.view(1);
    const now = (): number => {
      this.onClock();
      return storage.nowMs;
    };
    const clock = { now, coarse: now, wall: now };
    const turns = new Turns();
    const log = this.#log();
    const send = (_worker: number, message: ToShard | EncodeOrder): boolean => {
      this.sent.push(message);
      return true;
    };
    const guard = (run: () => void): void => {
      try {
        run();
      } catch (reason) {
        this.faults.push(reason);
      }
    };
    return {
      ...{
        worker: 1,
        config,
        rules: rulesOf(config),
        clock,
        random: () => 0.5,
        log,
        arena,
      },
      access: new AccessLog({
        log,
        fraction: settings.access ?? 0,
        random: () => 0,
      }),
      metrics: new WorkerMetrics(this.#metrics, 0),
      plans: new Plans(),
      lookup: new Lookup({
        ...{
          directories: [new Directory(arena, 0)],
          arena,
          cacheName: config.cache.name,
        },
      }),
      asks: new Asks({
        ...{
          shards: 1,
          workers: 1,
          turns,
          now,
          send,
          insist: send,
          flush: () => undefined,
          isUp: () => true,
          arena,
          guard,
        },
      }),
      codings: new Codings({ shards: 1, workers: 1, now, send }),
      ...{ turns, wheel: new StallWheel(config.limits, now, () => undefined) },
      ...{ forwarding: new PassedFields(config), origin: this.origin, guard },
    };
  }

  #log(): Logger {
    const keep = (level: string) => (line: object) => {
      this.logged.push({ level, line });
    };
    return {
      info: keep('info'),
      warn: keep('warn'),
      error: keep('error'),
    } as unknown as Logger;
  }
}

function rulesOf({ limits, key, origin }: Config): RequestRules {
  return {
    key: { maxUrl: limits.url, ...key },
    credentials: origin.credentials,
    fields: { maxBytes: limits.header, maxLines: 100 },
    defaultPort: 80,
  };
}
