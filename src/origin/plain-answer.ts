/** Answers that an origin of ours makes up itself: a status and one line of text. */
import { formatHttpDate } from '../http/date.js';
import type { FieldLines } from '../http/fields.js';
import type { OriginResponse } from './origin.js';

const TEXTS = {
  301: 'Moved permanently\n',
  404: 'Not found\n',
  405: 'Method not allowed\n',
  416: 'Range not satisfiable\n',
} as const;

export interface PlainAnswer {
  readonly method: string; // of the request: HEAD gets the fields without the text
  readonly status: keyof typeof TEXTS;
  readonly name: string; // of the origin
  readonly nowMs: number;
  readonly more?: FieldLines;
}

export function plainAnswer(answer: PlainAnswer): OriginResponse {
  const { method, status, name, nowMs, more = [] } = answer;
  const text = Buffer.from(TEXTS[status]);
  const headers: FieldLines = [
    ['date', formatHttpDate(nowMs)],
    ['content-type', 'text/plain; charset=utf-8'],
    ['content-length', String(text.length)],
    ...more,
  ];
  const body = method === 'HEAD' ? bodyOf() : bodyOf(text);
  return { status, headers, body, forEveryone: true, origin: name };
}

/** A body of chunks that are at hand; without any, an empty one. */
// eslint-disable-next-line @typescript-eslint/require-await -- async is what a body must be
export async function* bodyOf(
  ...chunks: readonly Uint8Array[]
): AsyncGenerator<Uint8Array, undefined> {
  yield* chunks;
}
