import t from 'tap';
import { reachesBehind } from '../../../src/edge/http/reaches-behind.js';
import { describedAs } from '../../support/descriptor.js';

const NOW_MS = Date.UTC(2026, 10, 30);

t.test('reachesBehind() asks on only where more may be', (t) => {
  const old = { dateMs: NOW_MS, lastModifiedMs: NOW_MS - 3_600_000 };
  const young = { dateMs: NOW_MS, lastModifiedMs: NOW_MS - 100 };
  const rows = [
    ['bytes=100-', old, [], false, 'at the end of what was written long ago'],
    ['bytes=500-600', old, [], false, 'behind it'],
    ['bytes=100-', young, [], true, 'it begins at the end'],
    ['bytes=500-600', young, [], true, 'it begins behind it'],
    [
      'bytes=90-200',
      old,
      [{ from: 90, length: 10 }],
      false,
      'the rest of what was written long ago',
    ],
    ['bytes=90-200', young, [{ from: 90, length: 10 }], true, 'of what is just being written'],
    ['bytes=10-19', young, [{ from: 10, length: 10 }], false, 'all of it is there'],
    ['bytes=-5', young, [{ from: 95, length: 5 }], false, 'a suffix has no end to reach past'],
    ['', young, [{ from: 0, length: 100 }], false, 'no range'],
  ] as const;
  for (const [range, times, pieces, want, why] of rows) {
    const descriptor = describedAs({ totalBytes: 100, ...times });
    t.equal(reachesBehind({ method: 'GET', range }, descriptor, { pieces }), want, why);
  }
  const undated = describedAs({ totalBytes: 100, dateMs: NOW_MS, lastModifiedMs: NaN });
  t.ok(
    reachesBehind({ method: 'GET', range: 'bytes=100-' }, undated, { pieces: [] }),
    'it may grow',
  );
  const missing = describedAs({ status: 404, totalBytes: 100, ...young });
  t.notOk(reachesBehind({ method: 'GET', range: 'bytes=100-' }, missing, { pieces: [] }));
  const unknown = describedAs({ totalBytes: -1, ...young });
  t.notOk(reachesBehind({ method: 'GET', range: 'bytes=5-' }, unknown, { pieces: [] }));
  const head = { method: 'HEAD', range: 'bytes=100-' };
  t.notOk(reachesBehind(head, describedAs({ totalBytes: 100, ...young }), { pieces: [] }));
  t.end();
});
