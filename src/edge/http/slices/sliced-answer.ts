/** Answers one request from a large object: its head is stored as one, its bytes as slices. */
import type { Served } from '../../../protocol/messages.js';
import type { Descriptor } from '../../../protocol/descriptor.js';
import { sliceKeys, validatorOf } from '../../../protocol/slices.js';
import type { ErrorCode } from '../../../errors.js';
import type { ClientRequest } from '../request/client-request.js';
import type { EdgeContext } from '../context.js';
import type { LocalObject } from '../../reach/local-object.js';
import type { Responder } from '../answer/responder.js';
import type { ResponsePlan } from '../answer/response-plan.js';
import { SlicedBody } from './sliced-body.js';
import type { StoredAnswer } from '../answer/stored-answer.js';

/** An answer of more slices than this is refused to who asks for the cache only: a look-up of each is too much for one turn. */
const MAX_LOOKS = 512;

export interface SlicedAnswerOptions {
  readonly context: EdgeContext;
  readonly request: ClientRequest;
  readonly responder: Responder;
  readonly stored: StoredAnswer;
  /** Nothing was sent, and the object is another one now: ask for it. */
  readonly onOutdated: () => void;
  /** Nothing was sent: what the origin has to say is not about the object. */
  readonly onBypass: () => void;
  /** The bytes will not come. */
  readonly onFailed: (code: ErrorCode) => void;
}

export class SlicedAnswer {
  readonly #options: SlicedAnswerOptions;

  constructor(options: SlicedAnswerOptions) {
    this.#options = options;
  }

  /** False: the head has gone, and nothing was begun. `found`: nobody's lease keeps it. */
  serve(
    object: LocalObject,
    plan: ResponsePlan,
    how: { readonly served: Served; readonly found: boolean },
  ): boolean {
    const { context, request, responder, stored, onFailed } = this.#options;
    const { descriptor: head, arena } = object;
    if (request.directives.onlyIfCached && !this.#isAllStored(head, plan)) {
      onFailed('GW_ONLY_IF_CACHED'); // before there is a head that promises what may not be asked for
      return true;
    }
    if (how.found) {
      if (!arena.acquire(head.slot, head.generation)) return false;
      arena.release(head.slot);
      context.metrics.add('nearHits');
    }
    arena.touch(head.slot);
    const body = this.#bodyOf(head, plan);
    const writer = stored.writerFor(plan, body, () => {
      const served = servedTogether(how.served, body.served);
      stored.count(served, plan.status);
      stored.writeHead(head, served, plan);
    });
    body.writer = writer;
    responder.whenGone(() => {
      body.close();
    });
    writer.pump(context.turns.quantum);
    return true;
  }

  /** Every slice that the answer takes is there, at this moment. */
  #isAllStored(head: Descriptor, { pieces }: ResponsePlan): boolean {
    const { context, request } = this.#options;
    const keyOf = sliceKeys(head.key, validatorOf(head), head.totalBytes);
    let looks = 0;
    return pieces.every((piece) => {
      if ('bytes' in piece) return true;
      const last = Math.floor((piece.from + piece.length - 1) / head.sliceBytes);
      let number = Math.floor(piece.from / head.sliceBytes);
      looks += last - number + 1;
      if (looks > MAX_LOOKS) return false;
      while (number <= last && context.lookup.has(keyOf(number), request.fields)) number += 1;
      return number > last;
    });
  }

  #bodyOf(head: Descriptor, { pieces }: ResponsePlan): SlicedBody {
    const { context, request, responder } = this.#options;
    const body = new SlicedBody({
      context,
      request,
      clientAddress: responder.clientAddress,
      head,
      pieces,
      onFailed: (code) => {
        body.close();
        body.writer?.abandon();
        this.#fail(head, code);
      },
    });
    return body;
  }

  /** What was sent must not look whole; where nothing was sent yet, there is another answer. */
  #fail(head: Descriptor, code: ErrorCode): void {
    const { responder, onBypass, onFailed } = this.#options;
    if (code === 'GW_ORIGIN_CHANGED') void this.#outdate(head);
    else if (code === 'GW_ORIGIN_STATUS' && !responder.headSent) onBypass();
    else onFailed(code);
  }

  /** Nobody gets that version any more; only then is the client told, who may come at once for the new one. */
  async #outdate(head: Descriptor): Promise<void> {
    const { context, request, responder, onOutdated } = this.#options;
    await context.asks.outdate(request.key, validatorOf(head));
    context.guard(() => {
      if (responder.headSent) responder.close();
      else if (!responder.gone) onOutdated();
    });
  }
}

/** A hit is what came from the cache alone: the head, and the first of the bytes. */
function servedTogether(head: Served, slice: Served): Served {
  if (!head.hit || slice.hit) return head;
  return { ...slice, hit: false, fwd: 'partial' };
}
