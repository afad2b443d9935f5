/** Edge workers that do nothing but what a test has them say, for the supervisor. */
import type { MessagePort } from 'node:worker_threads';
import type { EdgeBoot } from '../../src/worker/edge-boot.js';
import type { WorkerPool } from '../../src/control/worker-pool.js';
import type { FromWorker, ToWorker } from '../../src/runtime/worker-messages.js';

/** Does as a worker does that has nothing to do, but for mourning. */
export class FakeWorker {
  readonly #control: MessagePort;
  readonly #heard: ToWorker[] = [];
  #onMessage: () => void = () => undefined;
  readonly ended: Promise<void>;
  die: () => void = () => undefined;
  listensOn = 0; // what it was told

  /** `silent`: never says that it is ready. */
  constructor({ control }: EdgeBoot, silent: boolean) {
    this.#control = control;
    this.ended = new Promise((resolve, reject) => {
      this.die = () => {
        control.close();
        reject(new Error('died'));
      };
      control.on('message', (message: ToWorker) => {
        this.#heard.push(message);
        if (message.kind === 'listen') {
          this.listensOn = message.port;
          this.say({ kind: 'listening', port: message.port });
        }
        if (message.kind === 'stop') this.say({ kind: 'drained' });
        if (message.kind === 'peer') message.port.close();
        if (message.kind === 'end') {
          control.close();
          resolve();
        }
        this.#onMessage();
      });
    });
    if (!silent) this.say({ kind: 'ready' });
  }

  say(message: FromWorker): void {
    this.#control.postMessage(message);
  }

  async heard(kind: ToWorker['kind'], times = 1): Promise<void> {
    while (this.#heard.filter((message) => message.kind === kind).length < times) {
      await new Promise<void>((resolve) => {
        this.#onMessage = resolve;
      });
    }
  }
}

export class FakePool implements WorkerPool {
  readonly size: number;
  /** Workers that start from now on do not get ready. */
  silent = false;
  readonly #runs: FakeWorker[][];
  #onRun: () => void = () => undefined;

  constructor(size: number) {
    this.size = size;
    this.#runs = Array.from({ length: size }, () => []);
  }

  run(boot: EdgeBoot): Promise<void> {
    const worker = new FakeWorker(boot, this.silent);
    this.#runs[boot.index]?.push(worker);
    this.#onRun();
    return worker.ended;
  }

  /** The latest with that number. */
  of(index: number): FakeWorker {
    const worker = this.#runs[index]?.at(-1);
    if (worker === undefined) throw new RangeError(`no worker ${index}`);
    return worker;
  }

  runsOf(index: number): number {
    return this.#runs[index]?.length ?? 0;
  }

  async started(index: number, times: number): Promise<void> {
    while (this.runsOf(index) < times) {
      await new Promise<void>((resolve) => {
        this.#onRun = resolve;
      });
    }
  }

  utilizations(): readonly number[] {
    return [];
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
