/**
 * Answers that are not kept. Their bytes pass to the leader with a credit, in messages, since nobody
 * else may have them; those who waited beside him are sent their own way.
 */
import { GatewayError } from '../../errors.js';
import { fieldValue } from '../../http/fields.js';
import { parseContentRange } from '../../http/range.js';
import type { OriginResponse } from '../../origin/origin.js';
import { discardBody } from '../../origin/resilience/resilient.js';
import type { Answers } from './answers.js';
import type { ShardContext } from './context.js';
import { askerOf, type Fill, presentLeader, type Waiter } from './fill.js';
import { aftermathOf, lessonOf, type Lesson } from './sharing.js';
import { type BorrowedBytes, ownedCopy } from '../../runtime/bytes.js';

const RELAY_WINDOW_BYTES = 1_048_576;

export interface RelayHooks {
  /** A waiter waits for this fill no longer. */
  readonly release: (waiter: Waiter) => void;
  /** A waiter must be decided anew. */
  readonly redecide: (waiter: Waiter) => void;
}

export class Relay {
  readonly #context: ShardContext;
  readonly #answers: Answers;
  readonly #hooks: RelayHooks;

  constructor(context: ShardContext, answers: Answers, hooks: RelayHooks) {
    this.#context = context;
    this.#answers = answers;
    this.#hooks = hooks;
  }

  /** Resolves when the leader has it all. `detail` says why it is not kept. */
  async run(fill: Fill, response: OriginResponse, detail: string): Promise<void> {
    const { holdings, metrics, memory, clock } = this.#context;
    const { status, headers } = response;
    const { credentialed } = fill.leader.request;
    const large = detail === 'no-room' || detail === 'too-large';
    const lesson = lessonOf({ status, credentialed, large });
    this.#learn(fill, response, lesson);
    if (detail === 'too-large') memory.noteLarge(fill.entry.key, clock.now());
    const { stored } = fill;
    if (lesson.outdates && stored !== undefined) holdings.discard(stored);
    this.partOthers(fill, lesson, `the origin answered ${status}`);
    const leader = presentLeader(fill);
    if (leader === undefined) {
      discardBody(response.body);
      return;
    }
    fill.phase = 'relaying';
    fill.credit = RELAY_WINDOW_BYTES;
    const fwd = stored === undefined ? 'uri-miss' : 'stale';
    this.#answers.head(
      leader,
      { status, fields: headers },
      {
        served: { hit: false, fwd, fwdStatus: status, detail },
        others: aftermathOf(lesson, { elections: leader.elections, credentialed }),
      },
    );
    for await (const chunk of response.body) {
      metrics.add('originBytes', chunk.length);
      await this.#chunk(fill, leader, chunk);
    }
    this.#answers.relayEnded(leader, undefined);
  }

  /** Everybody but the leader goes his own way: alone, or on to another leader, but not for ever. */
  partOthers(fill: Fill, lesson: Pick<Lesson, 'credentialed' | 'anonymous'>, detail: string): void {
    fill.among.unlist(fill); // or who is sent on would find it again
    const leader = presentLeader(fill);
    const others = [...fill.waiters.values()].filter((waiter) => waiter !== leader);
    fill.waiters.clear();
    if (leader !== undefined) fill.waiters.set(askerOf(leader), leader);
    for (const waiter of others) {
      this.#hooks.release(waiter);
      const { elections, request } = waiter;
      switch (aftermathOf(lesson, { elections, credentialed: request.credentialed })) {
        case 'bypass':
          this.#answers.bypass(waiter);
          break;
        case 'refused':
          this.#answers.refuse([waiter], { code: 'GW_ORIGIN_STATUS', detail });
          break;
        case 'elect':
        case 'elect-or-refuse':
          waiter.elections += 1;
          waiter.collapsed = false;
          this.#hooks.redecide(waiter);
      }
    }
  }

  #learn({ entry, leader }: Fill, response: OriginResponse, lesson: Lesson): void {
    const { memory, clock } = this.#context;
    const nowMs = clock.now();
    if (lesson.remember !== 'nobody') memory.noteUnshared(entry.key, lesson.remember, nowMs);
    if (response.status !== 416 || !leader.request.beyond) return;
    const end = parseContentRange(fieldValue(response.headers, 'content-range') ?? '');
    if (end !== undefined && 'unsatisfied' in end) memory.noteEnd(entry.key, end.total, nowMs);
  }

  async #chunk(fill: Fill, to: Waiter, chunk: BorrowedBytes): Promise<void> {
    while (fill.credit <= 0) {
      await new Promise<void>((resolve) => {
        fill.wake = resolve;
      });
      if (fill.abort.signal.aborted) throw new GatewayError('GW_FILL_CANCELLED', 'client left');
    }
    fill.credit -= chunk.length;
    // The origin fills its own buffer again at the next pull.
    if (this.#answers.chunk(to, ownedCopy(chunk))) return;
    throw new GatewayError('GW_WORKER_LOST', 'a chunk could not be delivered');
  }
}
