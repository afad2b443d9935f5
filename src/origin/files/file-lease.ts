/**
 * What the reading of one file takes: a permit, the file, buffers of `CHUNK_BYTES`. It is given back as a
 * whole, once. Fresh buffers would be cleared by the kernel page by page, each time.
 */
import { CHUNK_BYTES } from './file-opening.js';
import type { Gate } from './gate.js';
import type { Found, KeptFiles, SharedFile } from './kept-files.js';

const FREE_BUFFERS = 8;

export class FileBuffers {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  /** Nobody may read from it, or into it, any more. */
  giveBack(buffer: Buffer): void {
    if (this.#free.length < FREE_BUFFERS) this.#free.push(buffer);
  }
}

export interface Shared {
  readonly gate: Gate;
  readonly files: KeptFiles;
  readonly buffers: FileBuffers;
}

export class FileLease {
  readonly #shared: Shared;
  readonly #buffers: Buffer[] = [];
  #file: SharedFile | undefined;
  #isTaken = false;
  #isOver = false;

  /** A permit of the gate has been acquired for it. */
  constructor(shared: Shared) {
    this.#shared = shared;
  }

  /** As `KeptFiles.open`; a file is left with the lease. */
  async open(names: readonly string[]): Promise<Found> {
    const found = await this.#shared.files.open(names);
    if (found.kind === 'file') this.#file = found.file;
    return found;
  }

  /** As `KeptFiles.keep`. */
  keep(): void {
    if (this.#file !== undefined) this.#shared.files.keep(this.#file);
  }

  /** One of its own, and not the one that those bytes are in: a lease has two at most. */
  buffer(beside?: Buffer): Buffer {
    for (const buffer of this.#buffers) if (buffer.buffer !== beside?.buffer) return buffer;
    const buffer = this.#shared.buffers.take();
    this.#buffers.push(buffer);
    return buffer;
  }

  /** A body gives it back from now on. */
  take(): void {
    this.#isTaken = true;
  }

  async closeUnlessTaken(): Promise<void> {
    if (!this.#isTaken) await this.close(true); // each read has ended
  }

  /** `buffersAreFree`: nobody reads from them or into them any more. */
  async close(buffersAreFree: boolean): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    if (buffersAreFree) for (const buffer of this.#buffers) this.#shared.buffers.giveBack(buffer);
    if (this.#file !== undefined) await this.#shared.files.leave(this.#file);
    this.#shared.gate.release();
  }
}
