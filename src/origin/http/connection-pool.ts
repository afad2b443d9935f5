/**
 * The connections to one upstream: one request at a time on each, handed out last used first, so that
 * what is not needed grows old and goes.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GatewayError } from '../../errors.js';
import { Gate } from '../files/gate.js';
import { Connection } from './connection.js';
import type { Dialler } from './dial.js';

const WAITERS_PER_CONNECTION = 16;
/** An origin closes what it kept for as long as it said, perhaps just as we ask: leave it before. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

export interface PoolLimits {
  readonly connections: number; // at once
  readonly waitMs: number; // longest wait for one of them
  readonly keepAliveMs: number; // 0: each is used once
}

interface Idle {
  readonly connection: Connection;
  readonly timer: NodeJS.Timeout;
}

export class ConnectionPool {
  readonly #dialler: Dialler;
  readonly #limits: PoolLimits;
  readonly #gate: Gate;
  readonly #idle: Idle[] = [];
  readonly #open = new Set<Connection>();
  readonly #dialling = new Set<AbortController>();
  #settling = 0; // connections that are kept from the next turn on
  #isClosed = false;

  constructor(dialler: Dialler, limits: PoolLimits) {
    this.#dialler = dialler;
    this.#limits = limits;
    this.#gate = new Gate({
      permits: limits.connections,
      queue: limits.connections * WAITERS_PER_CONNECTION,
      waitMs: limits.waitMs,
    });
  }

  /**
   * A connection for one request; `release` it once its exchange is over. `fresh` asks for a new one.
   * @throws GatewayError GW_ORIGIN_BUSY, GW_ORIGIN_CONNECT, GW_CLIENT_ABORTED, GW_SHUTTING_DOWN
   */
  async acquire(signal: AbortSignal, fresh: boolean): Promise<Connection> {
    await this.#gate.acquire(signal);
    try {
      const kept = fresh ? undefined : (this.#takeIdle() ?? (await this.#takeSettled()));
      const connection = kept ?? (await this.#connect(signal));
      connection.requests += 1;
      return connection;
    } catch (reason) {
      this.#gate.release();
      throw reason;
    }
  }

  /** `keepAliveMs`: how long its origin keeps it; 0: it cannot be used again. */
  release(connection: Connection, keepAliveMs: number): void {
    const forMs = Math.min(
      this.#limits.keepAliveMs,
      keepAliveMs - Math.min(KEEP_ALIVE_MARGIN_MS, keepAliveMs / 2),
    );
    if (connection.isGone || forMs <= 0) {
      this.#drop(connection);
      this.#gate.release();
      return;
    }
    connection.rest();
    this.#settling += 1;
    // What the kernel has behind the answer is read in this turn: it must not become the next one's.
    setImmediate(() => {
      this.#settling -= 1;
      this.#keep(connection, forMs);
      this.#gate.release();
    });
  }

  dropIdle(): void {
    for (const { connection } of [...this.#idle]) this.#drop(connection);
  }

  /** Cuts what is in flight: those exchanges fail with GW_SHUTTING_DOWN. */
  close(): void {
    this.#isClosed = true;
    for (const dialling of this.#dialling) dialling.abort();
    for (const connection of [...this.#open]) {
      connection.fail(shuttingDown());
      this.#drop(connection);
    }
  }

  #keep(connection: Connection, forMs: number): void {
    if (connection.isGone || this.#isClosed) {
      this.#drop(connection);
      return;
    }
    const timer = setTimeout(() => {
      this.#drop(connection);
    }, forMs);
    timer.unref();
    this.#idle.push({ connection, timer });
  }

  /** One that will be free in a moment is better than a new one. */
  async #takeSettled(): Promise<Connection | undefined> {
    if (this.#settling === 0) return undefined;
    await nextTurn();
    return this.#takeIdle();
  }

  #takeIdle(): Connection | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      clearTimeout(idle.timer);
      if (!idle.connection.isGone) return idle.connection;
    }
    return undefined;
  }

  async #connect(signal: AbortSignal): Promise<Connection> {
    this.#mustBeOpen();
    const [oldest] = this.#idle;
    const isFull = this.#open.size >= this.#limits.connections;
    if (isFull && oldest !== undefined) this.#drop(oldest.connection);
    // AbortSignal.any would leave something with a signal that lives for as long as we do.
    const dialling = new AbortController();
    const giveUp = (): void => {
      dialling.abort();
    };
    signal.addEventListener('abort', giveUp);
    if (signal.aborted) giveUp();
    this.#dialling.add(dialling);
    try {
      const connection = await Connection.open(this.#dialler, dialling.signal, (gone) => {
        this.#drop(gone);
      });
      this.#open.add(connection);
      return connection;
    } catch (reason) {
      this.#mustBeOpen(); // else that is why
      throw reason;
    } finally {
      this.#dialling.delete(dialling);
      signal.removeEventListener('abort', giveUp);
    }
  }

  #mustBeOpen(): void {
    if (this.#isClosed) throw shuttingDown();
  }

  #drop(connection: Connection): void {
    this.#open.delete(connection);
    const at = this.#idle.findIndex((idle) => idle.connection === connection);
    if (at >= 0) clearTimeout(this.#idle.splice(at, 1)[0]?.timer);
    connection.destroy();
  }
}

function shuttingDown(): GatewayError {
  return new GatewayError('GW_SHUTTING_DOWN', 'the node is stopping');
}
