/**
 * One edge worker: a front that faces clients, the shards it owns, and the mesh that joins both with those of
 * the other workers. It does what the main thread says over its control port.
 */
import { threadCpuTimeUs } from '../../native/addon.js';
import type { EdgeBoot } from './edge-boot.js';
import { asGatewayError } from '../errors.js';
import { isToShard, type MeshMessage } from '../protocol/messages.js';
import { Mesh } from '../runtime/mesh.js';
import type { FromWorker, ToWorker } from '../runtime/worker-messages.js';
import { Basics } from './basics.js';
import { Content } from './content.js';
import { Front } from './front.js';
import { Gauges } from './gauges.js';

const OUTBOX_LIMIT = 65_536;
const BEAT_MS = 100;
const SHARD_TICK_MS = 100;
const SECOND_MS = 1_000;

/** Runs until told to stop. Rejects when the thread cannot do its work. `coder`: the module of a coding thread. */
export async function runEdgeWorker(boot: EdgeBoot, coder: URL): Promise<void> {
  const worker = new EdgeWorker(boot, coder);
  const closeServer = (): void => {
    worker.closeServer();
  };
  // An open uWS socket at the end of its thread aborts the process.
  process.on('exit', closeServer);
  try {
    await worker.run();
  } finally {
    worker.close();
    process.off('exit', closeServer);
  }
}

class EdgeWorker {
  readonly #basics: Basics;
  readonly #mesh: Mesh<MeshMessage>;
  readonly #front: Front;
  readonly #content: Content;
  readonly #gauges: Gauges;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #ended: Promise<void>;
  #end: () => void = () => undefined;

  constructor(boot: EdgeBoot, coder: URL) {
    const basics = new Basics(boot);
    this.#basics = basics;
    this.#mesh = new Mesh({
      self: boot.index,
      outboxLimit: OUTBOX_LIMIT,
      deliver: (message, from) => {
        this.#deliver(message, from);
      },
      onError: (reason) => {
        basics.fault(reason, 'message handler failed');
      },
    });
    this.#front = new Front(basics, this.#mesh);
    this.#content = new Content({
      basics,
      mesh: this.#mesh,
      coder,
      ahead: (request) => {
        this.#front.asks.prefetch(request);
      },
    });
    this.#gauges = this.#openGauges();
    this.#ended = new Promise<void>((resolve) => {
      this.#end = resolve;
    });
    boot.control.on('message', (message: ToWorker) => {
      this.#control(message);
    });
  }

  /** Resolves when the worker was told to end. */
  async run(): Promise<void> {
    this.#timers.push(
      setInterval(() => {
        this.#basics.metrics.add('beats');
      }, BEAT_MS),
      setInterval(() => {
        this.#content.tick();
      }, SHARD_TICK_MS),
      setInterval(() => {
        this.#front.tick();
        this.#gauges.take();
      }, SECOND_MS),
    );
    this.#tell({ kind: 'ready' });
    await this.#ended;
  }

  closeServer(): void {
    this.#front.closeServer();
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#front.close();
    this.#content.close();
    this.#mesh.close();
    this.#basics.boot.control.close();
    this.#basics.close();
  }

  #deliver(message: MeshMessage, from: number): void {
    if (isToShard(message)) this.#content.receive(message, from);
    else if (message.kind === 'coded') this.#front.codings.receive(message);
    else if (message.kind === 'order') this.#content.hear(message);
    else this.#front.asks.receive(message, from);
  }

  #openGauges(): Gauges {
    const { metrics, origin } = this.#basics;
    const { connections, wheel, lookup } = this.#front;
    const { shards, codings } = this.#content;
    return new Gauges({
      metrics,
      shards,
      connections,
      wheel,
      lookup,
      codings,
      origin,
      cpuTimeUs: () => threadCpuTimeUs() ?? 0,
      onOrigins: (origins) => {
        this.#tell({ kind: 'origins', origins });
      },
    });
  }

  #control(message: ToWorker): void {
    switch (message.kind) {
      case 'peer':
        this.#mesh.connect(message.index, message.port);
        this.#front.asks.onPeerUp(message.index);
        return;
      case 'peer-down':
        this.#forgetPeer(message.index);
        return;
      case 'listen':
        void this.#listen(message.host, message.port);
        return;
      case 'purge':
        void this.#content.purge(message.order).then((count) => {
          this.#tell({ kind: 'purged', id: message.id, count });
        });
        return;
      case 'purge-over':
        this.#front.asks.joinNoMore();
        this.#tell({ kind: 'purged', id: message.id, count: 0 });
        return;
      case 'stop':
        void this.#front.stop(message.deadlineMs).then(() => {
          this.#tell({ kind: 'drained' });
        });
        return;
      case 'end':
        this.#end();
        return;
      default:
        message satisfies never;
    }
  }

  #forgetPeer(index: number): void {
    this.#mesh.disconnect(index);
    this.#content.forgetWorker(index);
    this.#front.asks.onPeerDown(index);
    this.#basics.arena.pins.forget(index);
    this.#tell({ kind: 'forgotten', index });
  }

  async #listen(host: string, port: number): Promise<void> {
    try {
      this.#tell({ kind: 'listening', port: await this.#front.listen(host, port) });
    } catch (reason) {
      const { code, detail } = asGatewayError(reason);
      this.#tell({ kind: 'listen-failed', code, detail });
    }
  }

  #tell(message: FromWorker): void {
    this.#basics.boot.control.postMessage(message);
  }
}
