/**
 * How often one request may still be sent to origins after the first time. Whoever sends it again,
 * for whatever reason, takes one: a retry, the next origin, a hedge, the rest of a body, a replay on a
 * new connection. So what a client can cause is one number and not the product of five.
 */
export class Tries {
  #left: number;

  constructor(further: number) {
    this.#left = further;
  }

  get areSpent(): boolean {
    return this.#left <= 0;
  }

  /** False: this request has been sent often enough. */
  take(): boolean {
    if (this.#left <= 0) return false;
    this.#left -= 1;
    return true;
  }
}
