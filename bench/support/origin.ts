/**
 * The origin of the benches (a script, see script.ts). /obj/SIZE/N: deterministic bodies with
 * ETag and Cache-Control; /herd/SIZE/ID: the same after a think time; /live/: a live HLS stream.
 * Counts every request, and notes when the first byte of a herd object left.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bodyOf } from './bodies.js';
import { MIB } from './options.js';
import {
  livePlaylist,
  newestSegment,
  PLAYLIST_PATH,
  SEGMENT_BYTES,
  WINDOW,
} from './live-stream.js';
import type { OriginCounts } from './origin-counts.js';
import { serveCalls } from './script.js';

const THINK_MS = 1_000; // all of a herd has asked before the first byte leaves
const IMMUTABLE = { type: 'video/mp4', cacheControl: 'public, max-age=86400' };

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

interface Facts {
  readonly etag: string;
  readonly type: string;
  readonly cacheControl: string;
}

const epochMs = Date.now() - (WINDOW + 2) * 2_000; // a full window from the start
let requests = 0;
let objects = 0;
let lastPath = '';
let herdFirstByteNs = 0n;

const server = createServer((request, response) => {
  requests += 1;
  const url = request.url ?? '/';
  lastPath = url;
  if (url.startsWith('/obj/')) objects += 1;
  const exchange = { request, response };
  if (url.startsWith('/obj/')) answerObject(exchange, url);
  else if (url.startsWith('/herd/')) answerHerd(exchange, url);
  else if (url.startsWith('/large/')) answerLarge(exchange, url);
  else if (url.startsWith('/live/')) answerLive(exchange, url);
  else response.writeHead(404, { 'Content-Length': 0 }).end();
});
server.keepAliveTimeout = 60_000; // longer than any gateway keeps an idle connection
server.on('clientError', (_error, socket) => socket.destroy());

serveCalls({
  listen: () =>
    new Promise<number>((resolve) => {
      server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
        resolve((server.address() as AddressInfo).port);
      });
    }),
  counts: (): OriginCounts => ({
    requests,
    objects,
    lastPath,
    herdFirstByteNs: String(herdFirstByteNs),
  }),
  epoch: () => epochMs,
  reset: () => {
    requests = 0;
    objects = 0;
    herdFirstByteNs = 0n;
  },
});

function answerObject(exchange: Exchange, url: string): void {
  const [, , size = '', n = ''] = url.split('/');
  sendBody(exchange, bodyOf(Number(size), Number(n)), { ...IMMUTABLE, etag: `"${size}-${n}"` });
}

/** /large/SIZE: one object of any size, whole or one range of it, a body of its own each MiB. */
function answerLarge({ request, response }: Exchange, url: string): void {
  const size = Number(url.split('/')[2]);
  const fields = {
    'Content-Type': 'video/mp4',
    'Cache-Control': IMMUTABLE.cacheControl,
    'Accept-Ranges': 'bytes',
    ETag: `"large-${size}"`,
  };
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const first = Number(from ?? 0);
  const last = to === undefined || to === '' ? size - 1 : Math.min(size - 1, Number(to));
  response.writeHead(from === undefined ? 200 : 206, {
    ...fields,
    'Content-Length': last - first + 1,
    ...(from === undefined ? {} : { 'Content-Range': `bytes ${first}-${last}/${size}` }),
  });
  let at = first;
  const more = (): void => {
    while (at <= last && !response.destroyed) {
      const number = Math.floor(at / MIB);
      const piece = bodyOf(MIB, number).subarray(at - number * MIB, last + 1 - number * MIB);
      at += piece.length;
      if (!response.write(piece)) return;
    }
    response.end();
  };
  response.on('drain', more);
  more();
}

function answerHerd(exchange: Exchange, url: string): void {
  const [, , size = '', id = ''] = url.split('/');
  setTimeout(() => {
    if (herdFirstByteNs === 0n) herdFirstByteNs = process.hrtime.bigint();
    sendBody(exchange, bodyOf(Number(size), Number(id)), { ...IMMUTABLE, etag: `"herd-${id}"` });
  }, THINK_MS);
}

function answerLive(exchange: Exchange, url: string): void {
  const newest = newestSegment(epochMs, Date.now());
  if (url === PLAYLIST_PATH) {
    sendBody(exchange, Buffer.from(livePlaylist(newest)), {
      etag: `"live-${newest}"`,
      cacheControl: 'max-age=1',
      type: 'application/vnd.apple.mpegurl',
    });
    return;
  }
  const n = Number(/^\/live\/seg-(\d+)\.m4s$/.exec(url)?.[1] ?? NaN);
  if (n <= newest && n > newest - 2 * WINDOW) {
    sendBody(exchange, bodyOf(SEGMENT_BYTES, n), { ...IMMUTABLE, etag: `"seg-${n}"` });
  } else {
    exchange.response.writeHead(404, { 'Content-Length': 0, 'Cache-Control': 'no-store' }).end();
  }
}

function sendBody({ request, response }: Exchange, body: Buffer, facts: Facts): void {
  const fields = { 'Cache-Control': facts.cacheControl, ETag: facts.etag };
  if (request.headers['if-none-match'] === facts.etag) {
    response.writeHead(304, fields).end();
    return;
  }
  response.writeHead(200, {
    ...fields,
    'Content-Type': facts.type,
    'Content-Length': body.length,
  });
  response.end(body);
}
