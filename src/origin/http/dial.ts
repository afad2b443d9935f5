/** Connections to an origin, plain or TLS, that read into buffers of their reader's. */
import { connect as connectTcp, isIP, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { GatewayError } from '../../errors.js';
import { type Addresses, withoutBrackets } from './addresses.js';

/** One address among several is not waited for any longer than that, at least. */
const LEAST_ATTEMPT_MS = 250;

const GIVEN_UP = 'given up while connecting';

/** What Node calls for each read instead of emitting 'data'. */
export interface SocketReading {
  /** What is read into next. */
  readonly buffer: () => Uint8Array;
  /** `bytes` of that buffer were read. False: no more before `socket.resume()`. */
  readonly callback: (bytes: number, buffer: Uint8Array) => boolean;
}

export interface DialOptions {
  readonly url: URL;
  readonly addresses: Addresses;
  readonly timeoutMs: number; // for all attempts together, TLS handshake included
  readonly ca?: string; // PEM certificates to trust instead of the system's
}

export class Dialler {
  readonly #options: DialOptions;
  readonly #port: number;
  readonly #secure: boolean;
  readonly #servername: string; // '' for an address: RFC 6066 section 3
  #session: Buffer | undefined; // of the newest TLS connection, to be resumed

  constructor(options: DialOptions) {
    const { url } = options;
    this.#options = options;
    this.#secure = url.protocol === 'https:';
    this.#port = url.port === '' ? (this.#secure ? 443 : 80) : Number(url.port);
    const host = withoutBrackets(url.hostname);
    this.#servername = isIP(host) === 0 ? host : '';
  }

  /**
   * Tries one address after the other.
   * @throws GatewayError GW_ORIGIN_CONNECT; GW_CLIENT_ABORTED when `signal` aborts
   */
  async dial(reading: SocketReading, signal: AbortSignal): Promise<Socket> {
    const { addresses, timeoutMs, url } = this.#options;
    const untilMs = performance.now() + timeoutMs;
    try {
      const inTurn = await untilAborted(addresses.inTurn(), signal, timeoutMs);
      return await this.#connectToOne(inTurn, reading, { signal, untilMs });
    } catch (reason) {
      if (signal.aborted) throw new GatewayError('GW_CLIENT_ABORTED', GIVEN_UP);
      const why = reason instanceof Error ? reason.message : String(reason);
      throw new GatewayError('GW_ORIGIN_CONNECT', `${url.host}: ${why}`, { cause: reason });
    }
  }

  async #connectToOne(
    inTurn: readonly string[],
    reading: SocketReading,
    { signal, untilMs }: { signal: AbortSignal; untilMs: number },
  ): Promise<Socket> {
    const { addresses } = this.#options;
    let last: unknown = new Error('no address');
    for (const [i, address] of inTurn.entries()) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) break;
      const share = leftMs / (inTurn.length - i);
      const waitMs = Math.min(leftMs, Math.max(LEAST_ATTEMPT_MS, share));
      try {
        const socket = await this.#connect(address, reading, { signal, waitMs });
        addresses.connected(address);
        return socket;
      } catch (reason) {
        if (signal.aborted) throw reason;
        addresses.failed(address);
        last = reason;
      }
    }
    throw last;
  }

  async #connect(
    host: string,
    onread: SocketReading,
    { signal, waitMs }: { signal: AbortSignal; waitMs: number },
  ): Promise<Socket> {
    const socket = this.#open({ host, port: this.#port, noDelay: true, onread });
    socket.on('error', () => undefined); // there is always somebody who hears of it
    try {
      await untilAborted(whenOpen(socket, this.#secure), signal, waitMs);
    } catch (reason) {
      socket.destroy();
      this.#session = undefined; // perhaps it is what was disliked
      throw reason;
    }
    return socket;
  }

  #open(options: TcpNetConnectOpts & { readonly host: string }): Socket {
    if (!this.#secure) return connectTcp(options);
    const { ca } = this.#options;
    const socket = connectTls({
      servername: this.#servername,
      ALPNProtocols: ['http/1.1'],
      ...options,
      ...(ca === undefined ? {} : { ca }),
      ...(this.#session === undefined ? {} : { session: this.#session }),
    });
    socket.on('session', (session: Buffer) => {
      this.#session = session;
    });
    return socket;
  }
}

function whenOpen(socket: Socket, secure: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (reason?: Error): void => {
      socket.off(secure ? 'secureConnect' : 'connect', onOpen);
      socket.off('error', settle);
      socket.off('close', onClose);
      if (reason === undefined) resolve();
      else reject(reason);
    };
    const onOpen = (): void => {
      settle();
    };
    const onClose = (): void => {
      settle(new Error('closed before it was open'));
    };
    socket.on(secure ? 'secureConnect' : 'connect', onOpen);
    socket.on('error', settle);
    socket.on('close', onClose);
  });
}

/** @throws Error when `signal` aborts, or it takes longer than `waitMs` */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal, waitMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => {
      leave();
      reject(new Error(GIVEN_UP));
    };
    const timer = setTimeout(() => {
      leave();
      reject(new Error(`no connection within ${Math.round(waitMs)} ms`));
    }, waitMs);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    work.then(
      (value) => {
        leave();
        resolve(value);
      },
      (reason: unknown) => {
        leave();
        reject(reason instanceof Error ? reason : new Error(String(reason)));
      },
    );
  });
}
