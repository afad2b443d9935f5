/**
 * One keep-alive connection of a load generator, on node:net with one read buffer for all of them:
 * pre-rendered requests go out, answers are framed by Content-Length, bodies are handed on in
 * borrowed chunks. It knows no more HTTP than that, so that thousands fit one core.
 */
import { connect, type Socket } from 'node:net';

const HEAD_LIMIT = 65_536;

export interface RawEvents {
  /** The status line and fields are in; a time stamp taken here is the time to first byte. */
  onHead(status: number, length: number): void;
  /** Borrowed until it returns. `offset` counts within this body. False: stop reading for now. */
  onBody(chunk: Buffer, offset: number): boolean;
  onDone(): void;
  /** The connection is of no more use: refused, reset, closed mid-answer, or not our HTTP. */
  onFailure(reason: string): void;
}

export class RawConnection {
  readonly #socket: Socket;
  readonly #events: RawEvents;
  #head = Buffer.alloc(0); // of an answer whose head came in pieces
  #remaining = -1; // bytes of body still to come; -1: a head is next
  #length = 0;
  #awaiting = false;
  #ended = false;

  constructor(target: { port: number; buffer: Buffer }, events: RawEvents, onOpen: () => void) {
    this.#events = events;
    this.#socket = connect({
      port: target.port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: target.buffer,
        callback: (size) => this.#read(target.buffer.subarray(0, size)),
      },
    });
    this.#socket.on('connect', onOpen);
    this.#socket.on('error', (error) => {
      this.#fail(error.message);
    });
    this.#socket.on('close', () => {
      this.#fail('closed by the server');
    });
  }

  send(request: Buffer): void {
    this.#awaiting = true;
    this.#socket.write(request);
  }

  /** Goes on after an `onBody` that returned false. */
  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#ended = true;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): boolean {
    if (this.#remaining >= 0) return this.#body(chunk);
    const text = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) {
      this.#head = Buffer.from(text);
      if (text.length > HEAD_LIMIT || !this.#awaiting) this.#fail('no end of head');
      return true;
    }
    if (this.#head.length > 0) this.#head = Buffer.alloc(0);
    const head = parseHead(text.toString('latin1', 0, end + 2));
    if (!this.#awaiting || !head) {
      this.#fail(`cannot frame: ${text.toString('latin1', 0, 200)}`);
      return true;
    }
    const { status, length } = head;
    this.#remaining = length;
    this.#length = length;
    this.#events.onHead(status, length);
    return this.#body(text.subarray(end + 4));
  }

  #body(chunk: Buffer): boolean {
    if (chunk.length > this.#remaining) {
      this.#fail('more body than announced');
      return true;
    }
    const more = this.#events.onBody(chunk, this.#length - this.#remaining);
    this.#remaining -= chunk.length;
    if (this.#remaining === 0) {
      this.#remaining = -1;
      this.#awaiting = false;
      this.#events.onDone();
    }
    return more;
  }

  #fail(reason: string): void {
    if (this.#ended) return;
    this.close();
    this.#events.onFailure(reason);
  }
}

/** Undefined where the length is not told: chunked answers are not what these benches compare. */
function parseHead(head: string): { status: number; length: number } | undefined {
  const status = Number(head.slice(9, 12));
  const told = /\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1];
  const length = Number(told ?? (status === 304 ? 0 : NaN));
  return Number.isNaN(status) || Number.isNaN(length) ? undefined : { status, length };
}

/** A request as bytes, made once and sent often. */
export function renderRequest(path: string, lines: readonly string[] = []): Buffer {
  const head = [`GET ${path} HTTP/1.1`, 'Host: bench', 'User-Agent: bench', ...lines];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** Opens `count` connections, a few hundred at a time, so that no listen queue overflows. */
export async function openAll<T>(
  count: number,
  open: (index: number, onOpen: () => void) => T,
): Promise<T[]> {
  const connections: T[] = [];
  const atOnce = 200;
  while (connections.length < count) {
    const batch = Math.min(atOnce, count - connections.length);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error('connections do not open'));
      }, 10_000);
      let opened = 0;
      for (let index = 0; index < batch; index++) {
        const onOpen = (): void => {
          opened += 1;
          if (opened < batch) return;
          clearTimeout(timer);
          resolve();
        };
        connections.push(open(connections.length, onOpen));
      }
    });
  }
  return connections;
}
