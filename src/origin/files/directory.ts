/**
 * A directory as an origin: regular files under it, with validators and single ranges, and 404 for
 * everything else, so that nothing tells a missing file from a forbidden one. A file that may still
 * be being written has a weak tag, no Last-Modified (its second may not be over) and a short life.
 */
import { realpathSync, statSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../../errors.js';
import { evaluateConditions } from '../../http/conditions.js';
import type { FieldLine, FieldLines } from '../../http/fields.js';
import { formatContentRange } from '../../http/range.js';
import type { Clock } from '../../runtime/clock.js';
import { FileBody } from './file-body.js';
import { FileBuffers, FileLease, type Shared } from './file-lease.js';
import { isVouched, type Opening, readOpening, type Region } from './file-opening.js';
import {
  conditionsOf,
  describeFile,
  type Representation,
  wantedRange,
} from './file-representation.js';
import { type FileState, hiddenForMs } from './file-state.js';
import { writersAtRest } from './file-writers.js';
import { Gate } from './gate.js';
import { type Found, KeptFiles } from './kept-files.js';
import type { Origin, OriginRequest, OriginResponse } from '../origin.js';
import { bodyOf, plainAnswer } from '../plain-answer.js';
import type { PlainAnswer } from '../plain-answer.js';
import { pathNames } from './safe-open.js';

export const OPEN_FILES = 64; // at once, each an fd and up to 512 KiB of buffers
const WAITING_OPENS = 1024;
const OPEN_WAIT_MS = 10_000;
/** Readings of a file's beginning before it is given up: some 250 ms in all. */
const READINGS = 8;
const FIRST_PAUSE_MS = 2;

export interface DirectoryOptions {
  readonly root: string;
  readonly name: string; // in OriginResponse.origin
  readonly clock: Pick<Clock, 'wall'>;
}

/** @throws GatewayError GW_CONFIG_INVALID when `root` is no directory that can be read. */
export function openDirectoryOrigin(options: DirectoryOptions): Origin {
  return new DirectoryOrigin(options);
}

type FoundFile = Extract<Found, { kind: 'file' }>;

class DirectoryOrigin implements Origin {
  readonly #options: DirectoryOptions;
  readonly #shared: Shared;

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#shared = {
      gate: new Gate({ permits: OPEN_FILES, queue: WAITING_OPENS, waitMs: OPEN_WAIT_MS }),
      files: new KeptFiles(realDirectory(options.root)),
      buffers: new FileBuffers(),
    };
  }

  async fetch(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return this.#text(request, 405, [['allow', 'GET, HEAD']]);
    }
    const query = request.target.indexOf('?');
    const path = query === -1 ? request.target : request.target.slice(0, query);
    const names = pathNames(path);
    if (names === undefined) return this.#text(request, 404);
    await this.#shared.gate.acquire(signal);
    const lease = new FileLease(this.#shared);
    try {
      return await this.#answer({ request, signal, names, path, lease });
    } finally {
      await lease.closeUnlessTaken();
    }
  }

  close(): Promise<void> {
    this.#shared.files.close(); // bodies close theirs
    return Promise.resolve();
  }

  async #answer(lookup: Lookup): Promise<OriginResponse> {
    const { request, names, path, lease } = lookup;
    const query = request.target.slice(path.length); // with its '?', or ''
    let found = await lease.open(names);
    const slash = path.endsWith('/');
    let file = path;
    if (found.kind === 'directory') {
      file = 'index.html';
      found = await lease.open([...names, file]);
      // Relative links in the page would miss the directory; '//' would name another host.
      const location = `/${names.map(encodeURIComponent).join('/')}/${query}`;
      if (found.kind === 'file' && !slash)
        return this.#text(request, 301, [['location', location]]);
    } else if (slash && found.kind === 'file') {
      return this.#text(request, 404);
    }
    if (found.kind !== 'file') return this.#text(request, 404);
    return this.#fileAnswer(lookup, found, file);
  }

  /** @throws GatewayError GW_ORIGIN_IO: it never stays the same for as long as it takes to read it. */
  async #fileAnswer(lookup: Lookup, found: FoundFile, path: string): Promise<OriginResponse> {
    const { request, signal, lease } = lookup;
    const { handle } = found.file;
    let state: FileState = found.stat;
    let before: Opening | undefined;
    for (let reading = 0; reading < READINGS; reading += 1) {
      const pauseMs = reading === 0 ? 0 : FIRST_PAUSE_MS ** reading;
      const waitMs = Math.max(pauseMs, hiddenForMs(state, this.#wallMs()));
      if (waitMs > 0) {
        await pause(waitMs, signal);
        state = await handle.stat({ bigint: true });
      }
      const hidden = hiddenForMs(state, this.#wallMs()) > 0;
      // After the look at its state: what begins to write from then on, the look behind the reading tells.
      const open = (await writersAtRest(handle.fd)) ?? false;
      const about = describeFile(path, state, { dateMs: this.#wallMs(), open });
      const answer = this.#planned(request, about);
      if (!('region' in answer)) return answer;
      const { settled } = about;
      const into = lease.buffer(before?.first);
      const opening = await readOpening(handle, state, { region: answer.region, settled, into });
      if (isVouched(opening, { hidden, before })) {
        return this.#streamed(lookup, { handle, opening, about, answer });
      }
      before = opening;
      state = opening.after;
    }
    throw new GatewayError('GW_ORIGIN_IO', 'the file is being written to all the while');
  }

  /** The answer when it needs no byte of the file, else which bytes it needs. */
  #planned(request: OriginRequest, about: Representation): OriginResponse | Planned {
    const status = evaluateConditions(conditionsOf(request), about, about.dateMs);
    if (status !== 200) return this.#bare(status, about.lines, about);
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
    if (request.method === 'HEAD' || length === 0) {
      return this.#bare(partial, headers, about);
    }
    return { status: partial, headers, region: { start, length } };
  }

  #streamed(
    { signal, lease }: Lookup,
    from: { handle: FileHandle; opening: Opening; about: Representation; answer: Planned },
  ): OriginResponse {
    const { handle, opening, about, answer } = from;
    const { status, headers } = answer;
    const { settled } = about;
    if (settled && opening.state.size > opening.length) lease.keep(); // who reads a part soon wants the next
    lease.take();
    const body = new FileBody({ handle, lease, opening, settled, signal });
    return {
      status,
      headers,
      body,
      settling: !settled,
      forEveryone: true,
      origin: this.#options.name,
    };
  }

  #wallMs(): number {
    return this.#options.clock.wall();
  }

  #bare(status: number, headers: FieldLines, { settled }: Representation): OriginResponse {
    return {
      status,
      headers,
      body: bodyOf(),
      settling: !settled,
      forEveryone: true,
      origin: this.#options.name,
    };
  }

  #text(request: OriginRequest, status: PlainAnswer['status'], more?: FieldLines): OriginResponse {
    const { name } = this.#options;
    const answer = { method: request.method, status, name, nowMs: this.#wallMs() };
    return plainAnswer(more === undefined ? answer : { more, ...answer });
  }
}

/** An answer whose body is still to be read. */
interface Planned {
  readonly status: number;
  readonly headers: FieldLines;
  readonly region: Region;
}

interface Lookup {
  readonly request: OriginRequest;
  readonly signal: AbortSignal;
  readonly names: readonly string[];
  readonly path: string;
  readonly lease: FileLease;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (reason) {
    throw new GatewayError('GW_CLIENT_ABORTED', 'file', { cause: reason });
  }
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
