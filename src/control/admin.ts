/**
 * The admin port, on the main thread: health, metrics, status and purge. Health answers anyone who
 * reaches the port, because probes carry no tokens; everything else passes `refusal` first.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { formatListen, isLoopback, type ListenAddress } from '../config/units.js';
import { asGatewayError, ERRORS, GatewayError } from '../errors.js';
import { loggedPath } from '../telemetry/access-log.js';
import type { Logger } from '../telemetry/log.js';
import { AdminConnections } from './admin-connections.js';
import { refusal } from './admin-guard.js';
import { decodeDocument, documentType, encodeDocument, JSON_TYPE, MSGPACK } from './documents.js';
import { type GatewayControl, type PurgeOrder, unreadiness } from './gateway-control.js';
import { createRegistry } from './prometheus.js';

export interface AdminOptions {
  readonly listen: ListenAddress;
  readonly token: string; // '' = none, only allowed on loopback
  readonly maxUrl: number; // characters of a path that can be purged
  readonly control: GatewayControl;
  readonly log: Logger;
}

export interface RunningAdmin {
  readonly url: string; // 'http://127.0.0.1:9090', with the port that was taken
  /** Stops listening, lets running requests finish for a second. */
  close(): Promise<void>;
}

/** Of an order to purge, beside its path; and of the path, all of it written as `\uXXXX`. */
const ORDER_BYTES = 4_096;
const BYTES_A_CHARACTER = 6;
const CLOSE_GRACE_MS = 1_000;
export const MAX_CONNECTIONS = 256;
const TIME_OUTS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000, // Node looks for the first two only so often
};

/**
 * @throws GatewayError GW_PORT_IN_USE, or GW_CONFIG_INVALID when the address cannot be taken or
 * would be open to others without a token.
 */
export async function startAdmin({
  listen,
  token,
  maxUrl,
  control,
  log,
}: AdminOptions): Promise<RunningAdmin> {
  if (token === '' && !isLoopback(listen.host)) {
    throw new GatewayError('GW_CONFIG_INVALID', 'admin.token: needed off loopback');
  }
  const maxBody = ORDER_BYTES + BYTES_A_CHARACTER * maxUrl;
  const gateway = { control, token, log, maxBody, registry: createRegistry(control) };
  const server = createServer(TIME_OUTS, (request, response) => {
    void answer(gateway, request, response);
  });
  server.maxHeadersCount = 64;
  const connections = new AdminConnections(MAX_CONNECTIONS);
  server.on('connection', (socket) => {
    connections.add(socket);
  });
  await listening(server, listen);
  const { address, port } = server.address() as AddressInfo;
  return {
    url: `http://${formatListen({ host: address, port })}`,
    close: () => closed(server),
  };
}

function listening(server: Server, listen: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (reason: NodeJS.ErrnoException) => {
      const code = reason.code === 'EADDRINUSE' ? 'GW_PORT_IN_USE' : 'GW_CONFIG_INVALID';
      const detail = `admin.listen ${formatListen(listen)}: ${reason.code ?? reason.message}`;
      reject(new GatewayError(code, detail, { cause: reason }));
    });
    server.listen({ ...listen, exclusive: true }, resolve);
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => {
      server.closeAllConnections();
    }, CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}

interface Gateway {
  readonly control: GatewayControl;
  readonly token: string;
  readonly log: Logger;
  readonly maxBody: number; // bytes
  readonly registry: Registry;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
}

interface Route {
  readonly method: 'GET' | 'POST';
  readonly open: boolean; // answers without a token
  readonly answer: (gateway: Gateway, request: IncomingMessage) => Answer | Promise<Answer>;
}

const TEXT = 'text/plain; charset=utf-8';

const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  [
    '/livez',
    { method: 'GET', open: true, answer: () => ({ status: 200, type: TEXT, body: 'ok\n' }) },
  ],
  ['/readyz', { method: 'GET', open: true, answer: readiness }],
  ['/metrics', { method: 'GET', open: false, answer: metrics }],
  ['/status', { method: 'GET', open: false, answer: ({ control }) => json(control.state()) }],
  ['/purge', { method: 'POST', open: false, answer: purge }],
]);

async function answer(
  gateway: Gateway,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let result: Answer;
  try {
    result = await route(gateway, request, response);
  } catch (reason) {
    if (response.destroyed) return; // the client left while it sent its body
    const error = asGatewayError(reason);
    if (error.code === 'GW_INTERNAL') gateway.log.error({ err: reason }, 'admin request failed');
    result = problem(error);
    if (error.code === 'GW_ADMIN_UNAUTHORIZED') response.setHeader('WWW-Authenticate', 'Bearer');
  }
  const { status, type, body } = result;
  // A body left unread would be read as the next request.
  if (!request.complete) response.setHeader('Connection', 'close');
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function route(
  gateway: Gateway,
  request: IncomingMessage,
  response: ServerResponse,
): Answer | Promise<Answer> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const found = ROUTES.get(path);
  const refused = found?.open === true ? undefined : refusal(request.headers, gateway.token);
  if (refused !== undefined) throw refused;
  if (found === undefined) throw new GatewayError('GW_NOT_FOUND', `no ${path.slice(0, 100)} here`);
  const allowed = found.method === 'GET' ? ['GET', 'HEAD'] : [found.method];
  if (!allowed.includes(request.method ?? '')) {
    response.setHeader('Allow', allowed.join(', '));
    throw new GatewayError('GW_METHOD_NOT_ALLOWED', `${path} takes ${allowed.join(' or ')}`);
  }
  return found.answer(gateway, request);
}

/** 200 only while new viewers are welcome: a balancer stops sending them here before we go. */
function readiness({ control }: Gateway): Answer {
  const why = unreadiness(control.state());
  return { status: why === undefined ? 200 : 503, type: TEXT, body: `${why ?? 'ok'}\n` };
}

async function metrics({ registry }: Gateway): Promise<Answer> {
  return { status: 200, type: registry.contentType, body: await registry.metrics() };
}

const PURGE_ORDER = z
  .strictObject({
    scope: z.enum(['exact', 'prefix', 'all']),
    path: z.string().default(''), // as long as the body lets it be; `purge` knows how long one may be
    host: z.string().min(1).max(255).exactOptional(),
    soft: z.boolean().default(false),
  })
  .refine(({ scope, path }) => (scope === 'all' ? path === '' : path.startsWith('/')), {
    path: ['path'],
    message: "want a path that begins with '/', or none with scope 'all'",
  });

async function purge(
  { control, log, maxBody }: Gateway,
  request: IncomingMessage,
): Promise<Answer> {
  const type = documentType(request.headers['content-type']);
  if (type === undefined) {
    throw new GatewayError('GW_ADMIN_BAD_REQUEST', `want Content-Type ${JSON_TYPE} or ${MSGPACK}`);
  }
  const document = decodeDocument(type, await readBody(request, maxBody));
  if (document === undefined) {
    throw new GatewayError('GW_ADMIN_BAD_REQUEST', `the body is not ${type}`);
  }
  const order = readOrder(document);
  const { purged } = await control.purge(order);
  log.info({ ...order, path: loggedPath(order.path), purged }, 'purged');
  const reply = documentType(request.headers.accept) ?? JSON_TYPE;
  return { status: 200, type: reply, body: encodeDocument(reply, { purged }) };
}

function readOrder(document: unknown): PurgeOrder {
  const order = PURGE_ORDER.safeParse(document);
  if (order.success) return order.data;
  const faults = order.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new GatewayError('GW_ADMIN_BAD_REQUEST', faults.join('; '));
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > maxBytes) {
      throw new GatewayError('GW_BODY_TOO_LARGE', `want at most ${maxBytes} bytes`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function json(value: unknown): Answer {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}

/** RFC 9457. `code` is ours; `detail` of what we did not expect stays in the log. */
function problem({ code, detail }: GatewayError): Answer {
  const { status } = ERRORS[code];
  const told = code === 'GW_INTERNAL' ? 'see the log' : detail;
  const body = JSON.stringify({ type: 'about:blank', title: code, status, code, detail: told });
  return { status, type: 'application/problem+json', body: `${body}\n` };
}
