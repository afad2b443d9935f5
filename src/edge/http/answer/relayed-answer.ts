/**
 * One answer that is not kept, on its way to the one client it is for: its head planned like that of a
 * stored one, its body sliced where a range of it is wanted, at the client's pace.
 */
import type { Head, Served } from '../../../protocol/messages.js';
import { contentLength } from '../../../http/fields.js';
import { isBodyless } from '../../../origin/origin.js';
import type { ClientRequest } from '../request/client-request.js';
import type { EdgeContext } from '../context.js';
import { passedDate, passedHead } from './passed-head.js';
import { planRelay, type RelayPlan, sliceFields, Slicer } from './relay-plan.js';
import { RelayWriter } from './relay-writer.js';
import type { Responder } from './responder.js';
import type { BorrowedBytes } from '../../../runtime/bytes.js';

/** What `begin` came to. */
export type Begun =
  | 'body' // `write` its chunks, then `end`
  | 'over' // all is said: the body is not wanted
  | 'whole-wanted' // nothing was written: ask again, without Range
  | 'range-wanted'; // nothing was written: the range lies far behind, ask for it alone

export interface RelayOptions {
  readonly context: EdgeContext;
  readonly request: ClientRequest;
  readonly responder: Responder;
  /** Bytes of a body to read in vain for a range of it; Infinity: the origin knows no ranges. */
  readonly skipsUpTo: number;
}

export class RelayedAnswer {
  readonly #options: RelayOptions;
  #writer: RelayWriter | undefined;
  #slicer: Slicer | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  begin(head: Head, served: Served): Begun {
    const { context, request, skipsUpTo } = this.#options;
    const plan = planRelay(request, head, {
      nowMs: context.clock.now(),
      maxRanges: context.config.limits.ranges,
    });
    switch (plan.kind) {
      case 'whole-wanted':
        return plan.kind;
      case 'bare':
        this.#endBare(plan, head, served);
        return 'over';
      case 'slice':
        if (plan.range[0] > skipsUpTo) return 'range-wanted';
        this.#slicer = new Slicer(plan.range);
        return this.#start(
          { status: 206, fields: sliceFields(head.fields, plan.range, plan.total) },
          { served, total: plan.range[1] - plan.range[0] + 1 },
        );
      case 'as-is':
        return this.#start(head, { served, total: contentLength(head.fields) });
    }
  }

  /** Resolves when the client's side has taken the chunk, or is gone. Borrowed until then. */
  async write(chunk: BorrowedBytes): Promise<void> {
    await this.#writer?.write(this.#slicer?.take(chunk) ?? chunk);
  }

  /** The body is over. One that is shorter than announced ends the connection instead. */
  end(): void {
    this.#writer?.end();
  }

  #start(head: Head, { served, total }: { served: Served; total: number }): 'body' | 'over' {
    const { context, request, responder } = this.#options;
    const writeHead = (): void => {
      const lines = passedHead(context, request, { served, head });
      responder.head(head.status, lines, passedDate(head));
    };
    if (!isBodyless(request.method, head.status)) {
      this.#writer = new RelayWriter({ responder, wheel: context.wheel, total, writeHead });
      return 'body';
    }
    responder.cork(() => {
      writeHead();
      responder.endWithoutBody(request.method === 'HEAD' && total >= 0 ? total : undefined);
    });
    return 'over';
  }

  #endBare(plan: Extract<RelayPlan, { kind: 'bare' }>, head: Head, served: Served): void {
    const { context, request, responder } = this.#options;
    const fields = plan.fields;
    responder.cork(() => {
      const about = { served, head: { status: head.status, fields }, of: head };
      responder.head(plan.status, passedHead(context, request, about), passedDate(head));
      responder.endWithoutBody(plan.status === 304 ? undefined : 0);
    });
  }
}
