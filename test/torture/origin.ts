/**
 * The world's HTTP origin. It answers by the object's kind, says in every answer whose it is, and
 * tells the object which version it has vouched for.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { digestField, ODD_FIELD } from './judge-fields.js';
import { ifRangeHolds, preconditions, wantedRanges, type Range, type Wishes } from './rules.js';
import { TEST_CERT, TEST_KEY } from '../support/tls.js';
import { truthText } from './truth.js';
import { viewerWord } from './viewer.js';
import { nowMs, type WorldObject } from './world-object.js';

export interface WorldOrigin {
  readonly url: string;
  readonly requests: () => number;
  stop(): Promise<void>;
}

const PIECES = 6;
const FAILING_MS = 1_500; // a failing object's good and bad times alternate
const FAILURES = [500, 502, 503] as const;

/** `tls`: with `TEST_CERT`. */
export async function startWorldOrigin(
  objects: readonly WorldObject[],
  random: () => number,
  tls = false,
): Promise<WorldOrigin> {
  const byPath = new Map(objects.map((object) => [object.path, object]));
  let requests = 0;
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    requests += 1;
    response.on('error', () => undefined);
    const object = byPath.get((request.url ?? '').split('?', 1)[0] ?? '');
    if (object === undefined) {
      response.writeHead(404, { 'Content-Length': 0 }).end();
      return;
    }
    object.originRequests += 1;
    const answering = { object, request, response, random, serial: requests };
    answer(answering).catch(() => response.destroy());
  };
  const server = tls
    ? createTlsServer({ cert: TEST_CERT, key: TEST_KEY }, serve)
    : createServer(serve);
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}

interface Answering {
  readonly object: WorldObject;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly random: () => number;
  readonly serial: number; // of all answers of this origin
}

type Fields = Record<string, string | number>;

async function answer(answering: Answering): Promise<void> {
  const { object, request, response, random } = answering;
  const { kind } = object;
  if (request.method === 'PUT' || request.method === 'POST') {
    request.resume();
    await once(request, 'end');
    object.advance();
    response.writeHead(204).end();
    return;
  }
  // Decided on arrival: what is late is out of date when it gets there.
  const version = object.current.number;
  const viewer = viewerWord(kind, {
    cookie: request.headers.cookie,
    authorization: request.headers.authorization,
    language: request.headers['accept-language'],
    agent: request.headers['user-agent'],
  });
  const date = Math.floor(Date.now() / 1_000);
  const truth = truthText({ object: object.id, version, viewer, serial: answering.serial, date });
  // Without its socket Node would send the 103 behind the head of the 200.
  if (kind.trouble === 'hints' && response.socket !== null) {
    response.writeEarlyHints({ link: '</style.css>; rel=preload', 'x-truth': truth });
  }
  await delay(kind.headMs[0] + random() * (kind.headMs[1] - kind.headMs[0]));
  if (troubled(answering)) return;
  const fields = fieldsOf(answering, { version, viewer, truth, date });
  await respond(answering, { version, viewer }, fields);
  object.vouch(version);
}

/** True: the answer is a failure, and given. */
function troubled({ object, response, random }: Answering): boolean {
  const { trouble } = object.kind;
  const bad =
    (trouble === 'fails' && Math.floor(nowMs() / FAILING_MS) % 2 === 0) ||
    (trouble === 'resets' && random() < 0.3);
  if (!bad) return false;
  object.failedMs = nowMs();
  if (trouble === 'resets') {
    response.socket?.resetAndDestroy();
    return true;
  }
  const status = FAILURES[Math.floor(random() * FAILURES.length)] ?? 503;
  response.writeHead(status, { 'Content-Length': 4 }).end('fail');
  return true;
}

interface Answered {
  readonly version: number;
  readonly viewer: number;
}

function fieldsOf(
  { object, serial }: Answering,
  { version, viewer, truth, date }: Answered & { truth: string; date: number },
): Fields {
  const { control, type, validators, vary, ranges, trouble } = object.kind;
  const fields: Fields = { 'X-Truth': truth, 'Content-Type': type };
  fields['Date'] = new Date(date * 1_000).toUTCString();
  if (control !== undefined) fields['Cache-Control'] = control;
  if (vary !== undefined) fields['Vary'] = vary;
  if (ranges) fields['Accept-Ranges'] = 'bytes';
  if (validators !== 'modified') fields['ETag'] = object.etag(version, viewer);
  const modifiedMs = object.version(version)?.modifiedMs ?? 0;
  if (validators !== 'etag') fields['Last-Modified'] = new Date(modifiedMs).toUTCString();
  if (object.kind.digests) {
    const [name, value] = ODD_FIELD;
    fields[name] = value;
    fields['Repr-Digest'] = digestField(object.body(version, viewer));
  }
  if (trouble === 'cookie') fields['Set-Cookie'] = `session=${viewer}.${serial}; Path=/`;
  return fields;
}

async function respond(
  answering: Answering,
  { version, viewer }: Answered,
  fields: Fields,
): Promise<void> {
  const { object, request, response } = answering;
  const { kind } = object;
  const validators = {
    etag: fields['ETag'] as string | undefined,
    lastModified: fields['Last-Modified'] as string | undefined,
  };
  const wishes = wishesOf(request);
  const verdict = kind.conditions ? preconditions(wishes, validators) : 200;
  object.vouch(version);
  if (verdict !== 200 && kind.status === 200) {
    const length = verdict === 412 ? { 'Content-Length': 0 } : {};
    response.writeHead(verdict, { ...fields, ...length }).end();
    return;
  }
  const size = object.sizeOf(version);
  const range = rangeOf(object, wishes, { size, ...validators });
  if (range === 'unsatisfiable') {
    const unsatisfied = { 'Content-Range': `bytes */${size}`, 'Content-Length': 0 };
    response.writeHead(416, { ...fields, ...unsatisfied }).end();
    return;
  }
  const [first, last] = range ?? [0, size - 1];
  const more: Fields = {};
  if (kind.length === 'known') more['Content-Length'] = last - first + 1;
  if (range !== undefined) {
    more['Content-Range'] = `bytes ${first}-${last}/${size}`;
    if (kind.partControl !== undefined) more['Cache-Control'] = kind.partControl;
  }
  const body = (): Buffer => object.body(version, viewer, first, last + 1);
  if (kind.digests) more['Content-Digest'] = digestField(body());
  response.writeHead(range === undefined ? kind.status : 206, { ...fields, ...more });
  if (request.method === 'HEAD' || kind.status === 204) {
    response.end();
    return;
  }
  await send(answering, body());
}

function wishesOf({ headers }: IncomingMessage): Wishes {
  const rangeFor = headers.range;
  return {
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
    ifModifiedSince: headers['if-modified-since'],
    ifRange: headers['if-range'] as string | undefined,
    range: rangeFor?.includes(',') === true ? undefined : rangeFor,
  };
}

/** The one range to answer with; undefined: all of it. */
function rangeOf(
  { kind }: WorldObject,
  { range, ifRange }: Wishes,
  about: { size: number; etag: string | undefined; lastModified: string | undefined },
): Range | 'unsatisfiable' | undefined {
  if (range === undefined || !kind.ranges || kind.status !== 200) return undefined;
  if (kind.length === 'unknown') return undefined;
  if (ifRange !== undefined && kind.ifRange && !ifRangeHolds(ifRange, about)) return undefined;
  return wantedRanges(range, about.size)[0] ?? 'unsatisfiable';
}

async function send({ object, response, random }: Answering, body: Buffer): Promise<void> {
  const { kind } = object;
  if (kind.trouble === 'short' && random() < 0.35) {
    object.failedMs = nowMs();
    response.write(body.subarray(0, body.length >> 1), () => response.destroy());
    return;
  }
  if (kind.bodyMs === 0 && kind.length === 'known') {
    response.end(body);
    await once(response, 'close');
    return;
  }
  const step = Math.max(1, Math.ceil(body.length / PIECES));
  for (let at = 0; at < body.length && !response.destroyed; at += step) {
    if (!response.write(body.subarray(at, at + step))) await drained(response);
    if (kind.bodyMs > 0) await delay((kind.bodyMs / PIECES) * (0.5 + random()));
  }
  response.end();
}

async function drained(response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  const close = once(response, 'close', { signal: gone.signal });
  const drain = once(response, 'drain', { signal: gone.signal });
  await Promise.race([close, drain]).catch(() => undefined);
  gone.abort();
  await Promise.allSettled([close, drain]);
}
