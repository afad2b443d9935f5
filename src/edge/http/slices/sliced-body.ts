/**
 * The bytes of a large object as one answer reads them: slice by slice, the next ones asked for while one
 * is sent. A seek costs one slice. Whoever reads on has one ahead, and two where that came too late. They
 * are leased: evicted before they are read, they would be fetched twice.
 */
import type { Descriptor } from '../../../protocol/descriptor.js';
import type { Served } from '../../../protocol/messages.js';
import { sliceAt, sliceKeys, validatorOf } from '../../../protocol/slices.js';
import type { ErrorCode } from '../../../errors.js';
import type { BorrowedBytes } from '../../../runtime/bytes.js';
import type { BodySource } from '../../reach/body-source.js';
import type { BodyWriter } from '../answer/body-writer.js';
import type { ClientRequest } from '../request/client-request.js';
import type { EdgeContext } from '../context.js';
import type { ResponsePlan } from '../answer/response-plan.js';
import { type SliceOwner, SliceReader } from './slice-reader.js';

const MOST_AHEAD = 2;

export interface SlicedBodyOptions {
  readonly context: EdgeContext;
  readonly request: ClientRequest;
  readonly clientAddress: string;
  readonly head: Descriptor;
  readonly pieces: ResponsePlan['pieces'];
  readonly onFailed: (code: ErrorCode) => void;
}

export class SlicedBody implements BodySource, SliceOwner {
  readonly written: number;
  readonly ended = true;
  /** Sends these bytes; set before any is asked for. */
  writer: BodyWriter | undefined;
  readonly #options: SlicedBodyOptions;
  readonly #keyOf: (number: number) => string;
  readonly #readers = new Map<number, SliceReader>();
  /** Read ahead in vain: asked for anew when it is their turn. */
  readonly #failed = new Set<SliceReader>();
  #current = -1;
  #ahead: 0 | 1 | 2 = 0;
  /** Slices may be kept, as far as is known. Otherwise a fill of each would cost the origin a request more. */
  #fills = true;

  constructor(options: SlicedBodyOptions) {
    const { head } = options;
    this.#options = options;
    this.written = head.totalBytes;
    this.#keyOf = sliceKeys(head.key, validatorOf(head), head.totalBytes);
  }

  get begun(): boolean {
    return this.writer?.begun === true;
  }

  /** How the slice that is being sent was come by. */
  get served(): Served {
    return this.#readers.get(this.#current)?.served ?? { hit: true };
  }

  view(from: number, count: number): BorrowedBytes | undefined {
    const { sliceBytes, totalBytes } = this.#options.head;
    const number = Math.floor(from / sliceBytes);
    const at = from - number * sliceBytes;
    if (number !== this.#current) this.#moveTo(number, at);
    const left = Math.min(sliceBytes, totalBytes - number * sliceBytes) - at;
    const bytes = this.#readerOf(number).view(at, Math.min(count, left));
    this.#readAhead(number, at);
    return bytes;
  }

  /** Lets go of all it holds. */
  close(): void {
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
  }

  onDirect(mayKeep: boolean): void {
    this.#fills = mayKeep;
  }

  onBytes(reader: SliceReader, quantum: number): void {
    if (this.#readers.get(this.#current) === reader) this.writer?.pump(quantum);
  }

  onFailed(reader: SliceReader, code: ErrorCode): void {
    this.#failed.add(reader);
    // It may be told from within a write, as it is asked for.
    setImmediate(() => {
      this.#options.context.guard(() => {
        if (this.#readers.get(this.#current) === reader) this.#options.onFailed(code);
      });
    });
  }

  #moveTo(number: number, at: number): void {
    const waits = this.#readers.get(number)?.view(at, 1) === undefined;
    if (number !== this.#current + 1 || this.#current < 0) this.#ahead = 0;
    else if (this.#ahead < MOST_AHEAD) this.#ahead = waits ? MOST_AHEAD : 1;
    this.#current = number;
    for (const [other, reader] of this.#readers) {
      const kept = other >= number && other <= number + MOST_AHEAD && !this.#failed.has(reader);
      if (kept) continue;
      this.#readers.delete(other);
      this.#failed.delete(reader);
      reader.close();
    }
  }

  #readAhead(number: number, at: number): void {
    const { sliceBytes } = this.#options.head;
    const ahead = this.#ahead === 0 && at >= sliceBytes / 2 ? 1 : this.#ahead;
    for (let next = number + 1; next <= number + ahead; next += 1) {
      if (!this.#readers.has(next) && this.#isWanted(next)) this.#readerOf(next);
    }
  }

  #isWanted(number: number): boolean {
    const { head, pieces } = this.#options;
    const from = number * head.sliceBytes;
    const to = from + head.sliceBytes;
    return pieces.some(
      (piece) => 'from' in piece && piece.from < to && piece.from + piece.length > from,
    );
  }

  #readerOf(number: number): SliceReader {
    const known = this.#readers.get(number);
    if (known !== undefined) return known;
    const { context, request, clientAddress, head } = this.#options;
    const reader = new SliceReader({
      context,
      request,
      clientAddress,
      head,
      key: this.#keyOf(number),
      slice: sliceAt(head, number),
      fills: this.#fills,
      owner: this,
    });
    this.#readers.set(number, reader);
    reader.start();
    return reader;
  }
}
