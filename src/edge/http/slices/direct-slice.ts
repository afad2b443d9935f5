/**
 * A slice fetched for one answer, past the cache: its shard has no room for it, or may not share it. Its bytes
 * come once, in order; a reader that goes back, as several ranges may, has the rest fetched anew from there.
 */
import { judgeSlice, type SliceOf, sliceRange } from '../../../protocol/slices.js';
import type { Descriptor } from '../../../protocol/descriptor.js';
import { asGatewayError, type ErrorCode, GatewayError } from '../../../errors.js';
import { RANGE_AND_CONDITIONS } from '../../../http/conditions.js';
import { fieldValue, type FieldLine } from '../../../http/fields.js';
import type { OriginRequest, OriginResponse } from '../../../origin/origin.js';
import { discardBody } from '../../../origin/resilience/resilient.js';
import { type PolicySettings, storePlan } from '../../../rules/policy.js';
import type { BorrowedBytes } from '../../../runtime/bytes.js';
import type { ClientRequest } from '../request/client-request.js';
import type { EdgeContext } from '../context.js';

/** Of the client's fields, what is said anew for the slice. */
const REPLACED = new Set([...RANGE_AND_CONDITIONS, 'accept-encoding', 'expect']);

/** How long an answer would be kept is its shard's to say: here it matters whether it may be. */
const ANY_LIFETIME: PolicySettings = {
  defaultTtlMs: 1,
  heuristicFraction: 0,
  heuristicMaxMs: 0,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
};

export interface DirectSliceOptions {
  readonly request: ClientRequest;
  readonly clientAddress: string;
  readonly head: Descriptor;
  readonly slice: SliceOf;
  /** Its head has come: whether a cache may keep such an answer, and so others have it. */
  readonly onHead: (mayKeep: boolean) => void;
  readonly onBytes: () => void;
  readonly onFailed: (code: ErrorCode) => void;
}

export class DirectSlice {
  readonly #context: EdgeContext;
  readonly #options: DirectSliceOptions;
  #abort = new AbortController(); // of the request that is under way
  #source: AsyncIterator<BorrowedBytes> | undefined;
  #chunk: BorrowedBytes | undefined;
  #chunkAt = 0; // offset of the chunk in the slice
  #pulling = true;

  constructor(context: EdgeContext, options: DirectSliceOptions) {
    this.#context = context;
    this.#options = options;
    void this.#settle(this.#begin(0));
  }

  view(at: number, count: number): BorrowedBytes | undefined {
    if (this.#pulling || this.#source === undefined) return undefined;
    const within = at - this.#chunkAt;
    if (within < 0) {
      this.#goBack(at);
      return undefined;
    }
    const chunk = this.#chunk;
    if (chunk !== undefined && within < chunk.length) {
      return chunk.subarray(within, Math.min(chunk.length, within + count));
    }
    void this.#settle(this.#pull(this.#source));
    return undefined;
  }

  close(): void {
    this.#abort.abort();
    this.#source?.return?.().catch(() => undefined);
    this.#source = undefined;
  }

  /** What has been lent is not here any more. */
  #goBack(at: number): void {
    this.close();
    this.#abort = new AbortController();
    this.#chunk = undefined;
    this.#chunkAt = at;
    void this.#settle(this.#begin(at));
  }

  /** Says what came of it. A chunk is lent until the next pull, so the client takes one before that. */
  async #settle(step: Promise<void>): Promise<void> {
    const { onBytes, onFailed } = this.#options;
    this.#pulling = true;
    try {
      await step;
      this.#pulling = false;
    } catch (reason) {
      const { code, detail } = asGatewayError(reason);
      if (this.#abort.signal.aborted) return;
      this.#context.metrics.add('originErrors');
      this.#context.log.warn({ code, detail, path: this.#options.request.path }, 'slice failed');
      this.#context.guard(() => {
        onFailed(code);
      });
      return;
    }
    if (!this.#abort.signal.aborted) this.#context.guard(onBytes);
  }

  /** Asks for the slice from that offset on. */
  async #begin(at: number): Promise<void> {
    const { metrics, origin } = this.#context;
    const { slice, onHead } = this.#options;
    const wanted = { ...slice, first: slice.first + at };
    const request = this.#upstream(wanted);
    metrics.add('originRequests');
    const response = await origin.fetch(request, this.#abort.signal);
    const verdict = judgeSlice(wanted, response);
    if (verdict !== 'fits' || this.#abort.signal.aborted) {
      discardBody(response.body);
      const code = verdict === 'changed' ? 'GW_ORIGIN_CHANGED' : 'GW_ORIGIN_STATUS';
      throw new GatewayError(code, `a slice was answered ${response.status}`);
    }
    onHead(this.#mayKeep(request, response));
    this.#source = response.body[Symbol.asyncIterator]();
    await this.#pull(this.#source);
  }

  async #pull(source: AsyncIterator<BorrowedBytes>): Promise<void> {
    this.#chunkAt += this.#chunk?.length ?? 0;
    this.#chunk = undefined;
    const step = await source.next();
    if (step.done === true) throw new GatewayError('GW_ORIGIN_BODY_SHORT', 'of a slice');
    this.#context.metrics.add('originBytes', step.value.length);
    this.#chunk = step.value;
  }

  #mayKeep({ method, headers }: OriginRequest, response: OriginResponse): boolean {
    const { clock } = this.#context;
    const nowMs = clock.now();
    const times = { requestMs: nowMs, responseMs: nowMs, responseWallMs: clock.wall() };
    return storePlan({ method, headers }, response, times, ANY_LIFETIME).store;
  }

  #upstream(slice: SliceOf): OriginRequest {
    const { request, clientAddress, head } = this.#options;
    const all = this.#context.forwarding.passed(request, { clientAddress });
    const coded = fieldValue(head.fields, 'content-encoding') !== undefined;
    const wanted = coded ? (fieldValue(request.fields, 'accept-encoding') ?? '') : 'identity';
    const headers: FieldLine[] = all.filter(([name]) => !REPLACED.has(name));
    headers.push(['accept-encoding', wanted]);
    headers.push(['range', sliceRange(slice)], ['if-range', slice.validator]);
    return { method: 'GET', target: request.upstreamTarget, headers };
  }
}
