/**
 * Which connections send a request so slowly that it never ends (slow-loris). uWebSockets.js starts
 * its time-out anew with every byte, so this looks at what the kernel counted instead. Pure: the
 * caller looks every second or so, on one thread, and cuts what is returned.
 */
import type { UnansweredConnection } from './addon.js';

export interface SlowRequestLimits {
  readonly headersTimeoutMs: number; // how long a request's head may take
  readonly headerBytes: number; // no head is longer, so more than this is a body
}

interface Watched {
  readonly bytesSent: number;
  readonly bytesReceived: number; // when it was first seen
  readonly sinceMs: number;
}

export class SlowRequests {
  readonly #limits: SlowRequestLimits;
  #watched = new Map<number, Watched>(); // by inode, of what the last look listed

  constructor(limits: SlowRequestLimits) {
    this.#limits = limits;
  }

  /**
   * The connections to cut: for the whole time-out they went on sending, a head's worth of bytes at
   * most, and got no answer. A request that is complete and waits sends nothing more, an upload
   * sends more; only one slower than `headerBytes` in the time-out is taken for a head.
   * @param listed all that `unansweredConnections()` lists now
   */
  judge(listed: readonly UnansweredConnection[], nowMs: number): readonly UnansweredConnection[] {
    const before = this.#watched;
    this.#watched = new Map();
    return listed.filter((connection) => {
      const watched = this.#sameRequest(before.get(connection.inode), connection, nowMs);
      this.#watched.set(connection.inode, watched);
      const grown = connection.bytesReceived - watched.bytesReceived;
      return (
        nowMs - watched.sinceMs >= this.#limits.headersTimeoutMs &&
        connection.lastReceivedMs < this.#limits.headersTimeoutMs &&
        grown > 0 &&
        grown <= this.#limits.headerBytes
      );
    });
  }

  #sameRequest(
    watched: Watched | undefined,
    { bytesSent, bytesReceived }: UnansweredConnection,
    nowMs: number,
  ): Watched {
    if (watched?.bytesSent === bytesSent) return watched;
    return { bytesSent, bytesReceived, sinceMs: nowMs };
  }
}
