/** One request of the crowd and what came back, as the oracle sees them. */
import type { Wishes } from './rules.js';
import type { ViewerFields } from './viewer.js';
import type { WorldObject } from './world-object.js';

export interface Ask extends Wishes {
  readonly serial: number; // of all requests of this run
  readonly method: 'GET' | 'HEAD';
  readonly object: WorldObject;
  readonly viewer: ViewerFields;
  readonly query: string; // with its '?', or ''
  readonly cacheControl?: string | undefined;
  readonly accepts?: string | undefined; // Accept-Encoding
  readonly sentMs: number;
}

export interface Answer {
  readonly status: number; // 0: the connection ended without an answer
  readonly fields: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly coded?: Buffer | undefined; // as it came, where that was in a coding; `body` is what it means
  readonly whole: boolean;
  readonly interims: readonly ReadonlyMap<string, string>[]; // fields of 1xx answers
  readonly endMs: number;
  /** How it ended early, if the client or our patience ended it. */
  readonly left: 'no' | 'client' | 'patience';
}

/** The lines of a request, but for its Host, as they go out. */
export function askLines(ask: Ask): string[] {
  const { viewer } = ask;
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['Cookie', viewer.cookie],
    ['Authorization', viewer.authorization],
    ['Accept-Language', viewer.language],
    ['User-Agent', viewer.agent],
    ['Accept-Encoding', ask.accepts],
    ['If-Match', ask.ifMatch],
    ['If-None-Match', ask.ifNoneMatch],
    ['If-Modified-Since', ask.ifModifiedSince],
    ['Range', ask.range],
    ['If-Range', ask.ifRange],
    ['Cache-Control', ask.cacheControl],
  ];
  return fields.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
}

export function traceOf(ask: Ask, answer: Answer, startMs: number): string[] {
  const at = Math.round(ask.sentMs - startMs);
  const took = Math.round(answer.endMs - ask.sentMs);
  const told = [...answer.fields].filter(([name]) => SHOWN.has(name));
  return [
    `${at} ms: ${ask.method} ${ask.object.path}${ask.query}`,
    ...askLines(ask).map((line) => `  > ${line}`),
    `  < ${answer.status}, ${answer.body.length} bytes, ${answer.whole ? 'whole' : 'not whole'}, left by ${answer.left}, ${took} ms`,
    ...told.map(([name, value]) => `  < ${name}: ${value}`),
  ];
}

const SHOWN = new Set([
  ...['content-length', 'content-range', 'etag', 'last-modified', 'x-truth', 'cache-status', 'age'],
  ...['cache-control', 'set-cookie', 'date', 'x-worker', 'transfer-encoding', 'content-encoding'],
]);
