/**
 * A directory as an origin: regular files under it, with strong validators and single ranges, and
 * 404 for everything else, so that nothing tells a missing file from a forbidden one.
 */
import { realpathSync, statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { GatewayError } from '../errors.js';
import { evaluateConditions, ifRangeHolds } from '../http/conditions.js';
import { formatHttpDate } from '../http/date.js';
import { fieldValue } from '../http/fields.js';
import type { FieldLine, FieldLines } from '../http/fields.js';
import { formatContentRange, parseRange } from '../http/range.js';
import { contentTypeOf } from '../media/kind.js';
import type { Clock } from '../runtime/clock.js';
import { FileBody } from './file-body.js';
import { Gate } from './gate.js';
import type { Origin, OriginRequest, OriginResponse } from './origin.js';
import { bodyOf, plainAnswer } from './plain-answer.js';
import type { PlainAnswer } from './plain-answer.js';
import { openUnder, pathNames } from './safe-open.js';
import type { Opened } from './safe-open.js';

const OPEN_FILES = 64; // at once, each an fd and up to 256 KiB of buffer
const WAITING_OPENS = 1024;
const OPEN_WAIT_MS = 10_000;

export interface DirectoryOptions {
  readonly root: string;
  readonly name: string; // in OriginResponse.origin
  readonly clock: Pick<Clock, 'now'>;
}

/** @throws GatewayError GW_CONFIG_INVALID when `root` is no directory that can be read. */
export function openDirectoryOrigin(options: DirectoryOptions): Origin {
  return new DirectoryOrigin(options);
}

interface Representation {
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly dateMs: number;
  readonly length: number;
  readonly lines: FieldLines; // of every answer about it, 304 included
}

type OpenFile = Extract<Opened, { kind: 'file' }>;

class DirectoryOrigin implements Origin {
  readonly #options: DirectoryOptions;
  readonly #root: string;
  readonly #gate = new Gate({ permits: OPEN_FILES, queue: WAITING_OPENS, waitMs: OPEN_WAIT_MS });

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#root = realDirectory(options.root);
  }

  async fetch(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return this.#text(request, 405, [['allow', 'GET, HEAD']]);
    }
    const query = request.target.indexOf('?');
    const path = query === -1 ? request.target : request.target.slice(0, query);
    const names = pathNames(path);
    if (names === undefined) return this.#text(request, 404);
    await this.#gate.acquire(signal);
    const lease = new FileLease(() => {
      this.#gate.release();
    });
    try {
      return await this.#answer({ request, signal, names, path, lease });
    } finally {
      await lease.closeUnlessTaken();
    }
  }

  async close(): Promise<void> {
    // Files are closed by their bodies.
  }

  async #answer(lookup: Lookup): Promise<OriginResponse> {
    const { request, names, path, lease } = lookup;
    let opened = await openUnder(this.#root, names);
    const slash = path.endsWith('/');
    let file = path;
    if (opened.kind === 'directory') {
      file = 'index.html';
      opened = await openUnder(this.#root, [...names, file]);
      if (opened.kind === 'file') lease.handle = opened.handle;
      // Relative links in the page would miss the directory; '//' would name another host.
      const location = `/${names.map(encodeURIComponent).join('/')}/`;
      if (opened.kind === 'file' && !slash)
        return this.#text(request, 301, [['location', location]]);
    } else if (slash && opened.kind === 'file') {
      lease.handle = opened.handle;
      return this.#text(request, 404);
    }
    if (opened.kind !== 'file') return this.#text(request, 404);
    lease.handle = opened.handle;
    return this.#fileAnswer(lookup, opened, this.#describe(file, opened.stat));
  }

  #fileAnswer(lookup: Lookup, file: OpenFile, about: Representation): OriginResponse {
    const { request } = lookup;
    const status = evaluateConditions(conditionsOf(request), about, about.dateMs);
    if (status !== 200) return this.#bare(status, about.lines);
    const range = wantedRange(request, about);
    if (range === 'unsatisfiable') {
      const line: FieldLine = ['content-range', formatContentRange(undefined, about.length)];
      return this.#text(request, 416, [line]);
    }
    const start = range?.[0] ?? 0;
    const length = range === undefined ? about.length : range[1] - start + 1;
    const headers: FieldLine[] = [...about.lines, ['content-length', String(length)]];
    if (range !== undefined)
      headers.push(['content-range', formatContentRange(range, about.length)]);
    const partial = range === undefined ? 200 : 206;
    if (request.method === 'HEAD' || length === 0) return this.#bare(partial, headers);
    const { signal, lease } = lookup;
    const { handle, stat } = file;
    const body = new FileBody({ handle, stat, start, length, signal, onClosed: lease.take() });
    return { status: partial, headers, body, forEveryone: true, origin: this.#options.name };
  }

  #describe(path: string, stat: BigIntStats): Representation {
    const dateMs = this.#options.clock.now();
    const lastModifiedMs = Math.min(Number(stat.mtimeMs), dateMs); // RFC 9110 section 8.8.2.1
    const etag = `"${[stat.size, stat.mtimeNs, stat.ino].map((part) => part.toString(36)).join('-')}"`;
    const lines: FieldLines = [
      ['date', formatHttpDate(dateMs)],
      ['content-type', contentTypeOf(path)],
      ['last-modified', formatHttpDate(lastModifiedMs)],
      ['etag', etag],
      ['accept-ranges', 'bytes'],
    ];
    return { etag, lastModifiedMs, dateMs, length: Number(stat.size), lines };
  }

  #bare(status: number, headers: FieldLines): OriginResponse {
    return { status, headers, body: bodyOf(), forEveryone: true, origin: this.#options.name };
  }

  #text(request: OriginRequest, status: PlainAnswer['status'], more?: FieldLines): OriginResponse {
    const { name, clock } = this.#options;
    const answer = { method: request.method, status, name, nowMs: clock.now() };
    return plainAnswer(more === undefined ? answer : { ...answer, more });
  }
}

interface Lookup {
  readonly request: OriginRequest;
  readonly signal: AbortSignal;
  readonly names: readonly string[];
  readonly path: string;
  readonly lease: FileLease;
}

/** One permit and, once opened, one handle: given back together unless a body takes them over. */
class FileLease {
  handle: FileHandle | undefined;
  readonly #release: () => void;
  #taken = false;

  constructor(release: () => void) {
    this.#release = release;
  }

  /** The body closes the handle from now on and calls the result after. */
  take(): () => void {
    this.#taken = true;
    return this.#release;
  }

  async closeUnlessTaken(): Promise<void> {
    if (this.#taken) return;
    await this.handle?.close();
    this.#release();
  }
}

function conditionsOf(request: OriginRequest): Parameters<typeof evaluateConditions>[0] {
  const { method, headers } = request;
  return {
    method,
    ifMatch: fieldValue(headers, 'if-match'),
    ifNoneMatch: fieldValue(headers, 'if-none-match'),
    ifModifiedSince: fieldValue(headers, 'if-modified-since'),
    ifUnmodifiedSince: fieldValue(headers, 'if-unmodified-since'),
  };
}

/** The one range to answer with; undefined: the whole file (RFC 9110 sections 13.1.5 and 14.2). */
function wantedRange(
  request: OriginRequest,
  about: Representation,
): readonly [start: number, end: number] | 'unsatisfiable' | undefined {
  const value = request.method === 'GET' ? fieldValue(request.headers, 'range') : undefined;
  if (value === undefined) return undefined;
  const ifRange = fieldValue(request.headers, 'if-range');
  if (ifRange !== undefined && !ifRangeHolds(ifRange, about)) return undefined;
  const result = parseRange(value, about.length, 1);
  if (result.kind === 'unsatisfiable') return 'unsatisfiable';
  return result.kind === 'ranges' ? result.ranges[0] : undefined;
}

function realDirectory(root: string): string {
  try {
    const real = realpathSync(root);
    if (statSync(real).isDirectory()) return real;
  } catch (reason) {
    throw new GatewayError('GW_CONFIG_INVALID', `cannot open directory ${root}`, { cause: reason });
  }
  throw new GatewayError('GW_CONFIG_INVALID', `not a directory: ${root}`);
}
