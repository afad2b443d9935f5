/** What else is not plain: stored-metadata.test.ts. */
import t from 'tap';
import {
  type Descriptor,
  type EncodedBody,
  hasCoding,
  isIdentified,
  isJustWritten,
  isOld,
  isPlain,
  isSameBytes,
  isWhole,
  mayMake,
  SMALL_BYTES,
} from '../../src/protocol/descriptor.js';
import { describedAs, FRESHNESS } from '../support/descriptor.js';

const BROTLI: EncodedBody = { coding: 'br', slot: 1, generation: 1, extents: [], bytes: 9 };
const GZIP: EncodedBody = { ...BROTLI, coding: 'gzip' };

function sized(bytes: number): Partial<Descriptor> {
  return { storedBytes: bytes, totalBytes: bytes };
}

t.test('isWhole() wants all bytes, and isPlain() what anybody gets as it lies', (t) => {
  const rows: [facts: Partial<Descriptor>, whole: boolean, plain: boolean, why: string][] = [
    [{ ...sized(0), extents: [] }, true, true, 'all of nothing'],
    [sized(SMALL_BYTES), true, true, 'just small'],
    [sized(SMALL_BYTES + 1), true, false, 'not small'],
    [{ storedBytes: 99 }, false, false, 'not the last'],
    [{ firstByte: 1 }, false, false, 'not the first'],
    [sized(-1), false, false, 'nobody knows how many there are'],
    [{ sliceBytes: 50 }, true, false, 'they lie elsewhere'],
    [{ freshness: { ...FRESHNESS, alwaysRevalidate: true } }, true, false, 'the origin is asked'],
    [{ freshness: { ...FRESHNESS, anonymousOnly: true } }, true, false, 'not whoever asks'],
    [{ freshness: { ...FRESHNESS, mustRevalidate: true } }, true, true, 'while it is fresh'],
  ];
  for (const [facts, whole, plain, why] of rows) {
    const one = describedAs(facts);
    t.same([isWhole(one), isPlain(one)], [whole, plain], why);
  }
  t.end();
});

t.test('mayMake() leaves out what was made, and what is not worth it', (t) => {
  const rows: [facts: Partial<Descriptor>, want: boolean, why: string][] = [
    [{ codable: true }, true, 'nobody has tried'],
    [{ codable: true, encodings: [GZIP, BROTLI] }, false, 'it is there'],
    [{ codable: true, encodings: [GZIP], unworthy: ['gzip'] }, true, 'all is of another'],
    [{ codable: true, unworthy: ['br'] }, false, 'not worth it'],
    [{}, false, 'not to be coded'],
  ];
  for (const [facts, want, why] of rows) t.equal(mayMake(describedAs(facts), 'br'), want, why);
  t.notOk(hasCoding(describedAs({ encodings: [GZIP], unworthy: ['br'] }), 'br'));
  t.end();
});

t.test('what was written a minute before is old; where nobody says, neither is true', (t) => {
  const rows: [before: number, justWritten: boolean, old: boolean][] = [
    [-1, true, false],
    [59_999, true, false],
    [60_000, false, true],
    [NaN, false, false],
  ];
  for (const [before, ...want] of rows) {
    const one = describedAs({ dateMs: 1e12, lastModifiedMs: 1e12 - before });
    t.same([isJustWritten(one), isOld(one)], want, `${before} ms before`);
  }
  t.end();
});

t.test('isIdentified() wants a strong tag and a length', (t) => {
  t.ok(isIdentified(describedAs({ etag: '""', totalBytes: 0 })));
  for (const facts of [{ etag: '"v1"', totalBytes: -1 }, { etag: 'W/"v1"' }, { etag: '' }]) {
    t.notOk(isIdentified(describedAs(facts)), JSON.stringify(facts));
  }
  t.end();
});

t.test('isSameBytes() goes by what the bytes are, wherever they lie', (t) => {
  t.ok(isSameBytes(describedAs({}), describedAs({ slot: 9, generation: 4, extents: [] })));
  const others: Partial<Descriptor>[] = [
    ...[{ etag: '"v2"' }, { status: 206 }, { totalBytes: 101 }],
    ...[{ firstByte: 1 }, { storedBytes: 99 }, { sliceBytes: 50 }],
  ];
  for (const facts of others) {
    t.notOk(isSameBytes(describedAs({}), describedAs(facts)), JSON.stringify(facts));
  }
  t.end();
});
