/**
 * Connections that end behind the answer they are given. uWS parses on in what it has read, and serves
 * what it finds there as a request, also behind `Connection: close` (RFC 9112 section 9.6: the server
 * must not), and after a body whose end it did not look at closely. Known by where uWS keeps them, so
 * without the addon none is.
 */
import type { AnswerWriter } from '../../../native/addon.js';
import type { HttpResponse } from '../../../native/uws.js';

export class LastAnswers {
  readonly #answers: AnswerWriter | undefined;
  readonly #connections = new Set<number>();

  constructor(answers: AnswerWriter | undefined) {
    this.#answers = answers;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Nothing that comes on this connection from now on is served. */
  add(response: HttpResponse): void {
    const connection = this.#answers?.connection(response) ?? 0;
    if (connection !== 0) this.#connections.add(connection);
  }

  has(response: HttpResponse): boolean {
    if (this.#connections.size === 0) return false;
    return this.#connections.has(this.#answers?.connection(response) ?? 0);
  }

  /** It is closed: another one may come to lie in its place. */
  remove(connection: HttpResponse): void {
    if (this.#connections.size === 0) return;
    this.#connections.delete(this.#answers?.connection(connection) ?? 0);
  }
}
