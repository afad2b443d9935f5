/**
 * A request's body on its way to the origin: pulled as fast as the socket drains, told by length or in
 * chunks (RFC 9112 sections 6.2 and 7.1).
 */
import type { Socket } from 'node:net';
import { GatewayError } from '../../errors.js';

export class BodySender {
  readonly #socket: Socket;
  readonly #bytes: number; // declared; -1: in chunks
  readonly #source: AsyncIterator<Uint8Array, unknown>;
  #wake: (() => void) | undefined; // ends the wait for a piece, or for the socket
  #isStopped = false;
  #isBlocked = false;
  #sent = 0;

  constructor(socket: Socket, body: AsyncIterable<Uint8Array>, bytes: number) {
    this.#socket = socket;
    this.#bytes = bytes;
    this.#source = body[Symbol.asyncIterator]();
  }

  /** Bytes of the body that were given to the socket. */
  get sent(): number {
    return this.#sent;
  }

  /** The origin does not take what it was sent: silence is its own. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /**
   * True: all of it was written. False: `stop` came first, or the connection went.
   * @throws GatewayError GW_BAD_REQUEST when it is not as long as declared; what the body throws
   */
  async send(): Promise<boolean> {
    for (;;) {
      const step = await this.#pull();
      if (step === undefined || this.#isStopped) return false;
      if (step.done === true) break;
      if (!this.#write(step.value)) await this.#drained();
    }
    if (this.#bytes === -1) this.#socket.write('0\r\n\r\n', 'latin1');
    else if (this.#sent !== this.#bytes) throw notAsDeclared();
    return true;
  }

  /** No piece after this one; the body is told to close. A second call does nothing. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#wake?.();
    this.#source.return?.().catch(() => undefined); // its failure changes nothing any more
  }

  /** Undefined: stopped. A client that sends nothing more must not keep us from that. */
  #pull(): Promise<IteratorResult<Uint8Array, unknown> | undefined> {
    if (this.#isStopped) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#wake = () => {
        resolve(undefined);
      };
      this.#source.next().then(resolve, reject);
    });
  }

  /** False: the socket wants to drain first. */
  #write(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true; // an empty chunk would end the body
    this.#sent += bytes.length;
    if (this.#bytes !== -1) {
      if (this.#sent > this.#bytes) throw notAsDeclared();
      return this.#socket.write(bytes);
    }
    this.#socket.cork();
    this.#socket.write(`${bytes.length.toString(16)}\r\n`, 'latin1');
    this.#socket.write(bytes);
    const goesOn = this.#socket.write('\r\n', 'latin1');
    this.#socket.uncork();
    return goesOn;
  }

  /** Resolves also when it is stopped; a connection that goes has its exchange stop it. */
  #drained(): Promise<void> {
    this.#isBlocked = true;
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#isBlocked = false;
        this.#socket.off('drain', settle);
        resolve();
      };
      this.#wake = settle;
      this.#socket.on('drain', settle);
    });
  }
}

function notAsDeclared(): GatewayError {
  return new GatewayError('GW_BAD_REQUEST', 'a body that is not as long as its Content-Length');
}
