/**
 * Part of an open file as a body: one buffer, lent and filled anew at each pull. It owns the handle and closes it
 * at its end, when the reader leaves, when `signal` aborts, and when anything fails.
 */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { GatewayError } from '../errors.js';
import type { BorrowedBytes } from '../runtime/bytes.js';

const CHUNK_BYTES = 256 * 1024;

type Step = IteratorResult<BorrowedBytes, undefined>;
const DONE: Step = { done: true, value: undefined };

export interface FileSlice {
  readonly handle: FileHandle;
  readonly stat: BigIntStats; // of the open handle
  readonly start: number;
  readonly length: number;
  readonly signal: AbortSignal;
  /** Called once, when the handle is closed. */
  readonly onClosed: () => void;
}

export class FileBody implements AsyncIterable<BorrowedBytes, undefined> {
  readonly #slice: FileSlice;
  readonly #buffer: Buffer;
  readonly #onAbort: () => void;
  #position: number;
  #left: number;
  #state: 'open' | 'aborted' | 'closed' = 'open';

  constructor(slice: FileSlice) {
    this.#slice = slice;
    this.#position = slice.start;
    this.#left = slice.length;
    this.#buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, slice.length));
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

  async #next(): Promise<Step> {
    if (this.#state === 'closed') return DONE;
    try {
      if (this.#state === 'aborted') throw new GatewayError('GW_CLIENT_ABORTED', 'file');
      if (this.#left === 0) {
        await this.#close('closed');
        return DONE;
      }
      return { done: false, value: await this.#read() };
    } catch (reason) {
      const aborted = this.#slice.signal.aborted;
      await this.#close('closed');
      if (aborted) throw new GatewayError('GW_CLIENT_ABORTED', 'file', { cause: reason });
      if (reason instanceof GatewayError) throw reason;
      throw new GatewayError('GW_ORIGIN_IO', 'read failed', { cause: reason });
    }
  }

  async #read(): Promise<BorrowedBytes> {
    const want = Math.min(this.#buffer.length, this.#left);
    const { bytesRead } = await this.#slice.handle.read(this.#buffer, 0, want, this.#position);
    if (bytesRead === 0) throw new GatewayError('GW_ORIGIN_BODY_SHORT', 'the file was truncated');
    this.#position += bytesRead;
    this.#left -= bytesRead;
    if (this.#left === 0) await this.#verify(); // before the last chunk makes the body look whole
    return this.#buffer.subarray(0, bytesRead);
  }

  /**
   * Growth is allowed: a writer that appends does not touch our part. A smaller file, or another
   * modification time at the same size, means that the body may be of two versions.
   */
  async #verify(): Promise<void> {
    const before = this.#slice.stat;
    const after = await this.#slice.handle.stat({ bigint: true });
    const changed = after.size === before.size && after.mtimeNs !== before.mtimeNs;
    if (after.size < before.size || changed) {
      throw new GatewayError('GW_ORIGIN_BODY_SHORT', 'the file changed while it was read');
    }
  }

  async #close(state: 'aborted' | 'closed'): Promise<void> {
    const wasOpen = this.#state === 'open';
    this.#state = state;
    if (!wasOpen) return;
    const { handle, signal, onClosed } = this.#slice;
    signal.removeEventListener('abort', this.#onAbort);
    await handle.close().catch(() => undefined); // read-only: there is nothing to lose
    onClosed();
  }
}
