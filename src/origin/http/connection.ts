/**
 * One connection to an origin. It reads into two buffers in turn, for as long as it lives: Node's own
 * way gives each read 64 KiB of fresh memory, which the kernel clears and the collector looks for.
 */
import type { Socket } from 'node:net';
import type { GatewayError } from '../../errors.js';
import type { Dialler } from './dial.js';
import type { Exchange } from './exchange.js';

/**
 * Two of them a connection: a body of 64 KiB and its head come in one read, and so leave in one write (a fifth
 * less for such a miss than with 64 KiB). Twice as much gains nothing more.
 */
const BUFFER_BYTES = 72 * 1024;

export class Connection {
  requests = 0;
  socket!: Socket; // set as it opens
  #exchange: Exchange | undefined;
  readonly #onGone: (connection: Connection) => void;
  #isGone = false;
  readonly #buffers: Buffer[] = [];
  #turn = 0;
  #isPaused = false;
  #spare: Buffer | undefined; // what comes in spite of a pause is read into it, and copied

  /** @throws what `Dialler.dial` throws */
  static async open(
    dialler: Dialler,
    signal: AbortSignal,
    onGone: (connection: Connection) => void,
  ): Promise<Connection> {
    const connection = new Connection(onGone);
    connection.socket = await dialler.dial(
      {
        buffer: () => connection.#nextBuffer(),
        callback: (bytes, buffer) => connection.#onRead(buffer as Buffer, bytes),
      },
      signal,
    );
    connection.#listen();
    return connection;
  }

  private constructor(onGone: (connection: Connection) => void) {
    this.#onGone = onGone;
  }

  /** Closed, or about to be: nothing can be asked on it. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** @param exchange is over before the next one begins */
  begin(exchange: Exchange): void {
    this.#exchange = exchange;
    exchange.begin();
    // It went while it was handed over: nobody will hear of it again.
    if (this.#isGone) exchange.connectionLost('closed by the origin');
  }

  /** The exchange is over; what comes now belongs to nobody. */
  rest(): void {
    this.#exchange = undefined;
    this.socket.resume();
  }

  /** Cuts what is in flight on it. */
  fail(error: GatewayError): void {
    this.#exchange?.fail(error);
  }

  destroy(): void {
    this.#isGone = true;
    this.#exchange = undefined;
    this.socket.destroy();
  }

  #listen(): void {
    const { socket } = this;
    socket.on('end', () => {
      this.#exchange?.peerEnded();
      this.#gone('closed by the origin');
    });
    socket.on('error', (reason) => {
      this.#gone(reason.message);
    });
    socket.on('close', () => {
      this.#gone('closed');
    });
    if (socket.destroyed) this.#gone('closed');
    if (this.#isGone) socket.destroy(); // it spoke before it was asked
  }

  #gone(why: string): void {
    this.#isGone = true;
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.connectionLost(why);
    this.#onGone(this);
  }

  /** The other one than before: what was read into that is still lent. */
  #nextBuffer(): Buffer {
    // TLS has read more than one record, and gives out all of them whatever it is told: both buffers may be lent.
    if (this.#isPaused && isSecure(this.socket)) {
      return (this.#spare ??= Buffer.allocUnsafeSlow(BUFFER_BYTES));
    }
    this.#turn = 1 - this.#turn;
    return (this.#buffers[this.#turn] ??= Buffer.allocUnsafeSlow(BUFFER_BYTES));
  }

  #onRead(buffer: Buffer, bytes: number): boolean {
    const exchange = this.#exchange;
    if (exchange !== undefined) {
      const kept = buffer === this.#spare ? Buffer.from(buffer.subarray(0, bytes)) : buffer;
      this.#isPaused = !exchange.read(kept, bytes);
      return !this.#isPaused;
    }
    this.#isGone = true;
    // Not yet open: whoever opens it will see.
    (this.socket as Socket | undefined)?.destroy();
    return false;
  }
}

function isSecure(socket: Socket): boolean {
  return 'encrypted' in socket;
}
