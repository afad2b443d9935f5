/** The place of one worker on this node: who runs there now, and what is said to it and heard of it. Main thread. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { asGatewayError, GatewayError } from '../errors.js';
import type { FromWorker, OriginStatus, ToWorker } from '../runtime/worker-messages.js';
import type { EdgeBoot } from '../worker/edge-boot.js';
import type { WorkerPool } from './worker-pool.js';

export interface Launch {
  readonly pool: WorkerPool;
  readonly boot: Omit<EdgeBoot, 'control'>;
  /** What is not about its own start, its port or its end. */
  readonly onMessage: (message: Aside) => void;
  /** Its task is over, without a reason if it was told to end. */
  readonly onEnded: (reason: unknown) => void;
}

export type Aside = Extract<FromWorker, { kind: 'forgotten' | 'purged' }>;

export class WorkerSlot {
  readonly index: number;
  state: 'starting' | 'up' | 'restarting' | 'stopped' = 'starting';
  hung = false; // as last logged
  restarts = 0;
  startedMs = 0; // 0: never
  origins: readonly OriginStatus[] = []; // as it told last
  /** Settles when its thread is free. */
  task: Promise<void> = Promise.resolve();
  #control: MessagePort | undefined;
  #ready: (() => void) | undefined;
  #listening: ((message: FromWorker) => void) | undefined;
  #drained: (() => void) | undefined;

  constructor(index: number) {
    this.index = index;
  }

  /** Its thread runs, as far as we have heard. */
  get isConnected(): boolean {
    return this.#control !== undefined;
  }

  /** False: nobody is there. */
  tell(message: ToWorker, transfer: MessagePort[] = []): boolean {
    this.#control?.postMessage(message, transfer);
    return this.isConnected;
  }

  /** Runs its task; resolves when it is wired up. @throws GatewayError */
  async launch({ pool, boot, onMessage, onEnded }: Launch): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    this.#control = port1;
    port1.on('message', (message: FromWorker) => {
      this.#receive(message, onMessage);
    });
    const ready = new Promise<void>((resolve) => {
      this.#ready = resolve;
    });
    const run = pool.run({ ...boot, control: port2 });
    this.task = run.then(() => {
      onEnded(undefined);
    }, onEnded);
    await Promise.race([ready, run]).catch((reason: unknown) => {
      throw asGatewayError(reason);
    });
  }

  /** Resolves when it listens there. @throws GatewayError */
  async listen(address: { readonly host: string; readonly port: number }): Promise<void> {
    const answer = await new Promise<FromWorker>((resolve) => {
      this.#listening = resolve;
      this.tell({ kind: 'listen', ...address });
    });
    if (answer.kind === 'listen-failed') throw new GatewayError(answer.code, answer.detail);
    this.#listening = undefined;
    this.state = 'up';
  }

  /** Resolves when it has served what was in flight, or is given up. */
  async drain(deadlineMs: number): Promise<void> {
    if (!this.isConnected) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
      this.tell({ kind: 'stop', deadlineMs });
    });
  }

  /** Nobody waits for it to drain any more. */
  giveUpDrain(): void {
    this.#drained?.();
  }

  /** Its thread has ended: nobody waits any more for what it would have said. */
  disconnect(): void {
    this.hung = false;
    this.#control?.close();
    this.#control = undefined;
    this.#drained?.();
    this.#listening?.({
      kind: 'listen-failed',
      code: 'GW_WORKER_LOST',
      detail: 'its worker ended',
    });
    this.#listening = undefined;
  }

  #receive(message: FromWorker, onMessage: Launch['onMessage']): void {
    switch (message.kind) {
      case 'ready':
        this.#ready?.();
        return;
      case 'listening':
      case 'listen-failed':
        this.#listening?.(message);
        return;
      case 'drained':
        this.#drained?.();
        return;
      case 'origins':
        this.origins = message.origins;
        return;
      case 'forgotten':
      case 'purged':
        onMessage(message);
        return;
      default:
        message satisfies never;
    }
  }
}
