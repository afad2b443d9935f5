/** Readers of slice 2 of a film, with an owner that notes what it hears. */
import { SliceReader } from '../../src/edge/http/slices/slice-reader.js';
import type { FieldLines } from '../../src/http/fields.js';
import { ownedCopy } from '../../src/runtime/bytes.js';
import { FILM, FilmBench, filmRequest, SLICE } from './film.js';

export const NUMBER = 2;
export const FIRST = NUMBER * SLICE;
export const BROKEN = { ok: false, code: 'GW_ORIGIN_IO', detail: '' } as const;

export class ReaderBench extends FilmBench {
  readonly heard: string[] = [];
  /** What owners heard of answers past the cache. */
  readonly kept: boolean[] = [];

  /** Not `fills`: the slice before could not be kept. */
  open(fields: FieldLines = [], number = NUMBER, fills = true): SliceReader {
    const reader = new SliceReader({
      ...{ context: this.context, request: filmRequest(fields), clientAddress: '192.0.2.1' },
      ...{ head: this.head, key: this.keyOf(number), slice: this.sliceOf(number), fills },
      owner: {
        begun: false,
        onDirect: (mayKeep) => this.kept.push(mayKeep),
        onBytes: () => this.heard.push('bytes'),
        onFailed: (_, code) => this.heard.push(code),
      },
    });
    reader.start();
    return reader;
  }

  /** As a shard cuts who holds up others. */
  cut(fill: number): void {
    const more = { extents: undefined, ringBytes: SLICE, cutBelow: 1, end: undefined };
    this.worker.hear({ kind: 'progress', fill, written: 10, ...more });
  }
}

/** What it has of the slice from `at` on; undefined: nothing now. */
export function viewed(reader: SliceReader, at: number, count = SLICE): Uint8Array | undefined {
  const view = reader.view(at, count);
  return view === undefined ? undefined : ownedCopy(view);
}

/** Bytes of that slice. */
export function part(from: number, to: number): Uint8Array {
  return new Uint8Array(FILM.subarray(FIRST + from, FIRST + to));
}
