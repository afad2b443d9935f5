/** Clients that keep a gateway busy while a test does something to it. */
import type { RawClient } from './raw-client.js';

/** A body that is counted as it comes, read at a rate. */
export class Download {
  readonly begun: Promise<void>;
  readonly answer: ReturnType<RawClient['get']>;
  bytes = 0;

  constructor(client: RawClient, path: string, rate: number) {
    let begin: () => void = () => undefined;
    this.begun = new Promise((resolve) => {
      begin = resolve;
    });
    const sink = (chunk: Buffer): void => {
      this.bytes += chunk.length;
      begin();
    };
    this.answer = client.get(path, [], { rate, sink });
  }
}

export interface Load {
  /** Resolves after that many more answers. */
  answered(count: number): Promise<void>;
  stop(): Promise<{ answers: number; failed: readonly string[]; torn: number }>;
}

/**
 * Requests on these connections, one after the other: hits, misses, objects of every shard, all of
 * which the origin answers with `expected`.
 */
export function steadyLoad(clients: readonly RawClient[], expected: Buffer): Load {
  let state: 'on' | 'off' = 'on';
  let answers = 0;
  let torn = 0; // begun and not whole
  let wanted: { at: number; resolve: () => void } | undefined;
  const failed: string[] = [];
  const loops = clients.map(async (client, n) => {
    for (let i = 0; state === 'on'; i += 1) {
      const path = `/stream-${(i * 7 + n) % 40}/object-${i % 9 === 0 ? `${n}-${i}` : 0}`;
      const answer = await client.get(path);
      answers += 1;
      if (wanted !== undefined && answers >= wanted.at) wanted.resolve();
      if (answer.status !== 0 && !answer.whole) torn += 1;
      if (answer.status === 200 && answer.body.equals(expected)) continue;
      failed.push(
        `${path}: ${answer.status}, ${answer.bytes} bytes, ${answer.body.toString('latin1', 0, 60)}`,
      );
      if (client.isClosed) return;
    }
  });
  return {
    answered: (count) =>
      new Promise((resolve) => {
        wanted = { at: answers + count, resolve };
      }),
    stop: async () => {
      state = 'off';
      await Promise.all(loops);
      return { answers, failed, torn };
    },
  };
}
