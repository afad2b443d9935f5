import t from 'tap';
import { charactersFor, tell, type Told, understand } from '../../src/protocol/told.js';
import type { FieldLine } from '../../src/http/fields.js';
import { describedAs } from '../support/descriptor.js';

const SENT: readonly FieldLine[] = [
  ['content-type', 'video/iso.segment'],
  ['etag', '"v1"'],
  ['last-modified', 'Thu, 01 Jan 2026 00:00:00 GMT'],
];
const DATE = 'Sat, 21 Nov 2026 10:00:00 GMT';

function toldOf(more: readonly FieldLine[]): Told {
  const descriptor = describedAs({
    fields: SENT,
    etag: '"v1"',
    lastModifiedMs: Date.parse('2026-01-01T00:00:00Z'),
    dateMs: Date.parse(DATE),
  });
  const originFields = [...SENT, ...more];
  return { descriptor, originFields, kind: 'segment', rhythm: undefined, retryAtMs: 0 };
}

function back(told: Told, text: Pick<ReturnType<typeof tell>, 'fields' | 'pack'>): Told {
  const { key, shard, vary, freshness, slot, generation, extents, storedBytes } = told.descriptor;
  const places = [{ slot, generation, extents, bytes: storedBytes }];
  return understand({ key, shard, names: vary, bornMs: freshness.bornMs, places, ...text });
}

t.test('understand() gives what tell() was given, and needs none of what follows', (t) => {
  const implied: FieldLine[] = [
    ['date', DATE],
    ['content-length', '100'],
    ['accept-ranges', 'bytes'],
  ];
  const told = toldOf(implied);
  const text = tell(told);
  t.same(back(told, text), told);
  t.notMatch(text.pack, 'GMT');
  t.ok(text.pack.length < 100, text.pack);
  const others = toldOf([
    ['age', '7'],
    ['set-cookie', 'a=b'],
    ['content-length', '99'],
  ]);
  t.same(back(others, tell(others)), others, 'what does not follow is kept word for word');
  t.end();
});

t.test('charactersFor() is enough for what tell() writes', (t) => {
  const told = toldOf([
    ['date', DATE],
    ['age', '7'],
  ]);
  const { key } = told.descriptor;
  const { fields, pack } = tell(told);
  const needed = key.length + fields.length + pack.length;
  const room = charactersFor(key, told.originFields);
  t.ok(room >= needed && room < needed + 200, `${room} for ${needed}`);
  t.end();
});
