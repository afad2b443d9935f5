import t from 'tap';
import { SMALL_BYTES } from '../../../src/protocol/descriptor.js';
import { LocalObject } from '../../../src/edge/reach/local-object.js';
import { describedAs, FRESHNESS } from '../../support/descriptor.js';
import { heapBytes } from '../../support/flood.js';
import { viewOf } from '../../support/arena.js';

const ARENA = viewOf(262_144);

t.test('LocalObject has a plain body only where a hit may be sent as it lies', (t) => {
  const two = [
    { offset: 0, length: 4_096 },
    { offset: 8_192, length: 4_096 },
  ];
  const rows = [
    [{}, true, 'a small whole 200'],
    [{ storedBytes: 0, totalBytes: 0, extents: [] }, true, 'an empty one'],
    [{ storedBytes: SMALL_BYTES, totalBytes: SMALL_BYTES }, true, 'the largest small one'],
    [{ storedBytes: SMALL_BYTES + 1, totalBytes: SMALL_BYTES + 1 }, false, 'a large one'],
    [{ extents: two }, false, 'in two pieces'],
    [{ status: 206, firstByte: 0, totalBytes: 200 }, false, 'a part'],
    [{ firstByte: 50, totalBytes: 150 }, false, 'not from the start'],
    [{ status: 404 }, false, 'another status'],
    [{ vary: ['accept-language'] }, false, 'one of several'],
    [{ storedBytes: -1, totalBytes: -1 }, false, 'a fill of unknown length'],
  ] as const;
  for (const [facts, plain, why] of rows) {
    const object = new LocalObject(describedAs(facts), ARENA, 'headgate');
    t.equal(object.plain !== undefined, plain, why);
  }
  t.end();
});

t.test('LocalObject is fresh until its lifetime ends, and never where each use must ask', (t) => {
  const fresh = new LocalObject(describedAs({}), ARENA, 'headgate');
  t.equal(fresh.freshUntilMs, 60_000);
  const freshness = { ...FRESHNESS, alwaysRevalidate: true };
  const asking = new LocalObject(describedAs({ freshness }), ARENA, 'headgate');
  t.equal(asking.freshUntilMs, 0);
  t.end();
});

t.test('PlainBody.hitBlock() counts age up and ttl down', (t) => {
  const object = new LocalObject(
    describedAs({ fields: [['content-type', 'video/mp4']], upstreamStatus: 'inner; hit' }),
    ARENA,
    'headgate',
  );
  const lines = (nowMs: number): string[] =>
    Buffer.from(object.plain?.hitBlock(nowMs) ?? [])
      .toString('latin1')
      .split('\r\n');
  t.same(lines(2_500).slice(0, 3), [
    'inner; hit, headgate; hit; ttl=57',
    'Age: 2',
    'content-type: video/mp4',
  ]);
  t.same(lines(3_000).slice(0, 2), ['inner; hit, headgate; hit; ttl=57', 'Age: 3']);
  t.equal(object.plain?.hitBlock(3_999), object.plain?.hitBlock(3_100), 'made once a second');
  t.end();
});

t.test('LocalObject has a body for each coding of ours', (t) => {
  const encodings = [
    {
      coding: 'br',
      slot: 7,
      generation: 3,
      extents: [{ offset: 4_096, length: 4_096 }],
      bytes: 50,
    },
  ] as const;
  const { coded, plain } = new LocalObject(
    describedAs({ codable: true, encodings, etag: '"v"', fields: [['etag', '"v"']] }),
    ARENA,
    'headgate',
  );
  t.match(coded, [{ coding: 'br', slot: 7, generation: 3 }]);
  t.equal(coded[0]?.view.byteOffset, 4_096);
  t.equal(coded[0]?.view.length, 50);
  const text = Buffer.from(coded[0]?.hitBlock(0) ?? []).toString('latin1');
  t.match(text, /content-encoding: br/i);
  t.match(text, /etag: W\/"v"/, 'other bytes, so a weak validator');
  t.match(text, /vary: Accept-Encoding/i);
  t.match(Buffer.from(plain?.hitBlock(0) ?? []).toString('latin1'), /vary: Accept-Encoding/i);
  t.end();
});

t.test('LocalObject.bytes is near to what it takes of the heap', (t) => {
  const rows = [
    [{ lines: 8, value: 40, key: 60 }, {}],
    [{ lines: 8, value: 40, key: 60 }, { status: 404 }],
    [{ lines: 30, value: 1_000, key: 60 }, {}],
    [{ lines: 2, value: 20, key: 8_000 }, { status: 404 }],
  ] as const;
  for (const [{ lines, value, key }, facts] of rows) {
    const kept: LocalObject[] = [];
    const before = heapBytes() + process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 600; i += 1) {
      const fields = Array.from({ length: lines }, (_, n) => {
        return [`x-${n}`, `${i}${'y'.repeat(value)}`] as const;
      });
      const described = describedAs({ key: `/v/${'k'.repeat(key)}${i}`, fields, ...facts });
      // As it comes from another thread.
      const object = new LocalObject(structuredClone(described), ARENA, 'headgate');
      object.plain?.hitBlock(5_000);
      kept.push(object);
    }
    const taken = heapBytes() + process.memoryUsage().arrayBuffers - before;
    const ratio = kept.reduce((sum, { bytes }) => sum + bytes, 0) / taken;
    t.ok(ratio > 0.7 && ratio < 1.3, `${lines} lines: ${ratio.toFixed(2)} of what it is`);
  }
  t.end();
});
