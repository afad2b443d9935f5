/** What one request asks its shard, time after time: counted, and changed by what came of the last. */
import type { AskRequest } from '../../protocol/messages.js';
import { NO_DIRECTIVES } from '../../rules/reuse.js';
import type { ClientRequest } from './request/client-request.js';

/** A leader's answer may be his alone, a part not the one that is wanted, a worker be lost. */
const MAX_ASKS = 3;

type Asked = Pick<
  ClientRequest,
  'key' | 'upstreamTarget' | 'fields' | 'range' | 'lane' | 'credentialed' | 'directives'
>;

export class Attempts {
  /** It joined an ask whose answer turned out to be for other selecting fields: it joins no more. */
  mismatched = false;
  /** The stored part would not do: ask without the range. */
  wantsWhole = false;
  /** Its range may reach what has been written since. */
  beyond = false;
  /** Leaders it has waited for in vain. */
  elections = 0;
  readonly #request: Asked;
  #count = 0;

  constructor(request: Asked) {
    this.#request = request;
  }

  get isFirst(): boolean {
    return this.#count === 1;
  }

  /** Whether an equal ask that is under way will do. */
  get joins(): boolean {
    return this.#request.directives === NO_DIRECTIVES && !this.mismatched;
  }

  /** Counts one more. Undefined: it has asked too often. */
  next(): AskRequest | undefined {
    this.#count += 1;
    return this.#count > MAX_ASKS ? undefined : this.#ask();
  }

  /** For a refresh of what is stored: not counted, as nobody waits for it. */
  refresh(): AskRequest {
    return { ...this.#ask(), range: '', beyond: false, lane: 2 };
  }

  #ask(): AskRequest {
    const { key, upstreamTarget, fields, range, lane, credentialed } = this.#request;
    return {
      key,
      target: upstreamTarget,
      headers: fields,
      range: this.wantsWhole ? '' : range,
      lane,
      background: false,
      credentialed,
      beyond: this.beyond,
      slice: undefined,
      elections: this.elections,
    };
  }
}
