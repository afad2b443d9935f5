/**
 * Runs fills: asks the origin, decides what its answer may become, and moves the bytes into the
 * arena while followers read them. All of it on the shard's thread; the awaits are the origin's.
 */
import type { StorePlan } from '../../rules/policy.js';
import { judgeSlice } from '../../protocol/slices.js';
import { secondaryKey } from '../../rules/vary.js';
import { asGatewayError, ERRORS, GatewayError, type ErrorCode } from '../../errors.js';
import { viewersScheme } from '../../http/forwarding.js';
import { discardBody } from '../../origin/resilience/resilient.js';
import type { ShardContext } from './context.js';
import { pathOf } from '../../protocol/describe.js';
import type { Stored } from '../holdings/entry.js';
import { type Fill, nearlyDone, presentLeader, type Waiter } from './fill.js';
import type { Answers } from './answers.js';
import { FillBody } from './fill-body.js';
import { type Arrival, type FactsOf, planOf } from './fill-plan.js';
import { Placing } from './placing.js';
import { Relay } from './relay.js';
import { Revalidation } from './revalidation.js';
import { aftermathOf, LEADERS_FAULT, lessonOf } from './sharing.js';
import { upstreamRequest } from './upstream-request.js';

const STALE_ON_STATUS = new Set([500, 502, 503, 504]);
/** What one request can bring upon itself; the origin itself would fail the next one, too. */
const MAY_BE_ITS_OWN = new Set<ErrorCode>([
  'GW_ORIGIN_IO',
  'GW_ORIGIN_PROTOCOL',
  'GW_ORIGIN_BODY_SHORT',
]);

export interface FillHooks {
  /** A waiter waits for this fill no longer. */
  readonly release: (waiter: Waiter) => void;
  /** A waiter must be decided anew: the answer that came does not suit it. */
  readonly redecide: (waiter: Waiter) => void;
  readonly onStored: (stored: Stored) => void;
  readonly onEnd: (fill: Fill) => void;
  /** The body's meaning, where it decides the lifetime. */
  readonly factsOf: FactsOf;
}

export class FillRunner {
  readonly #context: ShardContext;
  readonly #answers: Answers;
  readonly #hooks: FillHooks;
  readonly #body: FillBody;
  readonly #relay: Relay;
  readonly #placing: Placing;
  readonly #revalidation: Revalidation;

  constructor(context: ShardContext, answers: Answers, hooks: FillHooks) {
    this.#context = context;
    this.#answers = answers;
    this.#hooks = hooks;
    this.#body = new FillBody(context, answers);
    this.#relay = new Relay(context, answers, hooks);
    this.#placing = new Placing(context, answers, hooks);
    this.#revalidation = new Revalidation(context, answers, this.#relay, hooks);
  }

  /** Never rejects: whatever happens, every waiter is answered and the fill ends. */
  async run(fill: Fill): Promise<void> {
    try {
      const { slice } = fill.leader.request;
      if (slice !== undefined && !this.#placing.reserveSlice(fill, slice)) {
        this.#bypassAll(fill); // before the origin is asked, or it would be asked twice
        return;
      }
      let validated = fill.stored;
      let arrival = await this.#request(fill, validated);
      if (
        arrival.response.status === 304 &&
        !this.#revalidation.isAbout(fill, arrival.response.headers)
      ) {
        discardBody(arrival.response.body);
        if (validated !== undefined) arrival = await this.#request(fill, undefined);
        validated = undefined;
      }
      if (arrival.response.status === 304 && validated === undefined) {
        throw new GatewayError('GW_ORIGIN_PROTOCOL', '304 to a request without conditions');
      }
      await this.#onHead(fill, arrival);
    } catch (reason) {
      this.#fail(fill, reason);
    } finally {
      this.#placing.giveUp(fill);
      fill.phase = 'done';
      this.#hooks.onEnd(fill);
    }
  }

  async #request(fill: Fill, validate: Stored | undefined): Promise<Arrival> {
    const { origin, clock, metrics, config } = this.#context;
    const { request } = fill.leader;
    const { vary, variants } = fill.entry;
    const part = variants.get(secondaryKey(vary, request.headers))?.parts[0];
    const upstream = upstreamRequest(
      {
        request,
        range: fill.range,
        storedFields: validate?.originFields,
        // Behind the end of what there was, another state of it is wanted.
        ifRange:
          request.slice?.validator ??
          (part === undefined || fill.range === '' || request.beyond ? '' : strongEtag(part)),
        scheme: viewersScheme(config),
      },
      (status, fields) => {
        this.#answers.informational(fill, { status, fields });
      },
    );
    const requestMs = clock.now();
    metrics.add('originRequests');
    const response = await origin.fetch(upstream, fill.abort.signal);
    const responseMs = clock.now();
    metrics.observe('originSeconds', (responseMs - requestMs) / 1_000);
    return { response, requestMs, responseMs, responseWallMs: clock.wall() };
  }

  async #onHead(fill: Fill, arrival: Arrival): Promise<void> {
    const { response } = arrival;
    if (response.status === 304) {
      discardBody(response.body);
      this.#revalidation.renew(fill, arrival);
      return;
    }
    if (STALE_ON_STATUS.has(response.status)) {
      this.#context.metrics.add('originErrors');
      if (this.#revalidation.serveStale(fill, `status-${response.status}`)) {
        discardBody(response.body);
        return;
      }
    }
    if (fill.waiters.size === 0 && !fill.leader.request.background) {
      discardBody(response.body);
      return;
    }
    const plan = planOf(this.#context, { fill, arrival }, { status: response.status });
    if (fill.leader.request.slice !== undefined) {
      await this.#onSlice(fill, arrival, plan);
      return;
    }
    if (plan.store && this.#placing.storeHead(fill, arrival, plan)) discardBody(response.body);
    else await this.#onBody(fill, arrival, plan);
  }

  /** The whole of it: stored as it comes, or the leader's. */
  async #onBody(fill: Fill, arrival: Arrival, plan: StorePlan): Promise<void> {
    const { response } = arrival;
    const refusal = plan.store ? this.#placing.accept(fill, arrival, plan) : plan.reason;
    if (refusal !== undefined) {
      await this.#relay.run(fill, response, refusal);
      return;
    }
    if (fill.waiters.size === 0 && !fill.leader.request.background && !nearlyDone(fill)) {
      fill.abort.abort(); // nobody who is left can share it
      throw new GatewayError('GW_FILL_CANCELLED', 'nobody waits');
    }
    await this.#body.pump(fill, response);
    this.#placing.finish(fill, arrival);
  }

  /** A slice is stored, or is nobody's: who waits fetches it for himself then. */
  async #onSlice(fill: Fill, arrival: Arrival, plan: StorePlan): Promise<void> {
    const { response } = arrival;
    const { slice } = fill.leader.request;
    const verdict = slice === undefined ? 'failed' : judgeSlice(slice, response);
    if (verdict === 'fits' && plan.store) {
      if (this.#placing.accept(fill, arrival, plan) === undefined) {
        await this.#body.pump(fill, response);
        this.#placing.finish(fill, arrival);
        return;
      }
    }
    discardBody(response.body);
    const detail = `a slice was answered ${response.status}`;
    if (verdict === 'changed') throw new GatewayError('GW_ORIGIN_CHANGED', detail);
    if (verdict === 'failed') {
      this.#refuseSlice(fill, response.status, detail);
      return;
    }
    this.#context.memory.noteUnshared(fill.entry.key, 'everybody', this.#context.clock.now());
    this.#bypassAll(fill);
  }

  #bypassAll(fill: Fill): void {
    for (const waiter of fill.waiters.values()) this.#answers.bypass(waiter);
    fill.waiters.clear();
  }

  /** As a status is about its leader's request alone, the others ask anew. */
  #refuseSlice(fill: Fill, status: number, detail: string): void {
    const { credentialed } = fill.leader.request;
    const lesson = lessonOf({ status, credentialed, large: false });
    this.#relay.partOthers(fill, lesson, detail);
    const leader = presentLeader(fill);
    if (leader === undefined) return;
    const others = aftermathOf(lesson, { elections: leader.elections, credentialed });
    this.#answers.refuse([leader], { code: 'GW_ORIGIN_STATUS', detail, others });
  }

  #fail(fill: Fill, reason: unknown): void {
    const { holdings, metrics, log } = this.#context;
    const error = asGatewayError(reason);
    metrics.add('fillsFailed');
    if (!fill.abort.signal.aborted) {
      metrics.add('originErrors');
      log.warn(
        { code: error.code, detail: error.detail, target: pathOf(fill.entry.key) },
        'fill failed',
      );
    }
    const { body } = fill;
    if (body !== undefined) {
      this.#answers.ended(fill, { ok: false, code: error.code, detail: error.detail });
      fill.body = undefined;
      holdings.store.release(body);
      return;
    }
    if (fill.phase === 'relaying') {
      for (const waiter of fill.waiters.values()) this.#answers.relayEnded(waiter, error.code);
      return;
    }
    if (!fill.abort.signal.aborted && this.#revalidation.serveStale(fill, 'origin-error')) return;
    this.#refuse(fill, error);
  }

  /** The leader's own fault is told to him alone: the others elect another. */
  #refuse(fill: Fill, { code, detail }: GatewayError): void {
    const own = ERRORS[code].source === 'client' || MAY_BE_ITS_OWN.has(code);
    if (!own || fill.abort.signal.aborted) {
      this.#answers.refuse(fill.waiters.values(), { code, detail });
      return;
    }
    this.#relay.partOthers(fill, LEADERS_FAULT, detail);
    const leader = presentLeader(fill);
    if (leader === undefined) return;
    const { elections, request } = leader;
    const others = aftermathOf(LEADERS_FAULT, { elections, credentialed: request.credentialed });
    this.#answers.refuse([leader], { code, detail, others });
  }
}

function strongEtag(stored: Stored): string {
  const { etag } = stored.descriptor;
  return etag.startsWith('"') ? etag : '';
}
