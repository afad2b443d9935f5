/**
 * A body that is written as its fill brings it. When the worker of the fill is lost in the middle, the body goes on
 * from what its successor brings, if that is the same to the byte.
 */
import { type Descriptor, isIdentified, isSameBytes } from '../../../protocol/descriptor.js';
import type { Served } from '../../../protocol/messages.js';
import type { ErrorCode } from '../../../errors.js';
import { ArenaBody } from '../../reach/body-source.js';
import type { FillFeed, Follower } from '../../reach/fill-feed.js';
import type { EdgeContext } from '../context.js';
import type { BodyWriter } from './body-writer.js';
import type { Responder } from './responder.js';
import type { ResponsePlan } from './response-plan.js';
import type { StoredAnswer } from './stored-answer.js';

export interface FollowedAnswerOptions {
  readonly context: EdgeContext;
  readonly responder: Responder;
  readonly stored: StoredAnswer;
  /** The worker is lost: the rest is to be asked for. */
  readonly onInterrupted: () => void;
  readonly onFailed: (code: ErrorCode) => void;
}

interface Interrupted {
  readonly writer: BodyWriter;
  readonly descriptor: Descriptor;
  /** Gives back the bytes that had come; once. */
  readonly release: () => void;
}

export class FollowedAnswer {
  readonly #options: FollowedAnswerOptions;
  #interrupted: Interrupted | undefined;

  constructor(options: FollowedAnswerOptions) {
    this.#options = options;
  }

  get isInterrupted(): boolean {
    return this.#interrupted !== undefined;
  }

  begin(
    feed: FillFeed,
    { plan, served, quantum }: { plan: ResponsePlan; served: Served; quantum: number },
  ): void {
    const { stored } = this.#options;
    const { descriptor, source } = feed;
    const writer = stored.writerFor(plan, source, () => {
      stored.writeHead(descriptor, served, plan);
    });
    this.#follow(feed, writer);
    if (source.written > 0) writer.pump(quantum);
  }

  /** With `feed`: it is being filled again. Otherwise it is all there. */
  goOn(descriptor: Descriptor, feed?: FillFeed): void {
    const { context, responder } = this.#options;
    const { arena, turns } = context;
    const interrupted = this.#interrupted;
    if (interrupted === undefined || !isSameBytes(interrupted.descriptor, descriptor)) {
      responder.close();
      return;
    }
    const { writer } = interrupted;
    this.#interrupted = undefined;
    interrupted.release();
    if (feed !== undefined) {
      this.#follow(feed, writer);
      writer.continueFrom(feed.source, turns.quantum);
      return;
    }
    const { slot, extents, storedBytes } = descriptor;
    arena.pin(slot);
    responder.whenGone(() => {
      arena.release(slot);
    });
    const source = new ArenaBody({ arena, slot, extents, written: storedBytes, ended: true });
    writer.continueFrom(source, turns.quantum);
  }

  #follow(feed: FillFeed, writer: BodyWriter): void {
    const { responder, onInterrupted, onFailed } = this.#options;
    const { descriptor } = feed;
    const follower: Follower = {
      get sent() {
        return writer.sent;
      },
      cut: () => {
        writer.cut();
      },
      get over() {
        return writer.over;
      },
      get begun() {
        return writer.begun;
      },
      pump: (quantum) => {
        writer.pump(quantum);
      },
      failed: (code) => {
        if (code === 'GW_WORKER_LOST' && writer.begun && isIdentified(descriptor)) {
          this.#interrupt(writer, descriptor);
          feed.leave(follower);
          onInterrupted();
          return;
        }
        feed.leave(follower);
        writer.abandon();
        onFailed(code);
      },
    };
    feed.follow(follower);
    responder.whenGone(() => {
      feed.leave(follower);
    });
  }

  /**
   * The feed's lease goes with it, and the successor takes up what nobody holds. But the client may take more
   * of what has come before there is something to go on with.
   */
  #interrupt(writer: BodyWriter, descriptor: Descriptor): void {
    const { context, responder } = this.#options;
    const { arena } = context;
    arena.pin(descriptor.slot);
    let isHeld = true;
    const release = (): void => {
      if (isHeld) arena.release(descriptor.slot);
      isHeld = false;
    };
    this.#interrupted = { writer, descriptor, release };
    responder.whenGone(release);
  }
}
