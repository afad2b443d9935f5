/**
 * Sends a body from the arena, as fast as its client reads and its fill brings it. Costs a lease
 * and this object, never a copy of ours. Phases: running → stalled (the client) or starved (the
 * fill) → running … → over.
 */
import type { BorrowedBytes } from '../../../runtime/bytes.js';
import type { BodySource } from '../../reach/body-source.js';
import type { Responder } from './responder.js';
import type { Turns } from '../../reach/turns.js';
import type { StallWheel, Stalled } from '../../reach/stall-wheel.js';

interface StoredRun {
  readonly from: number; // offset into the stored bytes
  readonly length: number;
}

/** A run of the stored bytes, or bytes of our own between such runs (multipart heads). */
export type Piece = StoredRun | { readonly bytes: Uint8Array };

export interface BodyWriterOptions {
  readonly responder: Responder;
  readonly source: BodySource;
  readonly pieces: readonly Piece[]; // [] with `total` -1: all bytes, as they come
  readonly total: number; // bytes of this response's body; -1 unknown
  readonly turns: Turns;
  readonly wheel: StallWheel;
  /** The head, written in the same packet as the first bytes. */
  readonly writeHead: () => void;
}

/** uWS copies what `write` cannot hand over: keep that small. */
const UNKNOWN_LENGTH_CHUNK = 65_536;

export class BodyWriter implements Stalled {
  readonly responder: Responder;
  source: BodySource;
  readonly #options: BodyWriterOptions;
  #sent = 0; // of this response's body
  #started = false;
  #state: 'running' | 'stalled' | 'starved' | 'over' = 'running';

  constructor(options: BodyWriterOptions) {
    this.#options = options;
    this.responder = options.responder;
    this.source = options.source;
    this.responder.whenGone(() => {
      this.#state = 'over';
      options.wheel.remove(this);
    });
  }

  get over(): boolean {
    return this.#state === 'over';
  }

  get begun(): boolean {
    return this.#started;
  }

  get sent(): number {
    return this.#sent;
  }

  get #retries(): boolean {
    return this.#options.total >= 0;
  }

  /** Its fill has failed and another writer takes its place: writes nothing any more. */
  abandon(): void {
    this.#state = 'over';
    this.#options.wheel.remove(this);
  }

  /** The same bytes from elsewhere: goes on where it is. */
  continueFrom(source: BodySource, quantum: number): void {
    if (this.#state === 'over') return;
    this.source = source;
    this.pump(quantum);
  }

  /** Its beginning has been written already, as far as the kernel took it. */
  goOn(): void {
    this.#begin();
    this.#sent = this.responder.offset();
    this.#stall();
  }

  get waitsForClient(): boolean {
    return this.#state === 'stalled';
  }

  /** Writes up to about `quantum` bytes. Bytes may have come, or it is this writer's turn. */
  pump(quantum: number): void {
    if (this.#state === 'over' || this.#state === 'stalled') return;
    if (!this.#started && !this.#canBegin()) {
      this.#state = 'starved';
      return;
    }
    if (this.#options.total >= 0) {
      this.responder.cork(() => {
        this.#begin();
        this.#write(quantum);
      });
      return;
    }
    this.responder.cork(() => {
      this.#begin();
    });
    this.responder.uncorked(() => {
      this.#write(quantum);
    });
  }

  /** The kernel may take more after all; also keeps uWS's own time-out from cutting this client. */
  retry(): void {
    // Of an unknown length each `write` is copied whole: trying again would only buffer more.
    if (this.#state !== 'stalled' || !this.#retries) return;
    this.responder.cork(() => {
      this.#resume(this.responder.offset());
    });
  }

  cut(): void {
    this.responder.close();
  }

  /**
   * A head goes out with the first bytes of the body or not at all: without them a failure can still be told.
   * Bytes of our own before those are always there, and tell nothing.
   */
  #canBegin(): boolean {
    const { written, ended } = this.source;
    const { total, pieces } = this.#options;
    if (total < 0) return written > 0 || ended;
    const first = pieces.find((piece) => 'from' in piece);
    return first === undefined || this.#of(first, 0, 1) !== undefined;
  }

  #begin(): void {
    if (this.#started) return;
    this.#started = true;
    this.#options.writeHead();
    this.responder.onWritable((offset) => this.#resume(offset), this.#options.total < 0);
  }

  #resume(offset: number): boolean {
    if (this.#state === 'over') return true;
    if (this.#options.total >= 0) this.#sent = offset;
    this.#state = 'running';
    this.#options.wheel.remove(this);
    this.#write(this.#options.turns.quantum);
    return this.#now() !== 'stalled';
  }

  #write(quantum: number): void {
    let left = quantum;
    this.#state = 'running';
    while (this.#now() === 'running') {
      const chunk = this.#next(left);
      if (chunk === undefined) return;
      if (chunk.length === 0) {
        // Its source is at fault: neither try on the spot without end nor wait for what was there.
        this.cut();
        throw new RangeError(`the body has no bytes at ${this.#sent}`);
      }
      if (this.#options.total >= 0) this.#writeKnown(chunk);
      else this.#writeUnknown(chunk);
      left -= chunk.length;
      if (left <= 0 && this.#now() === 'running') {
        this.#options.turns.later(this);
        return;
      }
    }
  }

  #writeKnown(chunk: BorrowedBytes): void {
    const { ok, complete } = this.responder.tryEnd(chunk, this.#options.total);
    if (complete) {
      this.#state = 'over';
      return;
    }
    this.#sent = ok ? this.#sent + chunk.length : this.responder.offset();
    if (!ok) this.#stall();
  }

  #writeUnknown(chunk: BorrowedBytes): void {
    this.#sent += chunk.length;
    if (!this.responder.write(chunk)) this.#stall();
  }

  #stall(): void {
    if (this.#now() === 'over') return;
    this.#state = 'stalled';
    this.#options.wheel.add(this);
  }

  /** The next contiguous bytes; undefined: nothing now, and the state says why. */
  #next(limit: number): BorrowedBytes | undefined {
    const { total } = this.#options;
    const { source } = this;
    if (total < 0) {
      if (this.#sent < source.written) {
        const count = Math.min(limit, UNKNOWN_LENGTH_CHUNK, source.written - this.#sent);
        const chunk = source.view(this.#sent, count);
        if (chunk !== undefined) return chunk;
      }
      if (source.ended && this.#sent >= source.written) this.responder.end('');
      else this.#state = 'starved';
      return undefined;
    }
    const chunk = this.#at(this.#sent, limit);
    if (chunk === undefined) this.#state = 'starved';
    return chunk;
  }

  #at(position: number, limit: number): BorrowedBytes | undefined {
    let skip = position;
    for (const piece of this.#options.pieces) {
      const length = 'bytes' in piece ? piece.bytes.length : piece.length;
      if (skip >= length) {
        skip -= length;
        continue;
      }
      if ('bytes' in piece) return piece.bytes.subarray(skip, Math.min(length, skip + limit));
      return this.#of(piece, skip, limit);
    }
    return undefined;
  }

  /** Bytes of a stored run, behind the first `skip` of it. */
  #of(run: StoredRun, skip: number, limit: number): BorrowedBytes | undefined {
    const { source } = this;
    const from = run.from + skip;
    const count = Math.min(limit, run.length - skip, source.written - from);
    return count > 0 ? source.view(from, count) : undefined;
  }

  /** Re-read after a call that may have changed it: the compiler believes otherwise. */
  #now(): 'running' | 'stalled' | 'starved' | 'over' {
    return this.#state;
  }
}
