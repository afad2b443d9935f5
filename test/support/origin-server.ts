/**
 * An origin under a test's control: what each path answers, what was asked of it, and bodies that
 * come when the test says so. One node:http server, so that its view of HTTP is not ours.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export type Fields = Readonly<Record<string, string | readonly string[]>>;

export interface ScriptedAnswer {
  readonly status?: number; // 200
  readonly fields?: Fields;
  readonly body?: string | Uint8Array;
}

/** Given the how-manieth request to its path it is, from 1. */
export type Script = (
  request: IncomingMessage,
  response: ServerResponse,
  nth: number,
) => ScriptedAnswer | undefined;

export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: Readonly<Record<string, string>>; // values of equal names joined
}

/** A request whose answer the test gives, byte by byte if it likes. */
export interface HeldRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export class OriginServer {
  readonly url: string;
  readonly requests: SeenRequest[] = [];
  readonly #scripts = new Map<string, Script>();
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Map<string, ((held: HeldRequest) => void)[]>();
  readonly #watchers = new Set<() => void>();

  private constructor(url: string) {
    this.url = url;
  }

  /** Stopped with the test. Unscripted paths are answered 404. */
  static async start(t: Test): Promise<OriginServer> {
    const running: { origin?: OriginServer } = {};
    const server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
      running.origin?.receive(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => {
      server.close();
      server.closeAllConnections();
    });
    const { port } = server.address() as AddressInfo;
    running.origin = new OriginServer(`http://127.0.0.1:${port}`);
    return running.origin;
  }

  /** From now on `path`, its query left out, is answered so. */
  on(path: string, answer: ScriptedAnswer | Script): void {
    this.#scripts.set(path, typeof answer === 'function' ? answer : () => answer);
  }

  /** The next request to `path` waits for the test; ask before it is sent. */
  hold(path: string): Promise<HeldRequest> {
    return new Promise((resolve) => {
      this.#waiting.set(path, [...(this.#waiting.get(path) ?? []), resolve]);
    });
  }

  seen(path: string): SeenRequest[] {
    return this.requests.filter(({ target }) => pathOf(target) === path);
  }

  count(path: string): number {
    return this.seen(path).length;
  }

  /** Resolves when `path` has been asked for `count` times in all. */
  async untilCount(path: string, count: number): Promise<void> {
    while (this.count(path) < count) {
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }

  private receive(request: IncomingMessage, response: ServerResponse): void {
    const target = request.url ?? '';
    const path = pathOf(target);
    this.requests.push({ method: request.method ?? '', target, fields: fieldsOf(request) });
    for (const watcher of [...this.#watchers]) watcher();
    response.on('error', () => undefined);
    const waiting = this.#waiting.get(path)?.shift();
    if (waiting !== undefined) {
      waiting({ request, response });
      return;
    }
    const nth = (this.#counts.get(path) ?? 0) + 1;
    this.#counts.set(path, nth);
    const script = this.#scripts.get(path);
    const answer = script === undefined ? NOT_FOUND : script(request, response, nth);
    if (answer !== undefined) give(response, answer);
  }
}

const NOT_FOUND: ScriptedAnswer = {
  status: 404,
  fields: { 'Content-Type': 'text/plain' },
  body: 'no such thing\n',
};

/** The whole answer at once, with a Content-Length unless it says otherwise. */
export function give(response: ServerResponse, answer: ScriptedAnswer): void {
  const { status = 200, fields = {}, body = '' } = answer;
  const bodyless = status === 304 || status === 204 || response.req.method === 'HEAD';
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const framed = Object.keys(fields).some((name) => /^(?:content-length|transfer-)/i.test(name));
  const length = framed || status === 304 || status === 204 ? {} : lengthField(bytes);
  response.writeHead(status, { ...length, ...copied(fields) });
  response.end(bodyless ? undefined : bytes);
}

/** A file as good origins serve it: single ranges, If-Range, If-None-Match. */
export function fileScript(body: Uint8Array, fields: Fields & { readonly ETag: string }): Script {
  return ({ headers }) => {
    if (headers['if-none-match'] === fields.ETag) return { status: 304, fields };
    const range = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '');
    const condition = headers['if-range'];
    if (range === null || (condition !== undefined && condition !== fields.ETag)) {
      return { fields: { ...fields, 'Accept-Ranges': 'bytes' }, body };
    }
    const [, from = '', to = ''] = range;
    const start = from === '' ? body.length - Number(to) : Number(from);
    const end = from === '' || to === '' ? body.length - 1 : Math.min(Number(to), body.length - 1);
    if (start >= body.length) {
      return { status: 416, fields: { 'Content-Range': `bytes */${body.length}` } };
    }
    const told = `bytes ${start}-${end}/${body.length}`;
    const part = body.subarray(start, end + 1);
    return { status: 206, fields: { ...fields, 'Content-Range': told }, body: part };
  };
}

/** Bytes that differ at every offset a test would look at, the same for the same seed. */
export function patterned(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

function lengthField(bytes: Uint8Array): Record<string, string> {
  return { 'Content-Length': String(bytes.length) };
}

function copied(fields: Fields): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : [...value],
    ]),
  );
}

function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? '';
}

function fieldsOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}
