/** Passes a body on that is not cached, chunk by chunk, at its client's pace. */
import type { BorrowedBytes } from '../../../runtime/bytes.js';
import type { Responder } from './responder.js';
import type { Stalled, StallWheel } from '../../reach/stall-wheel.js';

/** uWS copies what `write` cannot hand over at once: keep pieces small. */
const PIECE_BYTES = 65_536;

export class RelayWriter implements Stalled {
  readonly #responder: Responder;
  readonly #wheel: StallWheel;
  readonly #total: number;
  readonly #writeHead: () => void;
  #chunk: BorrowedBytes | undefined; // what is being written
  #chunkAt = 0; // offset of the chunk in the body
  #sent = 0;
  #begun = false;
  #taken: (() => void) | undefined;

  /** `total`: the Content-Length; -1 when unknown. `writeHead` runs with the first bytes. */
  constructor(o: {
    responder: Responder;
    wheel: StallWheel;
    total: number;
    writeHead: () => void;
  }) {
    this.#responder = o.responder;
    this.#wheel = o.wheel;
    this.#total = o.total;
    this.#writeHead = o.writeHead;
    o.responder.whenGone(() => {
      o.wheel.remove(this);
      this.#release();
    });
  }

  get sent(): number {
    return this.#sent;
  }

  /** Resolves when the client's side has taken the chunk, or is gone. The chunk is borrowed until then. */
  async write(chunk: BorrowedBytes): Promise<void> {
    if (this.#responder.gone || chunk.length === 0) return;
    await new Promise<void>((resolve) => {
      this.#taken = resolve;
      this.#chunk = chunk;
      this.#chunkAt = this.#sent;
      if (this.#total >= 0) {
        this.#responder.cork(() => {
          this.#begin();
          this.#push();
        });
        return;
      }
      this.#responder.cork(() => {
        this.#begin();
      });
      this.#responder.uncorked(() => {
        this.#push();
      });
    });
  }

  /** The body is complete. A body shorter than announced ends the connection instead. */
  end(): void {
    this.#responder.cork(() => {
      this.#begin();
      if (this.#total < 0) this.#responder.end('');
      else if (this.#total === 0) this.#responder.endWithoutBody(0);
    });
    if (!this.#responder.gone) this.#responder.close();
  }

  get #retries(): boolean {
    return this.#total >= 0;
  }

  retry(): void {
    // Of an unknown length each `write` is copied whole: trying again would only buffer more.
    if (!this.#retries) return;
    this.#responder.cork(() => {
      this.#resume();
    });
  }

  cut(): void {
    this.#responder.close();
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#writeHead();
    this.#responder.onWritable(() => this.#resume(), this.#total < 0);
  }

  #resume(): boolean {
    this.#wheel.remove(this);
    if (this.#total >= 0) this.#sent = this.#responder.offset();
    return this.#push();
  }

  /** False: the kernel is full. */
  #push(): boolean {
    for (;;) {
      const rest = this.#chunk?.subarray(this.#sent - this.#chunkAt);
      if (rest === undefined || rest.length === 0) {
        this.#release();
        return true;
      }
      if (!this.#pushPiece(rest)) {
        if (!this.#responder.gone) this.#wheel.add(this);
        return false;
      }
    }
  }

  #pushPiece(rest: BorrowedBytes): boolean {
    if (this.#total >= 0) {
      const { ok, complete } = this.#responder.tryEnd(rest, this.#total);
      if (complete) {
        this.#sent = this.#total;
        this.#chunk = undefined;
        return true;
      }
      this.#sent = ok ? this.#sent + rest.length : this.#responder.offset();
      return ok;
    }
    const piece = rest.subarray(0, PIECE_BYTES);
    this.#sent += piece.length;
    return this.#responder.write(piece);
  }

  #release(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    this.#chunk = undefined;
    taken?.();
  }
}
