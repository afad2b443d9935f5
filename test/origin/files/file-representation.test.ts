import t from 'tap';
import {
  conditionsOf,
  describeFile,
  wantedRange,
} from '../../../src/origin/files/file-representation.js';
import type { FileState } from '../../../src/origin/files/file-state.js';

const NOW_MS = Date.UTC(2026, 10, 30, 12);
const CLOSED = { dateMs: NOW_MS, open: false };

function stateAt(agoMs: number): FileState {
  const ns = BigInt(NOW_MS - agoMs) * 1_000_000n;
  return { size: 100n, mtimeNs: ns, ctimeNs: ns, ino: 7n, nlink: 1n };
}

function requestOf(method: string, headers: [string, string][]): Parameters<typeof wantedRange>[0] {
  return { method, headers, target: '/a' };
}

t.test('describeFile() vouches for a file once it has settled', (t) => {
  const old = describeFile('/v/1.m4s', stateAt(60_000), CLOSED);
  t.match(old.etag, /^"/);
  t.same(old.lines, [
    ['date', 'Mon, 30 Nov 2026 12:00:00 GMT'],
    ['content-type', 'video/iso.segment'],
    ['etag', old.etag],
    ['accept-ranges', 'bytes'],
    ['last-modified', 'Mon, 30 Nov 2026 11:59:00 GMT'],
  ]);
  t.match(old, { settled: true, length: 100, lastModifiedMs: NOW_MS - 60_000 });
  for (const [path, control] of [
    ['/v/1.m4s', 'max-age=1, stale-while-revalidate=0'],
    ['/v/a.m3u8', 'no-cache'],
    ['/v/a.mpd', 'no-cache'],
  ] as const) {
    const young = describeFile(path, stateAt(10), CLOSED);
    t.match(young.etag, /^W\//, 'half of it may be to come');
    t.equal(young.lastModifiedMs, undefined, 'its second may not be over');
    t.same(young.lines.at(-1), ['cache-control', control], path);
    const paused = describeFile(path, stateAt(30_000), { dateMs: NOW_MS, open: true });
    t.match(paused.etag, /^W\//, 'its writer may only pause');
    t.same(paused.lines.at(-1), ['cache-control', control], path);
  }
  t.end();
});

t.test('wantedRange() is the one range of a GET under the right validator', (t) => {
  const about = describeFile('/v/1.m4s', stateAt(60_000), CLOSED);
  const young = describeFile('/v/1.m4s', stateAt(10), CLOSED);
  const rows = [
    ['GET', [['range', 'bytes=10-19']], about, [10, 19]],
    ['GET', [['range', 'bytes=-5']], about, [95, 99]],
    ['GET', [['range', 'bytes=100-']], about, 'unsatisfiable'],
    ['GET', [['range', 'bytes=0-1,5-6']], about, undefined],
    ['GET', [['range', 'lines=1-2']], about, undefined],
    ['GET', [], about, undefined],
    ['HEAD', [['range', 'bytes=10-19']], about, undefined],
    [
      'GET',
      [
        ['range', 'bytes=1-2'],
        ['if-range', about.etag],
      ],
      about,
      [1, 2],
    ],
    [
      'GET',
      [
        ['range', 'bytes=1-2'],
        ['if-range', '"other"'],
      ],
      about,
      undefined,
    ],
    [
      'GET',
      [
        ['range', 'bytes=1-2'],
        ['if-range', young.etag],
      ],
      young,
      undefined,
    ],
  ] as const;
  for (const [method, headers, of, want] of rows) {
    const request = requestOf(method, headers as unknown as [string, string][]);
    t.same(wantedRange(request, of), want, `${method} ${JSON.stringify(headers)}`);
  }
  t.end();
});

t.test('conditionsOf() hands on what a request makes conditions of', (t) => {
  const headers: [string, string][] = [
    ['if-none-match', '"a"'],
    ['if-modified-since', 'x'],
    ['if-match', '*'],
    ['if-unmodified-since', 'y'],
  ];
  t.same(conditionsOf(requestOf('GET', headers)), {
    ...{ method: 'GET', ifMatch: '*', ifNoneMatch: '"a"' },
    ...{ ifModifiedSince: 'x', ifUnmodifiedSince: 'y' },
  });
  t.end();
});
