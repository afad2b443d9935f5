/**
 * A crowd that asks for one object at the same moment (a script, see script.ts). Every byte of every
 * body is compared. With `hold` a client that has its first byte reads no further until all have
 * theirs, so that reading gigabytes on shared cores does not delay what is being measured.
 */
import { bodyOf } from './bodies.js';
import type { HerdPlan, HerdResult } from './herd-plan.js';
import { openAll, RawConnection, renderRequest } from './raw-connection.js';
import { serveCalls } from './script.js';

const READ_BYTES = 65_536;
const HELD_READ_BYTES = 4_096; // a first byte must not cost a copy of 64 KB
const HOLD_LIMIT_MS = 20_000;
/** A server that never answers must not hold up the others. */
const CROWD_LIMIT_MS = 180_000;

let crowd: Crowd | undefined;

serveCalls({
  open: async (plan: HerdPlan) => {
    crowd = new Crowd(plan);
    await crowd.open();
  },
  ask: () => crowd?.ask(),
  close: () => {
    crowd?.close();
  },
});

class Crowd {
  readonly #plan: HerdPlan;
  readonly #body: Buffer;
  readonly #firstByteNs: bigint[] = [];
  #connections: RawConnection[] = [];
  #cpuAtFirst = process.cpuUsage();
  #clientCpuMs = NaN;
  #done = 0;
  #wrong = 0;
  #failures = 0;
  #lastReason = '';
  #holding: boolean;
  #settle: (() => void) | undefined;

  constructor(plan: HerdPlan) {
    this.#plan = plan;
    this.#body = bodyOf(plan.size, plan.n);
    this.#holding = plan.hold;
  }

  async open(): Promise<void> {
    const { port, clients, hold } = this.#plan;
    const buffer = Buffer.allocUnsafeSlow(hold ? HELD_READ_BYTES : READ_BYTES);
    this.#connections = await openAll(clients, (_index, onOpen) =>
      this.#join(port, buffer, onOpen),
    );
  }

  /** Sends all requests in one go and resolves when every client has its whole body or failed. */
  async ask(): Promise<HerdResult> {
    const request = renderRequest(this.#plan.path);
    const finished = new Promise<void>((resolve) => (this.#settle = resolve));
    const askedNs = process.hrtime.bigint();
    for (const connection of this.#connections) connection.send(request);
    const askedAllNs = process.hrtime.bigint();
    const limit = setTimeout(() => {
      this.#release();
    }, HOLD_LIMIT_MS);
    const end = setTimeout(() => {
      for (const connection of this.#connections) connection.close();
      this.#failures += this.#plan.clients - this.#done - this.#failures;
      this.#lastReason = `not served within ${CROWD_LIMIT_MS / 1_000} s`;
      this.#check();
    }, CROWD_LIMIT_MS);
    await finished;
    clearTimeout(limit);
    clearTimeout(end);
    return {
      askingMs: Number(askedAllNs - askedNs) / 1e6,
      firstByteNs: this.#firstByteNs.map(String),
      clientCpuMs: this.#clientCpuMs,
      totalMs: Number(process.hrtime.bigint() - askedNs) / 1e6,
      whole: this.#done,
      wrong: this.#wrong,
      failures: this.#failures,
      lastReason: this.#lastReason,
    };
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #join(port: number, buffer: Buffer, onOpen: () => void): RawConnection {
    let right = true;
    return new RawConnection(
      { port, buffer },
      {
        onHead: (status, length) => {
          this.#firstByteNs.push(process.hrtime.bigint());
          if (this.#firstByteNs.length === 1) this.#cpuAtFirst = process.cpuUsage();
          right = status === 200 && length === this.#plan.size;
          if (this.#firstByteNs.length === this.#plan.clients) this.#allStarted();
        },
        onBody: (chunk, offset) => {
          if (chunk.compare(this.#body, offset, offset + chunk.length) !== 0) right = false;
          return !this.#holding;
        },
        onDone: () => {
          this.#done += 1;
          if (!right) this.#wrong += 1;
          this.#check();
        },
        onFailure: (reason) => {
          this.#failures += 1;
          this.#lastReason = reason;
          if (this.#firstByteNs.length + this.#failures >= this.#plan.clients) this.#release();
          this.#check();
        },
      },
      onOpen,
    );
  }

  #allStarted(): void {
    const { user, system } = process.cpuUsage(this.#cpuAtFirst);
    this.#clientCpuMs = (user + system) / 1_000;
    this.#release();
  }

  #release(): void {
    if (!this.#holding) return;
    this.#holding = false;
    // After the turn: the connection that brought the last first byte is still in its read.
    setImmediate(() => {
      for (const connection of this.#connections) connection.resume();
    });
  }

  #check(): void {
    if (this.#done + this.#failures >= this.#plan.clients) this.#settle?.();
  }
}
