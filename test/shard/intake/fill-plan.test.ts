import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import type { HlsMediaPlaylist } from '../../../src/media/hls.js';
import { parsePlaylist } from '../../../src/media/hls.js';
import type { OriginResponse } from '../../../src/origin/origin.js';
import { sliceKeys } from '../../../src/protocol/slices.js';
import type { StorePlan } from '../../../src/rules/policy.js';
import {
  type Arrival,
  factsOfStored,
  planOf,
  withRhythm,
} from '../../../src/shard/intake/fill-plan.js';
import type { Stored } from '../../../src/shard/holdings/entry.js';
import { IntakeBench, waiterOf } from '../../support/intake.js';

const LIVE = ['#EXTM3U', '#EXT-X-TARGETDURATION:6', '#EXTINF:6,', '1.m4s', ''].join('\n');

interface Answer {
  readonly status?: number;
  readonly headers?: FieldLines;
  readonly about?: Partial<OriginResponse>;
  readonly asked?: FieldLines;
  readonly live?: boolean;
}

/** What may become of an answer, of a shard that serves stale for an hour. */
function plan(path: string, answer: Answer = {}): StorePlan {
  const { status = 200, headers = [], about = {}, asked = [], live = false } = answer;
  const bench = new IntakeBench({ cache: { staleWhileRevalidate: 3_600_000 } });
  const came = bench.arrival(status, headers);
  const arrival: Arrival = { ...came, response: { ...came.response, ...about } };
  const fill = bench.fill([waiterOf(1, path, { headers: asked })]);
  const facts = live ? { status, manifest: playlist() } : { status };
  return planOf(bench.context, { fill, arrival }, facts);
}

function playlist(): HlsMediaPlaylist {
  const parsed = parsePlaylist(LIVE);
  if ('error' in parsed || parsed.kind !== 'media') throw new Error('no playlist');
  return parsed;
}

t.test('planOf() gives a lifetime by what the object is, where its origin gives none', (t) => {
  const { ttl } = new IntakeBench().context.config.cache;
  const type = (value: string): FieldLines => [['content-type', value]];
  const rows: [path: string, answer: Answer, ttlMs: number, why: string][] = [
    ['/a/1.m4s', { headers: type('video/mp4') }, ttl.segment, 'a segment, as declared'],
    ['/a/1.m4s?v=2.json', { headers: type('video/mp4') }, ttl.segment, 'its query names nothing'],
    ['/a/x', { headers: type('video/mp4') }, ttl.segment, 'whatever its name'],
    [
      sliceKeys('/a/1.m4s', '"a"', 1_000)(3),
      {},
      Math.min(ttl.segment, ttl.undeclared),
      'a slice of it',
    ],
    ['/a/1.m4s', {}, Math.min(ttl.segment, ttl.undeclared), 'by its name alone'],
    ['/a/1.m4s', { about: { forEveryone: true } }, ttl.segment, 'where names are declarations'],
    ['/a/x', { status: 404 }, ttl.notFound, 'nothing'],
    ['/a/x', { headers: [['cache-control', 'max-age=7']] }, 7_000, 'its origin says so'],
    ['/a/1.m4s', { about: { settling: true, forEveryone: true } }, 1_000, 'it is being written'],
  ];
  for (const [path, answer, ttlMs, why] of rows) {
    t.match(plan(path, answer), { store: true, ttlMs }, why);
  }
  t.end();
});

t.test('planOf() judges by the request of the leader', (t) => {
  const rows: [Answer, string][] = [
    [{ asked: [['authorization', 'x']] }, 'authorization'],
    [{ asked: [['cookie', 'a=b']] }, 'credentials'],
    [{ status: 206, headers: [['content-range', 'bytes 0-1/9']] }, 'partial'],
    [{ headers: [['vary', '*']] }, 'vary'],
  ];
  for (const [answer, reason] of rows) t.match(plan('/a/1.m4s', answer), { store: false, reason });
  const headers: FieldLines = [['content-range', 'bytes 0-1/9']];
  t.ok(plan('/a/1.m4s', { status: 206, headers, asked: [['range', 'bytes=0-1']] }).store);
  t.end();
});

t.test('planOf() never gives what may be live out stale while it is fetched', (t) => {
  const KEPT: FieldLines = [['cache-control', 'max-age=60']];
  const rows: [path: string, live: boolean, swrMs: number, why: string][] = [
    ['/a/1.m4s', false, 3_600_000, 'a segment does not change'],
    ['/a/x.m3u8', true, 0, 'a live playlist does'],
    ['/a/x.m3u8', false, 0, 'one that is unread may be live'],
  ];
  for (const [path, live, swrMs, why] of rows) {
    t.match(plan(path, { headers: KEPT, live }), { store: true, swrMs }, why);
  }
  t.end();
});

t.test('planOf() goes by the fields that a 304 has brought up to date', (t) => {
  const bench = new IntakeBench();
  const answered = { fill: bench.fill([waiterOf(1)]), arrival: bench.arrival(304, []) };
  const fields: FieldLines = [['cache-control', 'max-age=7']];
  t.match(planOf(bench.context, answered, { status: 200 }, fields), { store: true, ttlMs: 7_000 });
  t.match(planOf(bench.context, answered, { status: 304 }), { store: false, reason: 'status' });
  t.end();
});

t.test('withRhythm() counts changes by when the request left that brought them', (t) => {
  const bench = new IntakeBench();
  const stored = bench.keep('/a/x.m3u8', LIVE);
  stored.rhythm = { content: 1, sinceMs: 10, seenMs: 20, afterMs: NaN };
  const fill = bench.fill([waiterOf(1, '/a/x.m3u8')], { stored });
  const arrival = { ...bench.arrival(200, []), requestMs: 100, responseMs: 130 };
  t.same(withRhythm({ fill, arrival }, { status: 200, content: 2 }).rhythm, {
    of: { content: 2, sinceMs: 100, seenMs: 100, afterMs: 20 },
    nowMs: 130,
  });
  t.match(withRhythm({ fill, arrival }, { status: 200, content: 1 }).rhythm, {
    of: { content: 1, sinceMs: 10, seenMs: 100 },
  });
  const first = bench.fill([waiterOf(1, '/a/y.m3u8')]);
  t.same(withRhythm({ fill: first, arrival }, { status: 200, content: 1 }).rhythm?.of.afterMs, NaN);
  t.same(withRhythm({ fill, arrival }, { status: 200 }), { status: 200 }, 'it is no manifest');
  t.end();
});

t.test('factsOfStored() looks into manifests, and into nothing else', (t) => {
  const bench = new IntakeBench();
  const { descriptor } = bench.keep('/a/x.m3u8?b=/c.ts', LIVE);
  const seen: unknown[] = [];
  const look = (kind: Stored['kind']): unknown =>
    factsOfStored(bench.context, { kind, descriptor }, (object, status, body) => {
      seen.push([object, status, Buffer.from(body as Uint8Array).toString()]);
      return { status, content: 7 };
    });
  for (const kind of ['playlist', 'mpd'] as const) {
    t.same(look(kind), { status: 200, content: 7 });
    t.same(seen.pop(), [{ path: '/a/x.m3u8', kind }, 200, LIVE]);
  }
  for (const kind of ['segment', 'json', 'other'] as const) t.same(look(kind), { status: 200 });
  t.same(seen, []);
  t.end();
});
