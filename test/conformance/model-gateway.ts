/**
 * The smallest cache that can be built from the rules in src/rules/: one Map, whole bodies, node's
 * own HTTP. It shows that a failing case is the rules' fault or not, and serves nothing else.
 */
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { invalidatedTargets } from '../../src/rules/invalidate.js';
import { storePlan } from '../../src/rules/policy.js';
import type { ExchangeTimes, PolicySettings, StorePlan } from '../../src/rules/policy.js';
import { ageSeconds, judge, mayServeOnError, requestDirectives } from '../../src/rules/reuse.js';
import {
  conditionalFields,
  headVerdict,
  matches304,
  updateStored,
  withDate,
} from '../../src/rules/validate.js';
import { secondaryKey, upstreamAcceptEncoding } from '../../src/rules/vary.js';
import { evaluateConditions } from '../../src/http/conditions.js';
import { parseHttpDate } from '../../src/http/date.js';
import { fieldValue, withoutHopByHop } from '../../src/http/fields.js';
import type { FieldLine, FieldLines } from '../../src/http/fields.js';
import { formatContentRange, parseContentRange, parseRange } from '../../src/http/range.js';

interface Answer {
  readonly status: number;
  readonly fields: FieldLines;
  readonly body: Buffer;
}

type Plan = Extract<StorePlan, { store: true }>;

interface Stored extends Answer {
  readonly plan: Plan;
  readonly secondary: string;
}

interface Asked {
  readonly method: string;
  readonly target: string;
  readonly headers: FieldLines;
  readonly body: Buffer;
}

const CONDITIONAL = new Set(['if-none-match', 'if-modified-since']);
const FAILURES = new Set([500, 502, 503, 504]);
const SETTINGS: PolicySettings = {
  defaultTtlMs: undefined,
  heuristicFraction: 0.1,
  heuristicMaxMs: 86_400_000,
  staleWhileRevalidateMs: 1_000,
  staleIfErrorMs: 86_400_000,
};

/** Serves `originPort` through the rules, on a free port of 127.0.0.1. */
export async function startModelGateway(
  originPort: number,
): Promise<{ readonly url: string; readonly stop: () => void }> {
  const model = new ModelGateway(originPort);
  const server = createServer({ joinDuplicateHeaders: true }, (message, response) => {
    model.serve(message, response).catch((reason: unknown) => response.destroy(reason as Error));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

class ModelGateway {
  readonly #originPort: number;
  readonly #stored = new Map<string, Stored[]>(); // newest first
  constructor(originPort: number) {
    this.#originPort = originPort;
  }

  async serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = withoutHopByHop(linesOf(message.rawHeaders));
    const body = Buffer.concat((await message.toArray()) as Buffer[]);
    const { method = 'GET', url: target = '/' } = message;
    const asked: Asked = { method, target, headers, body };
    const answer = await (method === 'GET' || method === 'HEAD'
      ? this.#read(asked, response)
      : this.#write(asked));
    response.sendDate = false;
    response.writeHead(answer.status, answer.fields.flat());
    response.end(method === 'HEAD' ? undefined : answer.body);
  }

  async #write(asked: Asked): Promise<Answer> {
    const answer = await this.#fetch(asked, asked.headers);
    const host = fieldValue(asked.headers, 'host') ?? '';
    const { status, fields: headers } = answer;
    const exchange = { method: asked.method, target: asked.target, host, status, headers };
    for (const target of invalidatedTargets(exchange)) this.#stored.delete(target);
    return answer;
  }

  async #read(asked: Asked, client: ServerResponse): Promise<Answer> {
    const { headers } = asked;
    const directives = requestDirectives({
      cacheControl: fieldValue(headers, 'cache-control'),
      pragma: fieldValue(headers, 'pragma'),
    });
    const stored = this.#select(asked);
    if (stored === undefined) {
      return directives.onlyIfCached ? failure(504) : await this.#fill(asked, undefined, client);
    }
    const verdict = judge(stored.plan, directives, Date.now());
    if (verdict === 'only-if-cached-miss') return failure(504);
    if (verdict === 'revalidate') {
      const answer = await this.#fill(asked, stored, client);
      if (!FAILURES.has(answer.status)) return answer;
      return mayServeOnError(stored.plan, directives, Date.now()) ? reuse(stored, asked) : answer;
    }
    if (verdict !== 'fresh') void this.#fill(asked, stored, undefined);
    return reuse(stored, asked);
  }

  /** The newest stored response whose selecting fields agree and that holds the bytes asked for. */
  #select(asked: Asked): Stored | undefined {
    return this.#stored
      .get(asked.target)
      ?.find(
        (one) =>
          one.secondary === secondaryKey(one.plan.vary, asked.headers) &&
          (one.status !== 206 || rangeOf(one, asked) !== undefined),
      );
  }

  async #fill(
    asked: Asked,
    stored: Stored | undefined,
    client: ServerResponse | undefined,
  ): Promise<Answer> {
    const preconditions = stored === undefined ? [] : conditionalFields(stored.fields);
    const headers =
      stored === undefined
        ? asked.headers
        : [...asked.headers.filter(([name]) => !CONDITIONAL.has(name)), ...preconditions];
    const requestMs = Date.now();
    const answer = await this.#fetch(asked, headers, client);
    const responseMs = Date.now();
    const times = { requestMs, responseMs, responseWallMs: responseMs };
    if (answer.status === 304 && stored !== undefined && preconditions.length > 0) {
      if (!matches304(stored.fields, answer.fields))
        return await this.#fill(asked, undefined, client);
      const fields = withDate(updateStored(stored.fields, answer.fields), times.responseMs);
      return reuse(this.#keep(asked, { ...stored, fields }, times) ?? { ...stored, fields }, asked);
    }
    if (asked.method === 'HEAD') this.#updateByHead(asked, answer, stored, times);
    else this.#keep(asked, answer, times);
    return answer;
  }

  #keep(asked: Asked, answer: Answer, times: ExchangeTimes): Stored | undefined {
    const { status, fields: headers } = answer;
    if (isCutShort(answer)) return undefined;
    const plan = storePlan({ ...asked, method: 'GET' }, { status, headers }, times, SETTINGS);
    if (!plan.store) return undefined;
    const fields = headers.filter(([name]) => !plan.stripFields.includes(name) && name !== 'age');
    const secondary = secondaryKey(plan.vary, asked.headers);
    const kept: Stored = { ...answer, fields, plan, secondary };
    const others = (this.#stored.get(asked.target) ?? []).filter(
      (one) => one.secondary !== secondary || one.plan.vary.join() !== plan.vary.join(),
    );
    this.#stored.set(asked.target, [kept, ...others]);
    return kept;
  }

  #updateByHead(
    asked: Asked,
    answer: Answer,
    stored: Stored | undefined,
    times: ExchangeTimes,
  ): void {
    if (stored === undefined || answer.status !== 200) return;
    if (headVerdict(stored.fields, answer.fields) === 'outdates') this.#stored.delete(asked.target);
    else
      this.#keep(asked, { ...stored, fields: updateStored(stored.fields, answer.fields) }, times);
  }

  async #fetch(asked: Asked, headers: FieldLines, client?: ServerResponse): Promise<Answer> {
    const encoding = upstreamAcceptEncoding(fieldValue(headers, 'accept-encoding'));
    const lines: FieldLines = [
      ...headers.filter(([name]) => name !== 'accept-encoding'),
      ['accept-encoding', encoding],
    ];
    const request = httpRequest({
      port: this.#originPort,
      host: '127.0.0.1',
      method: asked.method,
      path: asked.target,
      headers: lines.flat() as unknown as Record<string, string>,
    });
    request.on('information', ({ statusCode, rawHeaders }) => {
      passOn(client, statusCode, linesOf(rawHeaders));
    });
    request.on('error', () => undefined); // bytes after a body that was longer than announced
    request.end(asked.body);
    try {
      const [message] = (await once(request, 'response')) as [IncomingMessage];
      const body = Buffer.concat((await message.toArray()) as Buffer[]);
      const fields = withoutHopByHop(linesOf(message.rawHeaders));
      const { statusCode: status = 0 } = message;
      if (status < 200 || status > 599) return failure(502); // RFC 9110 section 15: invalid
      return { status, fields: withDate(fields, Date.now()), body };
    } catch {
      return failure(502);
    }
  }
}

/** RFC 9111 section 4.3.2 for the preconditions, RFC 9110 section 14 for ranges. */
function reuse(stored: Stored, asked: Asked): Answer {
  const { fields, plan } = stored;
  const lines: FieldLine[] = [...fields, ['age', String(ageSeconds(plan, Date.now()))]];
  const validators = {
    etag: fieldValue(fields, 'etag'),
    lastModifiedMs: parseHttpDate(fieldValue(fields, 'last-modified') ?? ''),
    dateMs: parseHttpDate(fieldValue(fields, 'date') ?? ''),
  };
  const conditions = {
    method: asked.method,
    ifNoneMatch: fieldValue(asked.headers, 'if-none-match'),
    ifModifiedSince: fieldValue(asked.headers, 'if-modified-since'),
  };
  if (evaluateConditions(conditions, validators, Date.now()) === 304) {
    return {
      status: 304,
      fields: lines.filter(([name]) => name !== 'content-length'),
      body: Buffer.alloc(0),
    };
  }
  const part = rangeOf(stored, asked);
  if (part === undefined) return { status: stored.status, fields: lines, body: stored.body };
  const kept = lines.filter(([name]) => name !== 'content-length' && name !== 'content-range');
  kept.push(['content-range', part.field], ['content-length', String(part.body.length)]);
  return { status: 206, fields: kept, body: part.body };
}

/** The one range asked for, when the stored bytes have it. */
function rangeOf(stored: Stored, asked: Asked): { field: string; body: Buffer } | undefined {
  const value = fieldValue(asked.headers, 'range');
  const held = heldBytes(stored);
  if (value === undefined || held === undefined) return undefined;
  const result = parseRange(value, held.total, 1);
  const [range] = result.kind === 'ranges' ? result.ranges : [];
  if (range === undefined) return undefined;
  const [start, end] = [range[0] - held.first, range[1] + 1 - held.first];
  if (start < 0 || end > stored.body.length) return undefined;
  return { field: formatContentRange(range, held.total), body: stored.body.subarray(start, end) };
}

function heldBytes({ status, fields, body }: Stored): { first: number; total: number } | undefined {
  if (status === 200) return { first: 0, total: body.length };
  const range = parseContentRange(fieldValue(fields, 'content-range') ?? '');
  if (status !== 206 || range === undefined || 'unsatisfied' in range) return undefined;
  return range.total === undefined ? undefined : { first: range.start, total: range.total };
}

/** Fewer bytes, or more, than its Content-Range announces. */
function isCutShort({ status, fields, body }: Answer): boolean {
  const range = parseContentRange(fieldValue(fields, 'content-range') ?? '');
  if (status !== 206 || range === undefined || 'unsatisfied' in range) return false;
  return range.end + 1 - range.start !== body.length;
}

function passOn(client: ServerResponse | undefined, status: number, headers: FieldLines): void {
  if (status === 102) client?.writeProcessing();
  if (status === 103) client?.writeEarlyHints(Object.fromEntries(headers));
}

function failure(status: number): Answer {
  return { status, fields: [['content-length', '0']], body: Buffer.alloc(0) };
}

function linesOf(raw: readonly string[]): FieldLines {
  const lines: FieldLine[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    lines.push([(raw[i] ?? '').toLowerCase(), raw[i + 1] ?? '']);
  }
  return lines;
}
