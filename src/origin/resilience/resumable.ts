/**
 * A body that goes on from another origin where the one it began at stalls or breaks: asked for by
 * `Range` under the same strong validator, so that not a byte of another version can follow.
 */
import { asGatewayError, ERRORS } from '../../errors.js';
import { RANGE_AND_CONDITIONS } from '../../http/conditions.js';
import { contentLength, fieldValue } from '../../http/fields.js';
import type { FieldLine, FieldLines } from '../../http/fields.js';
import type { BorrowedBytes } from '../../runtime/bytes.js';
import { copyOf } from '../origin.js';
import type { BodyStep, OriginRequest, OriginResponse } from '../origin.js';
import { discardBody } from './resilient.js';

export interface ResumeOptions {
  readonly request: OriginRequest;
  /** Longest silence, now, before the rest is asked for elsewhere; undefined: nowhere to ask. */
  readonly stallMs: () => number | undefined;
  /** Asks for what `request` says, not where the body comes from now while that may `stillCome`. */
  readonly ask: (
    request: OriginRequest,
    how: { readonly stillComes: boolean; readonly signal: AbortSignal },
  ) => Promise<OriginResponse | undefined>;
  /** The rest comes from there. `stalled`: what it replaces would perhaps still have come. */
  readonly onResumed: (how: { readonly stalled: boolean }) => void;
}

/** Where a body lies in its representation, and which that is. */
interface Place {
  readonly isForEveryone: boolean;
  readonly etag: string;
  readonly coding: string;
  readonly first: number;
  readonly last: number; // inclusive
  readonly total: number;
}

const MAX_RESUMPTIONS = 2;
/** Conditions were met when the body began; the rest is asked for by range. */
const REPLACED = new Set(RANGE_AND_CONDITIONS);

/** `response`, whose body resumes; itself where nothing would vouch for a second part. */
export function resumable(response: OriginResponse, options: ResumeOptions): OriginResponse {
  const { method, body } = options.request;
  const place = method === 'GET' && body === undefined ? placeOf(response) : undefined;
  if (place === undefined) return response;
  return {
    ...response,
    body: { [Symbol.asyncIterator]: () => new ResumableBody(response, place, options) },
  };
}

class ResumableBody implements AsyncIterator<BorrowedBytes, undefined> {
  readonly #options: ResumeOptions;
  readonly #place: Place;
  #asking: AbortController | undefined; // of what is asked for in addition
  #source: AsyncIterator<BorrowedBytes>;
  #nextByte: number;
  #resumptions = 0;
  #ended = false;

  constructor(response: OriginResponse, place: Place, options: ResumeOptions) {
    this.#options = options;
    this.#place = place;
    this.#source = response.body[Symbol.asyncIterator]();
    this.#nextByte = place.first;
  }

  /** Costs one promise while nothing is amiss. */
  next(): Promise<BodyStep> {
    const stallMs = this.#mayResume ? this.#options.stallMs() : undefined;
    const step = this.#source.next();
    if (stallMs === undefined) return step.then(this.#onStep, this.#onBroken);
    return this.#unlessStalled(step, stallMs).then((came) => this.#goOn(came), this.#onBroken);
  }

  readonly #onStep = (step: IteratorResult<BorrowedBytes>): BodyStep => {
    if (step.done === true) return { done: true, value: undefined };
    this.#nextByte += step.value.length;
    return step;
  };

  readonly #onBroken = async (reason: unknown): Promise<BodyStep> => {
    if (!(await this.#resumeAfter(reason))) throw reason;
    return this.next();
  };

  /** Undefined: from elsewhere now. */
  #goOn(came: IteratorResult<BorrowedBytes> | undefined): BodyStep | Promise<BodyStep> {
    return came === undefined ? this.next() : this.#onStep(came);
  }

  async return(): Promise<BodyStep> {
    this.#ended = true;
    this.#asking?.abort();
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  /** The step that was asked for, or undefined when the body goes on elsewhere instead. */
  async #unlessStalled(
    step: Promise<IteratorResult<BorrowedBytes>>,
    stallMs: number,
  ): Promise<IteratorResult<BorrowedBytes> | undefined> {
    if ((await within(step, stallMs)) === 'in time') return step;
    const elsewhere = this.#rest({ stillComes: true });
    const first = await Promise.race([
      elsewhere,
      step.then(
        () => 'came' as const,
        () => undefined, // broken: what was asked for elsewhere decides
      ),
    ]);
    if (first === 'came') {
      this.#asking?.abort();
      elsewhere.then(letGo, () => undefined);
      return step;
    }
    const rest = first ?? (await elsewhere);
    if (rest === undefined) return step;
    step.catch(() => undefined); // nobody waits for it any more
    this.#replace(rest, true);
    return undefined;
  }

  /** True: the body goes on elsewhere. */
  async #resumeAfter(reason: unknown): Promise<boolean> {
    const { code } = asGatewayError(reason);
    const broken = ERRORS[code].source === 'upstream' && code !== 'GW_ORIGIN_PROTOCOL';
    if (!broken || !this.#mayResume) return false;
    const rest = await this.#rest({ stillComes: false });
    if (rest === undefined) return false;
    this.#replace(rest, false);
    return true;
  }

  get #mayResume(): boolean {
    const { last } = this.#place;
    return !this.#ended && this.#resumptions < MAX_RESUMPTIONS && this.#nextByte <= last;
  }

  #replace(rest: OriginResponse, stalled: boolean): void {
    const before = this.#source;
    if (stalled) before.return?.().catch(() => undefined);
    this.#source = rest.body[Symbol.asyncIterator]();
    this.#options.onResumed({ stalled });
  }

  /** What is missing, if somebody has it of the same version; never rejects. */
  async #rest(how: { readonly stillComes: boolean }): Promise<OriginResponse | undefined> {
    this.#resumptions += 1;
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    const { request } = this.#options;
    const { etag, last } = this.#place;
    const headers: FieldLine[] = request.headers.filter(([name]) => !REPLACED.has(name));
    headers.push(['range', `bytes=${this.#nextByte}-${last}`], ['if-range', etag]);
    const at = this.#nextByte;
    try {
      const response = await this.#options.ask({ ...copyOf(request), headers }, { signal, ...how });
      if (response === undefined) return undefined;
      if (!signal.aborted && this.#continues(response, at)) return response;
      letGo(response);
    } catch {
      // What there was to say, the first failure said.
    }
    return undefined;
  }

  #continues(response: OriginResponse, at: number): boolean {
    const place = response.status === 206 ? placeOf(response) : undefined;
    const { etag, coding, last, total, isForEveryone } = this.#place;
    return (
      place !== undefined &&
      place.isForEveryone === isForEveryone &&
      place.etag === etag &&
      place.coding === coding &&
      place.first === at &&
      place.last === last &&
      place.total === total
    );
  }
}

/** Undefined: the version or the length is not beyond doubt. */
function placeOf({ status, headers, forEveryone }: OriginResponse): Place | undefined {
  const etag = fieldValue(headers, 'etag') ?? '';
  const length = contentLength(headers);
  const range = status === 200 ? { first: 0, last: length - 1, total: length } : rangeOf(headers);
  // Weak validators do not vouch for bytes.
  if ((status !== 200 && status !== 206) || !etag.startsWith('"')) return undefined;
  if (length <= 0 || range === undefined || range.last - range.first + 1 !== length)
    return undefined;
  const coding = fieldValue(headers, 'content-encoding') ?? '';
  return { isForEveryone: forEveryone === true, etag, coding, ...range };
}

/** The one range that a 206 says it is. */
function rangeOf(headers: FieldLines): Pick<Place, 'first' | 'last' | 'total'> | undefined {
  const told = fieldValue(headers, 'content-range') ?? '';
  const [, first, last, total] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(told) ?? [];
  if (first === undefined || Number(last) >= Number(total)) return undefined;
  return { first: Number(first), last: Number(last), total: Number(total) };
}

function letGo(response: OriginResponse | undefined): void {
  if (response !== undefined) discardBody(response.body);
}

/** Whether `step` settles, in whatever way, before the time is up. */
function within(step: Promise<unknown>, ms: number): Promise<'in time' | 'late'> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve('late');
    }, ms);
    const settle = (): void => {
      clearTimeout(timer);
      resolve('in time');
    };
    step.then(settle, settle);
  });
}
