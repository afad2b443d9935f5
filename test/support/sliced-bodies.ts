/** The body of a film in slices, as its writer reads it, with a note of what that is told. */
import type { Test } from 'tap';
import type { BodyWriter, Piece } from '../../src/edge/http/answer/body-writer.js';
import { SlicedBody } from '../../src/edge/http/slices/sliced-body.js';
import { ownedCopy } from '../../src/runtime/bytes.js';
import { FILM, FilmBench, filmRequest, filmText, partFields, SLICE } from './film.js';
import { settled } from './shard.js';
import type { TimedRequest } from './timed-origin.js';

export const SLICES = 11;
export const HALF = SLICE / 2;
const WHOLE: readonly Piece[] = [{ from: 0, length: FILM.length }];

export class BodyBench extends FilmBench {
  readonly failed: string[] = [];
  readonly body: SlicedBody;
  pumped = 0;

  constructor(t: Test, pieces = WHOLE) {
    super(t);
    this.body = new SlicedBody({
      ...{
        context: this.context,
        request: filmRequest(),
        clientAddress: '',
        head: this.head,
      },
      pieces,
      onFailed: (code) => this.failed.push(code),
    });
    const pump = (): void => void (this.pumped += 1);
    this.body.writer = { begun: true, pump } as unknown as BodyWriter;
  }

  /** A client takes what there is from there on. */
  view(from: number, count = FILM.length): Uint8Array | undefined {
    const view = this.body.view(from, count);
    return view === undefined ? undefined : ownedCopy(view);
  }

  /** What is found, with those that are asked for answered at once. */
  get held(): number[] {
    return Array.from({ length: SLICES }, (_, i) => i).filter((i) => this.leases(i) > 0);
  }

  /** The shard leaves it to who asks; what the origin is asked. */
  bypass(number: number): TimedRequest {
    this.worker.hear({ kind: 'bypass', id: this.ask(number).id });
    return this.origin.next();
  }

  /** It comes from the origin in one go. */
  async come(request: TimedRequest, number: number, at = 0, control = 'max-age=60'): Promise<void> {
    const { first, last } = this.sliceOf(number);
    request.head(206, [...partFields(this, number, at), ['cache-control', control]]);
    request.chunk(filmText(first + at, first + HALF));
    request.chunk(filmText(first + HALF, last + 1));
    await settled();
  }

  /** The shard has all that was asked for. */
  answerAll(): void {
    for (const number of this.asked) if (this.leases(number) === 0) this.answer(number);
  }
}

/** Bytes of the film. */
export function bytes(from: number, to: number): Uint8Array {
  return new Uint8Array(FILM.subarray(from, to));
}
