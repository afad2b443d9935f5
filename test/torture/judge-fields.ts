/** Do the fields describe this answer, and are they as the origin sent them? */
import { createHash } from 'node:crypto';
import type { Answer, Ask } from './ask.js';
import type { Fault } from './judge-body.js';
import { isCodable } from './kinds.js';
import { readTruth, type Truth } from './truth.js';

/** A field of bytes that no coding of text may touch. */
export const ODD_FIELD = ['X-Odd', '\xe9 \xa0\xff\x80'] as const;

export function fieldFaults(ask: Ask, answer: Answer): Fault[] {
  const truth = readTruth(answer.fields.get('x-truth'));
  if (truth === undefined) return [];
  const faults = [wrongDate(answer, truth)];
  if (ask.object.kind.digests) {
    faults.push(wrongOddField(answer), wrongVary(ask, answer));
    if (answer.whole) faults.push(wrongContentDigest(ask, answer), wrongDigest(ask, answer, truth));
  }
  return faults.flatMap((what) => (what === undefined ? [] : [{ class: 'wrong-field', what }]));
}

/** RFC 9530. */
export function digestField(bytes: Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
}

function wrongDate({ fields }: Answer, { date }: Truth): string | undefined {
  const told = fields.get('date') ?? '';
  const made = new Date(date * 1_000).toUTCString();
  return told === made ? undefined : `made ${made}, says ${told}`;
}

function wrongOddField({ fields }: Answer): string | undefined {
  const [name, value] = ODD_FIELD;
  const told = fields.get(name.toLowerCase());
  return told === value ? undefined : `${name} is ${JSON.stringify(told)}`;
}

/** Which form it has depends on the request, whether or not this one asked for another. */
function wrongVary({ object }: Ask, { status, fields }: Answer): string | undefined {
  if (!isCodable(object.kind) || ![200, 206, 304].includes(status)) return undefined;
  const told = fields.get('vary') ?? '';
  return /accept-encoding/i.test(told) ? undefined : `Vary is "${told}"`;
}

/** Of the bytes of this very message. */
function wrongContentDigest({ method }: Ask, answer: Answer): string | undefined {
  const { status, fields, body, coded } = answer;
  const told = fields.get('content-digest');
  if (told === undefined || method === 'HEAD' || (status !== 200 && status !== 206))
    return undefined;
  const is = digestField(coded ?? body);
  return told === is ? undefined : `Content-Digest ${told} on bytes of ${is}`;
}

/** Of the whole representation, of which this may be a part. */
function wrongDigest({ object }: Ask, answer: Answer, truth: Truth): string | undefined {
  const { status, fields, coded } = answer;
  const told = fields.get('repr-digest');
  if (told === undefined || (status !== 200 && status !== 206)) return undefined;
  if (object.version(truth.version) === undefined) return undefined;
  const is = digestField(coded ?? object.body(truth.version, truth.viewer));
  const isCoded = fields.has('content-encoding');
  if (isCoded && coded === undefined) return 'Repr-Digest of another form';
  return told === is ? undefined : `Repr-Digest ${told} of ${is}`;
}
