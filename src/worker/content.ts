/** The shards of one edge worker, and what they share: the making of codings, and which segments follow which. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { adviseHugePages } from '../../native/addon.js';
import type {
  AskRequest,
  EncodeOrder,
  MeshMessage,
  SegmentOrder,
  ToShard,
} from '../protocol/messages.js';
import { shardsOn } from '../runtime/hash.js';
import type { Mesh } from '../runtime/mesh.js';
import type { WorkerPurge } from '../runtime/worker-messages.js';
import { FollowingSegments } from '../shard/following-segments.js';
import { CoderThread } from '../shard/intake/coder-thread.js';
import { CodingQueue } from '../shard/intake/coding-queue.js';
import { openShard } from '../shard/open-shard.js';
import type { Shard } from '../shard/shard.js';
import type { Basics } from './basics.js';

const PURGE_SLICE_MS = 4;

export interface ContentOptions {
  readonly basics: Basics;
  readonly mesh: Mesh<MeshMessage>;
  readonly coder: URL; // the module of a coding thread
  /** A player asks for that next. */
  readonly ahead: (request: AskRequest) => void;
}

export class Content {
  readonly shards: ReadonlyMap<number, Shard>;
  readonly codings: CodingQueue;
  readonly #order = new FollowingSegments();

  constructor(options: ContentOptions) {
    this.codings = openCodingQueue(options);
    prepareBanks(options.basics);
    const { index, workers, config } = options.basics.boot;
    this.shards = new Map(
      [...shardsOn(index, workers, config.shards)].map((shard) => [
        shard,
        this.#open(shard, options),
      ]),
    );
  }

  receive(message: ToShard | EncodeOrder, from: number): void {
    this.shards.get(message.shard)?.receive(message, from);
  }

  /** What a playlist says, read by whichever worker. */
  hear(order: SegmentOrder): void {
    this.#order.hear(order);
  }

  /** About ten times a second. */
  tick(): void {
    for (const shard of this.shards.values()) shard.tick();
  }

  /** Objects purged. A few milliseconds at a time: who watches must not notice that a million titles go. */
  async purge(order: WorkerPurge): Promise<number> {
    let count = 0;
    let sliceEndsMs = performance.now() + PURGE_SLICE_MS;
    for (const shard of this.shards.values()) {
      for (const purged of shard.purging(order)) {
        count += purged;
        if (performance.now() < sliceEndsMs) continue;
        await nextTurn();
        sliceEndsMs = performance.now() + PURGE_SLICE_MS;
      }
    }
    return count;
  }

  /** A worker's thread has ended: its interest is void. */
  forgetWorker(index: number): void {
    for (const shard of this.shards.values()) shard.forgetWorker(index);
  }

  close(): void {
    for (const shard of this.shards.values()) shard.close();
    void this.codings.close();
  }

  #open(shard: number, { basics, mesh, ahead }: ContentOptions): Shard {
    const { boot, arena, origin, clock, log, metrics } = basics;
    return openShard({
      shard,
      arena,
      config: boot.config,
      origin,
      clock,
      random: Math.random,
      log,
      metrics,
      codings: this.codings,
      send: (to, message) => mesh.reply(to, message),
      hint: (to, message) => {
        mesh.hint(to, message);
      },
      flush: () => {
        mesh.flush();
      },
      order: this.#order,
      spread: (order) => {
        for (let to = 0; to < boot.workers; to += 1) mesh.hint(to, order);
      },
      ahead,
    });
  }
}

function openCodingQueue({ basics, coder }: ContentOptions): CodingQueue {
  const { brotliQuality, gzipLevel, queue } = basics.boot.config.compression;
  return new CodingQueue({
    coder: new CoderThread(coder, { br: brotliQuality, gzip: gzipLevel }),
    limit: queue,
    onFault: (reason) => {
      basics.log.error({ err: reason }, 'a coding could not be made');
    },
  });
}

/** Each worker a share of the node's memory; a worker's successor finds it as it is. */
function prepareBanks({ boot }: Basics): void {
  const { config, index, workers, restarted, pool } = boot;
  if (restarted) return;
  for (const [number, bank] of pool.banks.entries()) {
    if (number % workers !== index) continue;
    if (config.arena.hugePages) adviseHugePages(bank.buffer as SharedArrayBuffer);
    // First touch costs 0.4 s of CPU a GiB: now rather than under the first viewers.
    if (config.arena.pretouch) touchPages(bank);
  }
}

function touchPages(data: Uint8Array): void {
  for (let at = 0; at < data.length; at += 4_096) data[at] = 0;
}
