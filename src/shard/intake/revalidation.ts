/** A fill that asks about what is stored: an answer 304 renews it, and where the origin fails it is served stale. */
import type { Served } from '../../protocol/messages.js';
import { mayServeOnError } from '../../rules/reuse.js';
import { matches304, updateStored, withDate } from '../../rules/validate.js';
import type { FieldLines } from '../../http/fields.js';
import type { Answers } from './answers.js';
import type { ShardContext } from './context.js';
import { describe } from '../../protocol/describe.js';
import { secondaryKey } from '../../rules/vary.js';
import { type Fill, takeMismatched, type Waiter } from './fill.js';
import {
  type Arrival,
  type FactsOf,
  factsOfStored,
  planOf,
  storedFields,
  withRhythm,
} from './fill-plan.js';
import type { Relay } from './relay.js';
import { lessonOf } from './sharing.js';

/** After an origin failed and stale was served: not again before. */
const ERROR_PAUSE_MS = 1_000;

export interface RevalidationHooks {
  readonly factsOf: FactsOf;
  /** A waiter must be decided anew: what came is not for him. */
  readonly redecide: (waiter: Waiter) => void;
}

export class Revalidation {
  readonly #context: ShardContext;
  readonly #answers: Answers;
  readonly #relay: Relay;
  readonly #hooks: RevalidationHooks;

  constructor(context: ShardContext, answers: Answers, relay: Relay, hooks: RevalidationHooks) {
    this.#context = context;
    this.#answers = answers;
    this.#relay = relay;
    this.#hooks = hooks;
  }

  /**
   * False: the whole answer is wanted instead. Its validators are not ours (RFC 9111 section 4.3.4),
   * or what we asked about was evicted or purged meanwhile and its slot may be another object's.
   */
  isAbout(fill: Fill, headers: FieldLines): boolean {
    const { index } = this.#context.holdings;
    const { stored } = fill;
    if (stored === undefined || fill.outdated || !index.isHeld(stored)) return false;
    return matches304(stored.originFields, headers);
  }

  /** 304: what is stored lives on with the fields of the answer (RFC 9111 section 4.3.4). */
  renew(fill: Fill, arrival: Arrival): void {
    const { stored } = fill;
    if (stored === undefined) return;
    const { metrics } = this.#context;
    metrics.add('revalidated');
    const fields = withDate(
      updateStored(stored.originFields, arrival.response.headers),
      arrival.responseWallMs,
    );
    const status = stored.descriptor.status;
    const facts = withRhythm(
      { fill, arrival },
      factsOfStored(this.#context, stored, this.#hooks.factsOf),
    );
    const plan = planOf(this.#context, { fill, arrival }, facts, fields);
    const served: Served = { hit: false, fwd: 'stale', fwdStatus: 304 };
    if (!plan.store) {
      // It says "unchanged" to its leader, and that it is not for others from now on.
      const lesson = lessonOf({
        status: 200,
        credentialed: fill.leader.request.credentialed,
        large: false,
      });
      this.#relay.partOthers(fill, lesson, plan.reason);
      this.#answers.objectToAll(fill, stored.descriptor, served);
      if (lesson.outdates) this.#context.holdings.discard(stored);
      return;
    }
    const secondary = secondaryKey(plan.vary, fill.leader.request.headers);
    const mismatched = takeMismatched(fill, plan, secondary);
    if (plan.vary.join() === stored.descriptor.vary.join()) {
      stored.rhythm = facts.rhythm?.of;
      stored.originFields = storedFields(fields, plan);
      stored.retryAtMs = 0;
      this.#context.holdings.renew(stored, describe(status, fields, plan, stored.descriptor));
      this.#answers.objectToAll(fill, stored.descriptor, { stored: true, ...served });
    } else {
      // It was stored under a rule that no longer holds, so nobody else may be given it.
      this.#answers.objectToAll(fill, stored.descriptor, served);
      this.#context.holdings.discard(stored);
    }
    for (const waiter of mismatched) this.#hooks.redecide(waiter);
  }

  /** True: stale answers went out to all who waited. */
  serveStale(fill: Fill, detail: string): boolean {
    const { stored } = fill;
    const { clock, holdings } = this.#context;
    const { index } = holdings;
    if (stored === undefined || fill.outdated || !index.isHeld(stored)) return false;
    const nowMs = clock.now();
    const usable = (waiter: Waiter): boolean =>
      mayServeOnError(stored.descriptor.freshness, waiter.directives, nowMs);
    const waiters = [...fill.waiters.values()];
    if (!waiters.every(usable) || !usable(fill.leader)) return false;
    stored.retryAtMs = nowMs + ERROR_PAUSE_MS;
    this.#answers.objectToAll(fill, stored.descriptor, { hit: true, detail });
    return true;
  }
}
