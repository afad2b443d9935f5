import t from 'tap';
import {
  charactersFor,
  encodeMetadata,
  type ResponseState,
  decodeMetadata,
} from '../../src/protocol/metadata-codec.js';
import type { FieldLine } from '../../src/http/fields.js';
import { describedAs } from '../support/descriptor.js';

const SENT: readonly FieldLine[] = [
  ['content-type', 'video/iso.segment'],
  ['etag', '"v1"'],
  ['last-modified', 'Thu, 01 Jan 2026 00:00:00 GMT'],
];
const DATE = 'Sat, 21 Nov 2026 10:00:00 GMT';

function stateOf(more: readonly FieldLine[]): ResponseState {
  const descriptor = describedAs({
    fields: SENT,
    etag: '"v1"',
    lastModifiedMs: Date.parse('2026-01-01T00:00:00Z'),
    dateMs: Date.parse(DATE),
  });
  const originFields = [...SENT, ...more];
  return { descriptor, originFields, kind: 'segment', rhythm: undefined, retryAtMs: 0 };
}

function back(
  state: ResponseState,
  encoded: Pick<ReturnType<typeof encodeMetadata>, 'fields' | 'pack'>,
): ResponseState {
  const { key, shard, vary, freshness, slot, generation, extents, storedBytes } = state.descriptor;
  const places = [{ slot, generation, extents, bytes: storedBytes }];
  return decodeMetadata({ key, shard, names: vary, bornMs: freshness.bornMs, places, ...encoded });
}

t.test(
  'decodeMetadata() gives what encodeMetadata() was given, and needs none of what follows',
  (t) => {
    const implied: FieldLine[] = [
      ['date', DATE],
      ['content-length', '100'],
      ['accept-ranges', 'bytes'],
    ];
    const state = stateOf(implied);
    const encoded = encodeMetadata(state);
    t.same(back(state, encoded), state);
    t.notMatch(encoded.pack, 'GMT');
    t.ok(encoded.pack.length < 100, encoded.pack);
    const others = stateOf([
      ['age', '7'],
      ['set-cookie', 'a=b'],
      ['content-length', '99'],
    ]);
    t.same(
      back(others, encodeMetadata(others)),
      others,
      'what does not follow is kept word for word',
    );
    t.end();
  },
);

t.test('charactersFor() is enough for what encodeMetadata() writes', (t) => {
  const state = stateOf([
    ['date', DATE],
    ['age', '7'],
  ]);
  const { key } = state.descriptor;
  const { fields, pack } = encodeMetadata(state);
  const needed = key.length + fields.length + pack.length;
  const room = charactersFor(key, state.originFields);
  t.ok(room >= needed && room < needed + 200, `${room} for ${needed}`);
  t.end();
});
