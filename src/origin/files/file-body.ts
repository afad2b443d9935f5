/**
 * Part of an open file as a body: one buffer, lent and filled anew at each pull. It owns the lease of the
 * file and gives it back at its end, when the reader leaves, when `signal` aborts, and when anything fails.
 *
 * It ends only when the file was the same all the while. What had not settled when it was opened may
 * grow besides: a writer that appends does not touch our part, and that it did not is looked up.
 */
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { GatewayError } from '../../errors.js';
import type { BorrowedBytes } from '../../runtime/bytes.js';
import type { BodyStep } from '../origin.js';
import type { FileLease } from './file-lease.js';
import { type Anchor, type Opening, readAt } from './file-opening.js';
import { changeBetween } from './file-state.js';

/** At a file that changes, before it counts as changed: so many, so far apart. */
const LOOKS = 3;
const LOOK_MS = 5;

const DONE: BodyStep = { done: true, value: undefined };

export interface FileSlice {
  readonly handle: FileHandle;
  readonly lease: Pick<FileLease, 'buffer' | 'close'>;
  readonly opening: Opening; // vouched for
  readonly settled: boolean; // when it was opened
  readonly signal: AbortSignal;
}

export class FileBody implements AsyncIterable<BorrowedBytes, undefined> {
  readonly #slice: FileSlice;
  readonly #onAbort: () => void;
  #buffer: Buffer | undefined; // from the second chunk on
  #position: number;
  #left: number;
  #isReading = false;
  #state: 'open' | 'aborted' | 'closed' = 'open';

  constructor(slice: FileSlice) {
    this.#slice = slice;
    this.#position = slice.opening.start;
    this.#left = slice.opening.length;
    this.#onAbort = () => {
      void this.#close('aborted');
    };
    slice.signal.addEventListener('abort', this.#onAbort);
    if (slice.signal.aborted) this.#onAbort();
  }

  [Symbol.asyncIterator](): AsyncIterator<BorrowedBytes, undefined> {
    return {
      next: () => this.#next(),
      return: async () => {
        await this.#close('closed');
        return DONE;
      },
    };
  }

  async #next(): Promise<BodyStep> {
    if (this.#state === 'closed') return DONE;
    try {
      if (this.#state === 'aborted') throw new GatewayError('GW_CLIENT_ABORTED', 'file');
      if (this.#left === 0) {
        await this.#close('closed');
        return DONE;
      }
      return { done: false, value: await this.#chunk() };
    } catch (reason) {
      const aborted = this.#slice.signal.aborted;
      await this.#close('closed');
      if (aborted) throw new GatewayError('GW_CLIENT_ABORTED', 'file', { cause: reason });
      if (reason instanceof GatewayError) throw reason;
      throw new GatewayError('GW_ORIGIN_IO', 'read failed', { cause: reason });
    }
  }

  async #chunk(): Promise<BorrowedBytes> {
    const { first, start, length } = this.#slice.opening;
    const isFirst = this.#left === length;
    const bytes = isFirst ? first : await this.#read();
    this.#position += bytes.length;
    this.#left -= bytes.length;
    if (this.#left === 0 && this.#position > start + first.length) {
      await this.#verify(); // before the last chunk makes the body look whole
    }
    return bytes;
  }

  async #read(): Promise<BorrowedBytes> {
    const { handle, lease, opening, settled } = this.#slice;
    // What may have to be compared is kept.
    this.#buffer ??= settled ? opening.first : lease.buffer(opening.first);
    const want = Math.min(this.#buffer.length, this.#left);
    this.#isReading = true;
    const { bytesRead } = await handle.read(this.#buffer, 0, want, this.#position);
    this.#isReading = false;
    if (bytesRead === 0) throw new GatewayError('GW_ORIGIN_BODY_SHORT', 'the file was truncated');
    return this.#buffer.subarray(0, bytesRead);
  }

  async #verify(): Promise<void> {
    const { handle, opening, settled } = this.#slice;
    const change = await this.#change();
    if (change === 'none') return;
    if (change === 'grown' && !settled) {
      const anchors: Anchor[] = [{ position: opening.start, bytes: opening.first }];
      if (opening.tail !== undefined) anchors.push(opening.tail);
      if (await allAsTheyWere(handle, anchors)) return;
    }
    throw new GatewayError('GW_ORIGIN_BODY_SHORT', 'the file changed while it was read');
  }

  /** A write sets the time before the size: one that goes on just now is given a moment to show that it appends. */
  async #change(): Promise<ReturnType<typeof changeBetween>> {
    const { handle, opening, settled } = this.#slice;
    for (let look = 1; ; look += 1) {
      const change = changeBetween(opening.state, await handle.stat({ bigint: true }));
      if (change !== 'other' || settled || look === LOOKS) return change;
      await delay(LOOK_MS);
    }
  }

  async #close(state: 'aborted' | 'closed'): Promise<void> {
    const wasOpen = this.#state === 'open';
    this.#state = state;
    if (!wasOpen) return;
    const { lease, signal } = this.#slice;
    signal.removeEventListener('abort', this.#onAbort);
    // Who did not pull again, or leave, may still read what was lent to him.
    await lease.close(state === 'closed' && !this.#isReading);
  }
}

async function allAsTheyWere(handle: FileHandle, anchors: readonly Anchor[]): Promise<boolean> {
  for (const { position, bytes } of anchors) {
    const now = await readAt(handle, position, bytes.length);
    if (!now.equals(bytes)) return false;
  }
  return true;
}
