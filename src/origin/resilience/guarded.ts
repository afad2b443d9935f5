/**
 * An origin whose health is watched: each answer, failure and body counts, and while it is down it is
 * not asked. What asks several of them decides by `health` whom to ask first.
 */
import { asGatewayError, ERRORS, GatewayError } from '../../errors.js';
import type { ErrorCode } from '../../errors.js';
import type { Clock } from '../../runtime/clock.js';
import type { OriginStatus } from '../../runtime/worker-messages.js';
import type { Outcome, Permit } from './breaker.js';
import { watchedBody } from './watched-body.js';
import { OriginHealth } from './health.js';
import type { HealthLimits, Lost, Standing } from './health.js';
import type { Origin, OriginRequest, OriginResponse } from '../origin.js';

/** So much of a body, or all of it, shows that bodies come. */
const PROBE_BYTES = 64 * 1024;

export interface StandingChange {
  readonly origin: string;
  readonly from: Standing;
  readonly to: Standing;
}

export interface GuardedOrigin extends Origin {
  readonly health: OriginHealth;
  /** Asks to find out whether it is back; never rejects, and what it brings is for nobody. */
  probe(request: OriginRequest, signal: AbortSignal): Promise<void>;
  /** Its body came too late and was gone on with elsewhere. */
  lost(what: Lost, request: OriginRequest): void;
  status(): OriginStatus;
}

export interface GuardOptions {
  readonly name: string;
  readonly limits: HealthLimits;
  readonly clock: Pick<Clock, 'now'>;
  readonly onChange?: (change: StandingChange) => void;
}

/**
 * @throws GatewayError GW_ORIGIN_BREAKER_OPEN, and what `origin` throws.
 */
export function openGuardedOrigin(origin: Origin, options: GuardOptions): GuardedOrigin {
  return new Guarded(origin, options);
}

class Guarded implements GuardedOrigin {
  readonly health: OriginHealth;
  readonly #origin: Origin;
  readonly #options: GuardOptions;
  #standing: Standing = 'well';

  constructor(origin: Origin, options: GuardOptions) {
    this.#origin = origin;
    this.#options = options;
    this.health = new OriginHealth(options.limits);
  }

  async fetch(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    const permit = this.#admit(request);
    try {
      const response = await this.#ask(request, signal);
      this.#settle(permit, isGatewayFault(response.status) ? 'path-failure' : 'success');
      const body = watchedBody(response.body, {
        ended: () => {
          this.health.delivered();
        },
        failed: (reason) => {
          this.#broke(request, permit, asGatewayError(reason).code);
        },
      });
      return { ...response, body };
    } catch (reason) {
      this.#settle(permit, outcomeOf(asGatewayError(reason).code));
      throw reason;
    }
  }

  async probe(request: OriginRequest, signal: AbortSignal): Promise<void> {
    const permit = this.health.breaker.admit(pathOf(request), this.#options.clock.now());
    if (permit === undefined) return;
    let outcome: Outcome = 'path-failure'; // one that was cut came too late
    try {
      const response = await this.#ask(request, signal);
      await readSome(response.body);
      if (isGatewayFault(response.status)) return;
      this.health.recovered();
      outcome = 'success';
    } catch {
      // It is not back: nobody waits for this answer.
    } finally {
      this.#settle(permit, outcome);
    }
  }

  lost(what: Lost, request: OriginRequest): void {
    this.health.lost(what, pathOf(request), this.#options.clock.now());
    this.#tell();
  }

  close(): Promise<void> {
    return this.#origin.close();
  }

  status(): OriginStatus {
    const { health } = this;
    const { name, clock } = this.#options;
    return {
      name,
      state: health.standing,
      failures: health.breaker.failures(clock.now()),
      firstByteP50Ms: health.quantileMs(0.5),
      firstByteP99Ms: health.quantileMs(0.99),
    };
  }

  #admit(request: OriginRequest): Permit {
    const { clock, name } = this.#options;
    const permit = this.health.breaker.admit(pathOf(request), clock.now());
    if (permit === undefined) throw new GatewayError('GW_ORIGIN_BREAKER_OPEN', name);
    return permit;
  }

  async #ask(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    const { clock } = this.#options;
    const askedMs = clock.now();
    const response = await this.#origin.fetch(request, signal);
    const nowMs = clock.now();
    this.health.answered(nowMs - askedMs, nowMs);
    return response;
  }

  #settle(permit: Permit, outcome: Outcome): void {
    permit.settle(outcome, this.#options.clock.now());
    this.#tell();
  }

  #broke(request: OriginRequest, permit: Permit, code: ErrorCode): void {
    if (ERRORS[code].source !== 'upstream') return;
    permit.broke(this.#options.clock.now());
    this.lost('body', request);
  }

  /** Whoever asked for it hears of each change once. */
  #tell(): void {
    const { name, onChange } = this.#options;
    const from = this.#standing;
    const to = this.health.standing;
    if (from === to) return;
    this.#standing = to;
    onChange?.({ origin: name, from, to });
  }
}

/** What a server says of the one behind it, or of itself when it can do no more. */
function isGatewayFault(status: number): boolean {
  return status >= 502 && status <= 504;
}

function outcomeOf(code: ErrorCode): Outcome {
  if (code === 'GW_ORIGIN_CONNECT') return 'failure';
  return ERRORS[code].source === 'upstream' ? 'path-failure' : 'void';
}

async function readSome(body: OriginResponse['body']): Promise<void> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes >= PROBE_BYTES) return;
  }
}

function pathOf({ target }: OriginRequest): string {
  const at = target.indexOf('?');
  return at === -1 ? target : target.slice(0, at);
}
