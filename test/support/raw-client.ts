/**
 * An HTTP client on a bare socket: sends the bytes it is told to, however wrong, and takes an answer
 * apart itself, at full speed or at a rate. One request at a time on a connection.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number; // 0: the connection ended without an answer
  readonly fields: ReadonlyMap<string, string>; // names in lower case, values of equal names joined
  readonly body: Buffer; // empty when a sink took it
  readonly bytes: number; // of the body
  /** All of the announced length came, or the last chunk; an unannounced end is never whole. */
  readonly whole: boolean;
}

export interface ReadOptions {
  readonly method?: string; // 'HEAD': no body is expected
  readonly rate?: number; // bytes per second
  /** Gets body bytes instead of `body`; borrowed until it returns. */
  readonly sink?: (chunk: Buffer, offset: number) => void;
  readonly onHead?: (status: number) => void;
  /** Gets the fields of each 1xx answer; they are skipped otherwise. */
  readonly onInterim?: (fields: ReadonlyMap<string, string>) => void;
}

const EMPTY = Buffer.alloc(0);

export class RawClient {
  readonly socket: Socket;
  /** Resolves when the connection has ended, in whatever way. */
  readonly closed: Promise<void>;
  #buffered: Buffer = EMPTY;
  #isClosed = false;
  #rate = 0; // bytes per second; 0: as fast as it comes
  #paced = false; // the rate allows nothing more now
  #pacedSinceMs = 0;
  #taken = 0; // bytes since then
  #wake: (() => void) | undefined;

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#isClosed = true;
        this.#wake?.();
        resolve();
      });
    });
    socket.on('error', () => undefined); // a reset is an answer, too
    socket.on('data', (chunk) => {
      this.#take(chunk);
    });
    socket.pause(); // until somebody reads
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** A GET with these further lines, each without its line end. */
  async get(
    path: string,
    lines: readonly string[] = [],
    read: ReadOptions = {},
  ): Promise<RawAnswer> {
    const method = read.method ?? 'GET';
    const host = lines.some((line) => line.startsWith('Host:')) ? [] : ['Host: test'];
    const head = [`${method} ${path} HTTP/1.1`, ...host, ...lines, '', ''].join('\r\n');
    this.send(head);
    return this.answer(read);
  }

  /** The next final answer; those of 1xx are skipped. */
  async answer(read: ReadOptions = {}): Promise<RawAnswer> {
    this.#rate = read.rate ?? 0;
    this.#pacedSinceMs = Date.now();
    this.#taken = 0;
    for (;;) {
      const head = await this.#head();
      if (head === undefined) {
        return { status: 0, fields: new Map(), body: EMPTY, bytes: 0, whole: false };
      }
      if (head.status < 200) {
        read.onInterim?.(head.fields);
        continue;
      }
      read.onHead?.(head.status);
      const bodyless = read.method === 'HEAD' || head.status === 204 || head.status === 304;
      if (bodyless) return { ...head, body: EMPTY, bytes: 0, whole: true };
      const chunked = head.fields.get('transfer-encoding') === 'chunked';
      return { ...head, ...(await (chunked ? this.#chunks(read) : this.#sized(head, read))) };
    }
  }

  /** All bytes until the connection ends. */
  async rest(): Promise<Buffer> {
    while (await this.#more());
    return this.#cut(this.#buffered.length);
  }

  /** At once, as a client that crashes. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  close(): void {
    this.socket.destroy();
  }

  async #head(): Promise<{ status: number; fields: Map<string, string> } | undefined> {
    let end = this.#buffered.indexOf('\r\n\r\n');
    while (end < 0) {
      if (!(await this.#more())) return undefined;
      end = this.#buffered.indexOf('\r\n\r\n');
    }
    const [first = '', ...lines] = this.#cut(end + 4)
      .toString('latin1')
      .trimEnd()
      .split('\r\n');
    const fields = new Map<string, string>();
    for (const line of lines) {
      const at = line.indexOf(':');
      const name = line.slice(0, at).toLowerCase();
      const value = line.slice(at + 1).trim();
      const before = fields.get(name);
      fields.set(name, before === undefined ? value : `${before}, ${value}`);
    }
    return { status: Number(first.slice(9, 12)), fields };
  }

  async #sized(
    { fields }: { fields: ReadonlyMap<string, string> },
    { sink }: ReadOptions,
  ): Promise<Pick<RawAnswer, 'body' | 'bytes' | 'whole'>> {
    const told = fields.get('content-length');
    const length = told === undefined ? Infinity : Number(told);
    const parts: Buffer[] = [];
    let bytes = 0;
    while (bytes < length) {
      if (this.#buffered.length === 0 && !(await this.#more())) break;
      const part = this.#cut(Math.min(this.#buffered.length, length - bytes));
      if (sink === undefined) parts.push(part);
      else sink(part, bytes);
      bytes += part.length;
    }
    return { body: Buffer.concat(parts), bytes, whole: bytes === length };
  }

  async #chunks({ sink }: ReadOptions): Promise<Pick<RawAnswer, 'body' | 'bytes' | 'whole'>> {
    const parts: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const line = await this.#line();
      const size = line === undefined ? NaN : Number.parseInt(line, 16);
      if (Number.isNaN(size)) break;
      while (this.#buffered.length < size + 2 && (await this.#more()));
      const part = this.#cut(Math.min(size, this.#buffered.length));
      if (sink === undefined) parts.push(part);
      else if (part.length > 0) sink(part, bytes);
      bytes += part.length;
      if (part.length < size || this.#cut(2).toString('latin1') !== '\r\n') break;
      if (size === 0) return { body: Buffer.concat(parts), bytes, whole: true };
    }
    return { body: Buffer.concat(parts), bytes, whole: false };
  }

  async #line(): Promise<string | undefined> {
    let end = this.#buffered.indexOf('\r\n');
    while (end < 0) {
      if (!(await this.#more())) return undefined;
      end = this.#buffered.indexOf('\r\n');
    }
    return this.#cut(end + 2).toString('latin1', 0, end);
  }

  #cut(bytes: number): Buffer {
    const part = this.#buffered.subarray(0, bytes);
    this.#buffered = this.#buffered.subarray(bytes);
    return part;
  }

  /** False: the connection has ended and nothing more came. */
  async #more(): Promise<boolean> {
    const had = this.#buffered.length;
    if (this.#isClosed) return false;
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    if (this.#rate === 0 || !this.#paced) this.socket.resume();
    await woken;
    return this.#buffered.length > had || !this.#isClosed;
  }

  #take(chunk: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    this.socket.pause();
    if (this.#rate > 0) this.#pace(chunk.length);
    this.#wake?.();
  }

  /** Holds reading back while it is ahead of the rate, counted from the answer's beginning. */
  #pace(bytes: number): void {
    this.#taken += bytes;
    const aheadMs = this.#pacedSinceMs + (this.#taken * 1_000) / this.#rate - Date.now();
    if (aheadMs <= 0) return;
    this.#paced = true;
    setTimeout(() => {
      this.#paced = false;
      if (!this.#isClosed) this.socket.resume();
    }, aheadMs).unref();
  }
}

/** One request on a connection of its own, closed behind it. */
export async function rawGet(
  port: number,
  path: string,
  lines: readonly string[] = [],
  read: ReadOptions = {},
): Promise<RawAnswer> {
  const client = await RawClient.open(port);
  try {
    return await client.get(path, lines, read);
  } finally {
    client.close();
  }
}

/** Sends these bytes on a connection of its own; all that comes back until it is closed. */
export async function rawExchange(port: number, bytes: string | Uint8Array): Promise<string> {
  const client = await RawClient.open(port);
  client.send(bytes);
  const text = (await client.rest()).toString('latin1');
  client.close();
  return text;
}
