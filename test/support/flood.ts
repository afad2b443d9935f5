/** A shard under many requests that nobody looks at: nothing is recorded, an origin answers all alike. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import pino from 'pino';
import type { FieldLines } from '../../src/http/fields.js';
import type { Origin } from '../../src/origin/origin.js';
import { type Coder, CodingQueue } from '../../src/shard/intake/coding-queue.js';
import { FollowingSegments } from '../../src/shard/following-segments.js';
import { openShard } from '../../src/shard/open-shard.js';
import type { Shard } from '../../src/shard/shard.js';
import { createMetrics, WorkerMetrics } from '../../src/telemetry/metrics.js';
import { askFor, settled, testConfig } from './shard.js';
import { viewOf } from './arena.js';

interface Answer {
  readonly status: number;
  readonly headers: FieldLines;
  readonly text: string;
}

/** Asked for at once. */
const BATCH = 64;

const NO_CODER: Coder = {
  encode: () => Promise.reject(new Error('nothing is coded here')),
  close: () => Promise.resolve(),
};

export class FloodBench {
  readonly shard: Shard;
  #nowMs = Date.UTC(2026, 10, 21);
  #answer: Answer = { status: 404, headers: [], text: '' };
  #id = 1;

  constructor(arenaBytes: number) {
    const origin: Origin = {
      fetch: () => {
        const { status, headers, text } = this.#answer;
        const length = ['content-length', String(text.length)] as const;
        return Promise.resolve({
          ...{ status, headers: [...headers, length], body: bodyOf(text), origin: 'flood' },
        });
      },
      close: () => Promise.resolve(),
    };
    const config = testConfig({ arenaBytes });
    const arena = viewOf(arenaBytes);
    this.shard = openShard({
      ...{ shard: 0, config, arena, origin, random: () => 0.5 },
      clock: { now: () => this.#nowMs, coarse: () => this.#nowMs, wall: () => this.#nowMs },
      log: pino({ level: 'silent' }),
      metrics: new WorkerMetrics(createMetrics(1), 0),
      send: (_, message) => {
        const leased = message.kind === 'object' || message.kind === 'filling';
        if (leased) arena.giveBack(0, message.descriptor.slot); // the reader is done at once
        return true;
      },
      hint: () => undefined,
      flush: () => undefined,
      order: new FollowingSegments(),
      spread: () => undefined,
      ahead: () => undefined,
      codings: new CodingQueue({ coder: NO_CODER, limit: 1, onFault: () => undefined }),
    });
  }

  answerWith(status: number, headers: FieldLines, text: string): void {
    this.#answer = { status, headers, text };
  }

  ask(key: string, headers: FieldLines = []): void {
    const request = askFor(key, { headers });
    this.shard.receive({ kind: 'ask', id: this.#id++, shard: 0, request }, 0);
  }

  /** `ask` for each number below `count`, as fast as all of it can be answered. */
  async run(count: number, ask: (i: number) => void): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      ask(i);
      if (i % BATCH < BATCH - 1 && i < count - 1) continue;
      await settled();
      this.shard.tick();
    }
  }
}

/** Of what is still of use. */
export function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* bodyOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
