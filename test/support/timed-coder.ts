/** A coder whose moment of answering the test chooses. */
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { ContentCoding } from '../../src/http/encoding.js';
import type { Coder, CodingSource } from '../../src/shard/intake/coding-queue.js';

export interface CodingOrder {
  readonly coding: ContentCoding;
  /** As they are now: the source is borrowed. */
  text(): string;
  /** With the coding of what lies there by now, or with these bytes. */
  answer(coded?: Uint8Array): void;
  fail(): void;
}

export class TimedCoder implements Coder {
  /** All there ever were. */
  readonly orders: CodingOrder[] = [];
  closed = false;
  #next = 0;

  /** The oldest that `next` has not given yet. */
  next(): CodingOrder {
    const order = this.orders[this.#next];
    if (order === undefined) throw new Error('nothing was ordered');
    this.#next += 1;
    return order;
  }

  async encode(source: CodingSource, coding: ContentCoding): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.orders.push({
        coding,
        text: () => bytesOf(source).toString('latin1'),
        answer: (coded) => {
          const make = coding === 'br' ? brotliCompressSync : gzipSync;
          resolve(coded ?? make(bytesOf(source)));
        },
        fail: () => {
          reject(new Error('the thread died'));
        },
      });
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

function bytesOf({ pieces }: CodingSource): Buffer {
  return Buffer.concat(pieces);
}
