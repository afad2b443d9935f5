/** What of an edge worker faces its clients: the HTTP server, and the reach by which it gets at objects. */
import { setListenSocketBuffers } from '../../native/addon.js';
import { loadUws } from '../../native/uws.js';
import { Directory } from '../arena/directory.js';
import { Codings } from '../edge/http/answer/codings.js';
import { Plans } from '../edge/http/answer/response-plan.js';
import { Connections } from '../edge/http/connections.js';
import type { EdgeContext } from '../edge/http/context.js';
import { EdgeServer } from '../edge/http/edge-server.js';
import { PassedFields } from '../edge/http/request/passed-fields.js';
import { Asks } from '../edge/reach/asks.js';
import { Lookup } from '../edge/reach/lookup.js';
import { StallWheel } from '../edge/reach/stall-wheel.js';
import { Turns } from '../edge/reach/turns.js';
import { viewersPort } from '../http/forwarding.js';
import type { MeshMessage } from '../protocol/messages.js';
import type { Mesh } from '../runtime/mesh.js';
import { AccessLog } from '../telemetry/access-log.js';
import type { Basics } from './basics.js';

/**
 * uWS reads 512 KiB at a time, and on without end while it gets as much: `pause()` takes effect only
 * behind that, so a fast upload would come to lie here whole. The kernel doubles this for itself.
 */
const RECEIVE_BUFFER_BYTES = 196_608;

/**
 * Of a request. uWS has room for one more, and answers what is beyond that with a page of its own; so
 * the refusal of ours is seen of one number alone, but none that we take is one too many for uWS.
 */
const MAX_FIELDS = 97;

export class Front {
  readonly asks: Asks;
  readonly lookup: Lookup;
  readonly codings: Codings;
  readonly wheel: StallWheel;
  readonly connections: Connections;
  readonly #server: EdgeServer;

  constructor(basics: Basics, mesh: Mesh<MeshMessage>) {
    const { boot, arena, clock, metrics, guard } = basics;
    const { config, workers } = boot;
    const now = (): number => clock.now();
    const send: Mesh<MeshMessage>['send'] = (to, message) => mesh.send(to, message);
    const turns = new Turns();
    this.lookup = new Lookup({
      directories: boot.pool.tables.map((_, shard) => new Directory(arena, shard)),
      arena,
      cacheName: config.cache.name,
    });
    this.asks = new Asks({
      shards: config.shards,
      workers,
      turns,
      now,
      send,
      insist: (to, message) => mesh.reply(to, message),
      flush: () => {
        mesh.flush();
      },
      isUp: (worker) => mesh.isUp(worker),
      arena,
      guard,
    });
    this.codings = new Codings({ shards: config.shards, workers, now, send });
    this.wheel = new StallWheel(config.limits, now, () => {
      metrics.add('cutSlow');
    });
    this.connections = new Connections(config.limits, metrics);
    const uws = loadUws({ maxHeaderBytes: config.limits.header });
    const context = this.#contextOf(basics, turns);
    this.#server = new EdgeServer({ context, uws, connections: this.connections });
  }

  /** About once a second. */
  tick(): void {
    this.asks.tick();
    this.codings.tick();
  }

  /** Gives the port. @throws GatewayError */
  async listen(host: string, port: number): Promise<number> {
    const localPort = await this.#server.listen(host, port);
    setListenSocketBuffers({ localPort, receiveBufferBytes: RECEIVE_BUFFER_BYTES });
    return localPort;
  }

  /** Serves what is in flight, up to the deadline, and takes nothing new. */
  stop(deadlineMs: number): Promise<void> {
    return this.#server.stop(deadlineMs);
  }

  /** The sockets alone, at once. */
  closeServer(): void {
    this.#server.close();
  }

  close(): void {
    this.#server.close();
    this.wheel.stop();
    this.asks.close();
  }

  #contextOf(
    { boot, clock, log, metrics, origin, arena, guard }: Basics,
    turns: Turns,
  ): EdgeContext {
    const { config, index } = boot;
    return {
      worker: index,
      config,
      rules: {
        key: { maxUrl: config.limits.url, ...config.key },
        credentials: config.origin.credentials,
        fields: { maxBytes: config.limits.header, maxLines: MAX_FIELDS },
        defaultPort: viewersPort(config),
      },
      clock,
      random: Math.random,
      log,
      access: new AccessLog({ log, fraction: config.log.access, random: Math.random }),
      metrics,
      plans: new Plans(),
      lookup: this.lookup,
      asks: this.asks,
      codings: this.codings,
      turns,
      wheel: this.wheel,
      forwarding: new PassedFields(config),
      origin,
      arena,
      guard,
    };
  }
}
