/** The walkers of walk.ts (a script, see script.ts). */
import { openAll, RawConnection, renderRequest } from './raw-connection.js';
import { serveCalls } from './script.js';
import type { Walked, WalkGroup, WalkPlan } from './walk.js';

const READ_BYTES = 65_536;
const PATIENCE_MS = 60_000;

serveCalls({ walk });

async function walk({ port, groups }: WalkPlan): Promise<{ groups: Walked[]; seconds: number }> {
  const crowds = groups.map((group) => new Crowd(port, group));
  for (const crowd of crowds) await crowd.open();
  const startedMs = performance.now();
  for (const crowd of crowds) crowd.start();
  await Promise.all(crowds.filter((crowd) => !crowd.loops).map((crowd) => crowd.finished));
  const seconds = (performance.now() - startedMs) / 1_000;
  for (const crowd of crowds) crowd.close();
  return { groups: crowds.map((crowd) => crowd.walked), seconds };
}

class Crowd {
  readonly finished: Promise<void>;
  readonly #port: number;
  readonly #group: WalkGroup;
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #firstByteMs: number[] = [];
  #connections: RawConnection[] = [];
  #answers = 0;
  #failures = 0;
  #next = 0;
  #settle: () => void = () => undefined;

  constructor(port: number, group: WalkGroup) {
    this.#port = port;
    this.#group = group;
    this.finished = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${this.#answers} of ${group.requests.length} answers in time`));
      }, PATIENCE_MS * 4);
      this.#settle = (): void => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.finished.catch(() => undefined); // of one that loops nobody waits
    if (group.loops) this.#settle();
  }

  get loops(): boolean {
    return this.#group.loops;
  }

  get walked(): Walked {
    return { answers: this.#answers, failures: this.#failures, firstByteMs: this.#firstByteMs };
  }

  async open(): Promise<void> {
    this.#connections = await openAll(this.#group.connections, (index, onOpen) =>
      this.#connect(index, onOpen),
    );
  }

  start(): void {
    for (let i = 0; i < this.#connections.length; i += 1) this.#ask(i);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  readonly #sentMs: number[] = [];
  readonly #wanted: number[] = [];

  #ask(index: number): void {
    const { requests, loops } = this.#group;
    if (this.#next >= requests.length && !loops) return;
    const number = this.#next++ % requests.length;
    const wanted = requests[number];
    if (wanted === undefined) return;
    this.#wanted[index] = number;
    this.#sentMs[index] = performance.now();
    const lines = wanted.range === undefined ? [] : [`Range: ${wanted.range}`];
    this.#connections[index]?.send(renderRequest(wanted.path, lines));
  }

  #connect(index: number, onOpen: () => void): RawConnection {
    return new RawConnection(
      { port: this.#port, buffer: this.#buffer },
      {
        onHead: (status, length) => {
          const wanted = this.#group.requests[this.#wanted[index] ?? -1];
          if (status !== wanted?.status || length !== wanted.length) this.#failures += 1;
        },
        // Of the body: a head that comes before it shows nobody a picture.
        onBody: (chunk, offset) => {
          const isFirst = offset === 0 && chunk.length > 0;
          if (isFirst) this.#firstByteMs.push(performance.now() - (this.#sentMs[index] ?? 0));
          return true;
        },
        onDone: () => {
          this.#answered(index);
        },
        onFailure: () => {
          this.#failures += 1;
          this.#connections[index] = this.#connect(index, () => {
            this.#answered(index);
          });
        },
      },
      onOpen,
    );
  }

  #answered(index: number): void {
    this.#answers += 1;
    if (!this.loops && this.#answers === this.#group.requests.length) this.#settle();
    else if (this.#group.pauseMs === 0) this.#ask(index);
    else
      setTimeout(() => {
        this.#ask(index);
      }, this.#group.pauseMs);
  }
}
