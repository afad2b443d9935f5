/**
 * The worker's uWS app: routes, the guard around every callback, connection counting, orderly stop.
 * No exception may reach uWS from here (it would abort the process), and the app must be closed
 * before its thread ends.
 */
import { setTimeout as pause } from 'node:timers/promises';
import {
  EARLIER,
  newAnswerWriter,
  newHeadReader,
  refuseConnections,
} from '../../../native/addon.js';
import {
  type HttpRequest,
  type HttpResponse,
  type us_listen_socket,
  type Uws,
  type UwsApp,
  uwsBinaryIsKnown,
} from '../../../native/uws.js';
import { GatewayError } from '../../errors.js';
import { CLIENT_DATA } from '../../http/target.js';
import { hitLead } from '../../rules/cache-status.js';
import { ASKING_FIELDS, readRequest } from './request/client-request.js';
import { countAnswer, logAnswer } from './accounting.js';
import { answerTo } from './answer-to.js';
import type { EdgeContext } from './context.js';
import { HitPath, type UwsMemory } from './hit-path.js';
import { LastAnswers } from './last-answers.js';
import { refuse } from './answer/refusal.js';
import { Responder } from './answer/responder.js';
import type { Connections } from './connections.js';
import { setTimeouts } from './timeouts.js';

const DRAIN_POLL_MS = 20;
/** Whoever began to connect before a stop has this long to finish; a round trip over the world. */
const ACCEPT_GRACE_MS = 250;

export interface EdgeServerOptions {
  readonly context: EdgeContext;
  readonly uws: Uws;
  readonly connections: Connections;
}

export class EdgeServer {
  readonly #context: EdgeContext;
  readonly #uws: Uws;
  readonly #app: UwsApp;
  readonly #hits: HitPath | undefined;
  readonly #connections: Connections;
  readonly #uwsMemory: UwsMemory | undefined;
  readonly #lastAnswers: LastAnswers;
  #listening: us_listen_socket | undefined;
  #port = 0;
  #open = 0; // responses under way, the hit path's excepted
  #state: 'open' | 'draining' | 'closed' = 'open';

  constructor({ context, uws, connections }: EdgeServerOptions) {
    const { tls } = context.config;
    this.#context = context;
    this.#uws = uws;
    this.#connections = connections;
    const isPlain = tls.cert === '';
    this.#uwsMemory = uwsMemory(context, !isPlain);
    this.#lastAnswers = new LastAnswers(this.#uwsMemory?.answers);
    this.#hits = this.#uwsMemory && new HitPath(context, this.#uwsMemory, this.#adopt);
    this.#app = isPlain
      ? uws.App()
      : uws.SSLApp({ cert_file_name: tls.cert, key_file_name: tls.key });
    setTimeouts(this.#app, context.config.limits);
    this.#route();
  }

  /**
   * The port listened on, shared with the other workers (SO_REUSEPORT): that nobody else has it must
   * have been made sure before. @throws GatewayError GW_PORT_IN_USE, GW_SHUTTING_DOWN
   */
  async listen(host: string, port: number): Promise<number> {
    // A socket opened behind `close` would be nobody's, and abort the process with its thread.
    if (this.#state !== 'open') throw new GatewayError('GW_SHUTTING_DOWN', 'told to stop already');
    const socket = await new Promise<us_listen_socket | false>((resolve) => {
      this.#app.listen(host, port, resolve);
    });
    if (socket === false) throw new GatewayError('GW_PORT_IN_USE', `${host}:${port} is in use`);
    this.#listening = socket;
    this.#port = this.#uws.us_socket_local_port(socket);
    return this.#port;
  }

  /**
   * Refuses new connections, answers what is in flight and what still comes on the others, each of
   * which ends behind its next answer, then closes what is left: when nothing is in flight any more and
   * the rest had `shutdown.idle` for another request, or at the deadline.
   */
  async stop(deadlineMs: number): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'draining';
    const { clock, config } = this.#context;
    const beganMs = clock.now();
    await this.#stopListening(Math.min(ACCEPT_GRACE_MS, deadlineMs));
    for (;;) {
      const sinceMs = clock.now() - beganMs;
      const left = sinceMs < config.shutdown.idle ? this.#connections.open : 0;
      if (sinceMs >= deadlineMs || (this.#open === 0 && left === 0)) break;
      await pause(DRAIN_POLL_MS);
    }
    this.close();
  }

  /** Closing a listening socket resets whoever is in its queue, so that has to become empty first. */
  async #stopListening(graceMs: number): Promise<void> {
    if (this.#listening === undefined) return;
    refuseConnections(this.#port);
    await pause(graceMs);
    if (this.#state === 'closed') return;
    this.#uws.us_listen_socket_close(this.#listening);
    this.#listening = undefined;
  }

  /** At once and for good; safe to call from anywhere, also twice. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#listening = undefined;
    this.#app.close();
  }

  #route(): void {
    const { guard } = this.#context;
    this.#app.filter((connection, count) => {
      guard(() => {
        if (count < 0) this.#lastAnswers.remove(connection);
        this.#connections.change(connection, count);
      });
    });
    this.#app.get('/*', (response, request) => {
      try {
        const earlier = this.#earlier(response);
        if (this.#isOver(response, earlier)) return;
        // What is left while it drains goes the long way, where `Connection: close` is known.
        if (this.#state === 'open' && this.#hits?.serve(response, request, earlier) === true)
          return;
      } catch (reason) {
        this.#fault(response, reason);
        return;
      }
      this.#handle(response, request);
    });
    this.#app.any('/*', (response, request) => {
      guard(() => {
        if (!this.#isOver(response, this.#earlier(response))) this.#handle(response, request);
      });
    });
  }

  /** One of EARLIER. */
  #earlier(response: HttpResponse): number {
    return this.#uwsMemory?.answers.begin(response) ?? EARLIER.unknown;
  }

  /**
   * Ends a connection that has its last answer, or whose client asks on without reading: what it is
   * owed would grow without end, and uWS writes an answer wrong or aborts when the kernel takes only
   * part of earlier ones that it holds back. Behind this turn: what was written in it is not with the
   * kernel before. With an answer owed, uWS drops the connection at the next request.
   */
  #isOver(response: HttpResponse, earlier: number): boolean {
    const clear = earlier !== EARLIER.some;
    if (clear && !this.#lastAnswers.has(response)) return false;
    if (!clear) this.#context.metrics.add('cutPipelined');
    let open = true;
    response.onAborted(() => {
      open = false;
    });
    setImmediate(() => {
      this.#context.guard(() => {
        if (open) response.close();
      });
    });
    return true;
  }

  /** A hit, its head and part of its body written: from now on it is in flight like any other. */
  readonly #adopt = (response: HttpResponse): Responder => {
    const responder = this.#opened(response);
    responder.status = 200;
    return responder;
  };

  /** With `#later`, the one place where a request can fail by our own fault. */
  #handle(response: HttpResponse, request: HttpRequest): void {
    let responder: Responder | undefined;
    try {
      responder = this.#begin(response);
      responder.forHead = request.getCaseSensitiveMethod() === 'HEAD';
      this.#dispatch(response, request, responder);
    } catch (reason) {
      this.#context.guard(() => {
        if (responder === undefined) closeUnlessWhole(response);
        this.#failed(reason, responder);
      });
    }
  }

  /**
   * Answers in a later turn. uWS parses on in what it has read; while an answer is owed it drops the
   * connection instead of serving more.
   */
  #later(responder: Responder, answer: () => void): void {
    setImmediate(() => {
      try {
        if (!responder.gone) answer();
      } catch (reason) {
        this.#context.guard(() => {
          this.#failed(reason, responder);
        });
      }
    });
  }

  #failed(reason: unknown, responder: Responder | undefined): void {
    this.#context.metrics.add('handlerFaults');
    this.#context.log.error({ err: reason }, 'request handler failed');
    if (responder === undefined) return;
    if (responder.headSent) responder.close();
    else refuse(this.#context, responder, { code: 'GW_INTERNAL' });
  }

  #fault(response: HttpResponse, reason: unknown): void {
    const cut = closeUnlessWhole(response);
    this.#context.metrics.add('handlerFaults');
    this.#context.log.error({ err: reason, cut }, 'hit path failed');
  }

  readonly #isDraining = (): boolean => this.#state !== 'open';

  /** What a stop waits for until it is gone. */
  #opened(response: HttpResponse): Responder {
    const { clock, guard } = this.#context;
    const responder = new Responder(response, {
      nowMs: clock.now(),
      guard,
      isLast: this.#isDraining,
      answers: this.#uwsMemory?.answers,
    });
    this.#open += 1;
    responder.whenGone(() => {
      this.#open -= 1;
    });
    return responder;
  }

  #begin(response: HttpResponse): Responder {
    const responder = this.#opened(response);
    countAnswer(this.#context, responder);
    return responder;
  }

  #dispatch(response: HttpResponse, request: HttpRequest, responder: Responder): void {
    const client = readRequest(request, this.#context.rules, this.#uwsMemory?.heads);
    let answer: () => void;
    if ('error' in client) {
      responder.ending = client.ending ?? 'ours'; // what it may hide is not served
      answer = () => {
        refuse(this.#context, responder, { code: client.error });
      };
    } else {
      logAnswer(this.#context, client, responder);
      responder.ending = client.ending;
      answer =
        this.#state === 'closed'
          ? () => {
              refuse(this.#context, responder, { code: 'GW_SHUTTING_DOWN' });
            }
          : answerTo(this.#context, { response, client, responder });
    }
    if (responder.ending !== 'none') this.#lastAnswers.add(response);
    // Without the addon nobody knows what is held back on the connection, or that it is to end: uWS must
    // see an answer owed.
    if (this.#uwsMemory !== undefined) answer();
    else this.#later(responder, answer);
  }
}

/** Undefined without the addon, or where the binary of uWS is another one. */
function uwsMemory(context: EdgeContext, tls: boolean): UwsMemory | undefined {
  if (!uwsBinaryIsKnown()) return undefined;
  const heads = newHeadReader(ASKING_FIELDS, CLIENT_DATA);
  const { banks } = context.arena.pool;
  const answers = newAnswerWriter(hitLead(context.config.cache.name), banks, tls);
  return heads && answers && { heads, answers };
}

/** False: what failed did so behind the answer, which is whole. uWS throws then. */
function closeUnlessWhole(response: HttpResponse): boolean {
  try {
    response.close();
    return true;
  } catch {
    return false;
  }
}
