/** A small node:http file server, written apart from the gateway's own code to check it against. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface FileServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves `root` on a free port of 127.0.0.1, with entity tags, dates and single ranges. */
export async function startFileServer(root: string): Promise<FileServer> {
  const server = createServer((request, response) => {
    serve(root, request, response).catch(() => {
      response.statusCode = 404;
      response.end('Not found\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}

async function serve(root: string, request: IncomingMessage, response: ServerResponse) {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const path = join(root, decodeURIComponent(pathname));
  const bytes = await readFile(path);
  const modified = (await stat(path)).mtime.toUTCString();
  const etag = `"${createHash('sha1').update(bytes).digest('hex')}"`;
  response.setHeader('etag', etag);
  response.setHeader('last-modified', modified);
  const { 'if-none-match': tag, 'if-modified-since': since, range } = request.headers;
  if (tag === etag || (tag === undefined && since === modified)) {
    response.writeHead(304).end();
    return;
  }
  if (request.method === 'HEAD') response.writeHead(200, { 'content-length': bytes.length }).end();
  else sendBytes(response, bytes, range);
}

function sendBytes(response: ServerResponse, bytes: Buffer, range: string | undefined): void {
  const wanted = /^bytes=(\d*)-(\d*)$/.exec(range ?? '');
  if (wanted === null) {
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    return;
  }
  const suffix = wanted[1] === '';
  const start = suffix ? bytes.length - Number(wanted[2]) : Number(wanted[1]);
  const last = suffix || wanted[2] === '' ? bytes.length - 1 : Number(wanted[2]);
  if (start >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  const part = bytes.subarray(start, last + 1);
  const contentRange = `bytes ${start}-${start + part.length - 1}/${bytes.length}`;
  response.writeHead(206, { 'content-length': part.length, 'content-range': contentRange });
  response.end(part);
}
