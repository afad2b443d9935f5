/**
 * gzip and brotli of playlists, JSON and other text: made once per object, in zlib's thread pool,
 * and kept beside it. Until they are there the object is served as it is and not kept near.
 */
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { EncodedBody } from '../cache/descriptor.js';
import { fieldValue } from '../http/fields.js';
import { hash32 } from '../runtime/hash.js';
import { isCompressible } from '../media/kind.js';
import type { ShardContext } from './context.js';
import type { Stored } from './entry.js';
import { readBody } from './read-body.js';

const gzipAsync = promisify(gzip);
const brotliAsync = promisify(brotliCompress);
/** A coding that saves less than this share is not worth a second copy. */
const WORTHWHILE = 0.95;

export class Encoder {
  readonly #context: ShardContext;
  readonly #onFault: (stored: Stored) => void;

  constructor(context: ShardContext, onFault: (stored: Stored) => void) {
    this.#context = context;
    this.#onFault = onFault;
  }

  /** Begins to encode when it is worth it; changes `stored.descriptor` at once and when done. */
  encode(stored: Stored): void {
    if (!this.#worthIt(stored)) return;
    const whole = stored.descriptor;
    stored.descriptor = { ...whole, keep: false, vary: whole.vary };
    this.#run(stored).catch((reason: unknown) => {
      this.#context.log.error({ err: reason }, 'encoding failed');
      this.#onFault(stored);
    });
  }

  async #run(stored: Stored): Promise<void> {
    const { config, store, index } = this.#context;
    const { brotliQuality, gzipLevel } = config.compression;
    const bytes = Buffer.from(readBody(store.arena, stored.body.extents, stored.body.bytes));
    const [br, gz] = await Promise.all([
      brotliAsync(bytes, {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
          [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
          [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
        },
      }),
      gzipAsync(bytes, { level: gzipLevel }),
    ]);
    if (!index.isHeld(stored)) return; // purged, replaced or evicted meanwhile
    const encodings: EncodedBody[] = [];
    for (const [coding, encoded] of [
      ['br', br],
      ['gzip', gz],
    ] as const) {
      if (encoded.length > bytes.length * WORTHWHILE) continue;
      const body = this.#place(stored, coding, encoded);
      if (body !== undefined) encodings.push(body);
      if (!index.isHeld(stored)) return; // its own place was taken for the encoding
    }
    stored.descriptor = { ...stored.descriptor, encodings, keep: true };
  }

  #place(stored: Stored, coding: 'br' | 'gzip', encoded: Uint8Array): EncodedBody | undefined {
    const { store, index } = this.#context;
    const body = store.reserve(encoded.length);
    if (body === undefined) return undefined;
    if (!index.isHeld(stored)) {
      store.release(body);
      return undefined;
    }
    store.arena.write(body.extents, 0, encoded);
    store.arena.publishWritten(body.slot, encoded.length);
    store.store(body, encoded.length, hash32(`${stored.entry.key}\n${coding}`));
    index.own(body.slot, stored);
    if (stored.encodings.size === 0) stored.encodings = new Map();
    stored.encodings.set(coding, body);
    const { slot, generation, extents } = body;
    return { coding, slot, generation, extents, bytes: encoded.length };
  }

  #worthIt({ descriptor }: Stored): boolean {
    const { enabled, minSize, maxSize } = this.#context.config.compression;
    const { storedBytes, status, fields, contentType } = descriptor;
    if (!enabled || status !== 200 || storedBytes < minSize || storedBytes > maxSize) return false;
    if (fieldValue(fields, 'content-encoding') !== undefined) return false;
    if (/(?:^|,)\s*no-transform\s*(?:,|$)/i.test(fieldValue(fields, 'cache-control') ?? ''))
      return false;
    return isCompressible(contentType);
  }
}
