/**
 * The connections to one upstream: undici Clients, one request at a time on each, handed out last
 * used first. undici's own Pool is not used because a request that waits in it can neither be
 * aborted nor bounded, and because we must know on which connection an answer came: whether it was
 * a reused one (then its loss may be repeated) and whether it was reset (then a body without a
 * length is short; undici takes such a reset for the end of the body).
 */
import { isIP, Socket } from 'node:net';
import { buildConnector, Client } from 'undici';
import type { Config } from '../config/config.js';
import { GatewayError } from '../errors.js';
import { Gate } from './gate.js';

/** Header section of an answer, names and values, in bytes: undici refuses more. */
export const MAX_RESPONSE_HEADER_BYTES = 32 * 1024;

const WAITERS_PER_CONNECTION = 16;

export interface Connection {
  readonly client: Client;
  requests: number; // begun on the current socket
  open: boolean; // has a socket
  failed: boolean; // its socket reported an error
  socket: Socket | undefined; // the newest, perhaps still connecting
}

/** undici's connector gives back its socket, though its types do not say so. */
type Connect = (...given: Parameters<ReturnType<typeof buildConnector>>) => unknown;

export class Connections {
  readonly #url: URL;
  readonly #settings: Config['origin'];
  readonly #gate: Gate;
  readonly #connect: Connect; // shared: it keeps the TLS sessions
  readonly #idle: Connection[] = [];
  readonly #all: Connection[] = [];
  #closed = false;

  /** `ca`: PEM certificates to trust instead of the system's, for https. */
  constructor(url: URL, settings: Config['origin'], ca?: string) {
    this.#url = url;
    this.#settings = settings;
    this.#connect = buildConnector({
      timeout: settings.connectTimeout,
      allowH2: false,
      ...(ca === undefined ? {} : { ca }),
    });
    this.#gate = new Gate({
      permits: settings.connections,
      queue: settings.connections * WAITERS_PER_CONNECTION,
      waitMs: settings.connectTimeout,
    });
  }

  /**
   * A connection for one request, open or not; `release` it once its exchange is over.
   * `fresh` asks for one without a kept-alive socket.
   * @throws GatewayError GW_ORIGIN_BUSY, GW_CLIENT_ABORTED, GW_SHUTTING_DOWN
   */
  async acquire(signal: AbortSignal, fresh: boolean): Promise<Connection> {
    await this.#gate.acquire(signal);
    if (this.#closed) {
      this.#gate.release();
      throw new GatewayError('GW_SHUTTING_DOWN', this.#url.host);
    }
    const at = this.#idle.findLastIndex((candidate) => candidate.open !== fresh);
    if (at >= 0) return this.#idle.splice(at, 1)[0] ?? this.#add();
    if (fresh) {
      if (this.#all.length >= this.#settings.connections) this.#retire(this.#idle.shift());
      return this.#add();
    }
    return this.#idle.pop() ?? this.#add();
  }

  release(connection: Connection): void {
    this.#idle.push(connection);
    this.#gate.release();
  }

  /** A request that is given up before it was sent would hold its place until the connection is made. */
  giveUpConnecting({ socket, open }: Connection): void {
    if (!open) socket?.destroy(new GatewayError('GW_CLIENT_ABORTED', 'given up while connecting'));
  }

  dropIdle(): void {
    for (const connection of [...this.#idle]) if (connection.open) this.#retire(connection);
  }

  /** Cuts what is in flight: those exchanges fail with GW_SHUTTING_DOWN. */
  async destroy(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#all.map((connection) => connection.client.destroy()));
  }

  #retire(connection: Connection | undefined): void {
    if (connection === undefined) return;
    for (const list of [this.#idle, this.#all]) {
      const at = list.indexOf(connection);
      if (at >= 0) list.splice(at, 1);
    }
    connection.client.destroy().catch(() => undefined); // nothing is in flight on it
  }

  #add(): Connection {
    const { headersTimeout, bodyTimeout, keepAlive } = this.#settings;
    const client = new Client(this.#url.origin, {
      connect: (options, callback) => {
        const withName = { ...options, servername: this.#servername() };
        const connecting = this.#connect(withName, (...[error, socket]) => {
          if (error !== null) {
            callback(error, null);
            return;
          }
          track(socket, connection);
          callback(null, socket);
        });
        if (connecting instanceof Socket) connection.socket = connecting;
      },
      headersTimeout,
      bodyTimeout,
      maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
      ...(keepAlive > 0
        ? { keepAliveTimeout: keepAlive, keepAliveMaxTimeout: keepAlive }
        : { pipelining: 0 }),
    });
    const connection: Connection = {
      client,
      requests: 0,
      open: false,
      failed: false,
      socket: undefined,
    };
    this.#all.push(connection);
    return connection;
  }

  /** SNI and certificate name come from the URL, never from a Host field that a client chose. */
  #servername(): string {
    const { hostname } = this.#url;
    return isIP(hostname.replace(/^\[|\]$/g, '')) === 0 ? hostname : '';
  }
}

function track(socket: Socket, connection: Connection): void {
  connection.requests = 0;
  connection.open = true;
  connection.failed = false;
  socket.once('error', () => {
    connection.failed = true;
  });
  socket.once('close', () => {
    connection.open = false;
  });
}
