/** What players, browsers and crawlers send for what is stored is served by the worker that has the connection. */
import t from 'tap';
import { metricsOf } from '../support/gateway.js';
import type { OriginServer } from '../support/origin-server.js';
import { startProxied } from '../support/proxied.js';
import type { RawAnswer } from '../support/raw-client.js';

const CMCD = 'CMCD=bl%3D21300%2Cbr%3D3200%2Csid%3D%226e2f%22';
const SEGMENT = Buffer.alloc(1_000, 's');
const LARGE = Buffer.alloc(700_000, 'l');
const LIST = `#EXTM3U\n#EXT-X-TARGETDURATION:4\n${'#EXTINF:4,\nseg.m4s\n'.repeat(100)}#EXT-X-ENDLIST\n`;
const HTML = 'no such thing';

function serveAll(origin: OriginServer): void {
  const fields = { 'Cache-Control': 'max-age=600', ETag: '"v"' };
  origin.on('/v/seg.m4s', ({ url = '' }) => ({ fields, body: url.includes('?') ? url : SEGMENT }));
  origin.on('/v/large.m4s', { fields, body: LARGE });
  origin.on('/v/list.m3u8', {
    fields: { ...fields, 'Content-Type': 'application/vnd.apple.mpegurl' },
    body: LIST,
  });
  origin.on('/v/none', { status: 404, fields, body: HTML });
  origin.on('/v/language', ({ headers }) => ({
    fields: { ...fields, Vary: 'Accept-Language' },
    body: `for ${String(headers['accept-language'])}`,
  }));
}

interface Row {
  readonly why: string;
  readonly target: string;
  readonly lines?: readonly string[];
  readonly status?: number;
  readonly body?: string | Buffer;
  readonly coded?: true;
}

const ROWS: readonly Row[] = [
  { why: 'bare', target: '/v/seg.m4s', body: SEGMENT },
  { why: 'with CMCD', target: `/v/seg.m4s?${CMCD}`, body: SEGMENT },
  { why: 'a query in the key', target: '/v/seg.m4s?v=1', body: '/v/seg.m4s?v=1' },
  {
    ...{ why: 'in another order', target: `/v/seg.m4s?b=2&${CMCD}&a=1` },
    body: '/v/seg.m4s?a=1&b=2',
  },
  {
    ...{ why: 'a range', target: '/v/seg.m4s', lines: ['Range: bytes=10-19'] },
    ...{ status: 206, body: SEGMENT.subarray(10, 20) },
  },
  { why: 'a condition', target: '/v/seg.m4s', lines: ['If-None-Match: "v"'], status: 304 },
  { why: 'a large body', target: '/v/large.m4s', body: LARGE },
  {
    ...{ why: 'a range of it', target: '/v/large.m4s', lines: ['Range: bytes=-100'] },
    ...{ status: 206, body: LARGE.subarray(-100) },
  },
  { why: 'a playlist', target: '/v/list.m3u8', body: LIST },
  {
    why: 'one in a coding',
    target: '/v/list.m3u8',
    lines: ['Accept-Encoding: gzip, br'],
    coded: true,
  },
  { why: 'an error', target: '/v/none', status: 404, body: HTML },
  { why: 'a variant', target: '/v/language', lines: ['Accept-Language: de'], body: 'for de' },
  { why: 'another', target: '/v/language', lines: ['Accept-Language: en'], body: 'for en' },
];

for (const apart of [false, true]) {
  t.test(`hits are served without asking a shard${apart ? ', each host apart' : ''}`, async (t) => {
    const { origin, gateway, get } = await startProxied(t, ['--set', `key.host=${apart}`]);
    serveAll(origin);
    const ask = ({ target, lines }: Row): Promise<RawAnswer> => get(target, lines);
    const nearHits = async (): Promise<number> => (await metricsOf(gateway))('near_hits_total');
    for (const row of ROWS) {
      await ask(row);
      let ready = await ask(row);
      // A coding is made for who could use it, and told.
      while (row.coded === true && !ready.fields.has('content-encoding')) ready = await ask(row);
      const before = await nearHits();
      for (let i = 0; i < 6; i += 1) {
        const answer = await ask(row);
        t.equal(answer.status, row.status ?? 200, row.why);
        if (row.body !== undefined) t.ok(answer.body.equals(Buffer.from(row.body)), row.why);
        if (row.coded === true) t.ok(answer.body.length < LIST.length / 2, row.why);
        t.match(answer.fields.get('cache-status'), /; hit; ttl=\d+$/, row.why);
      }
      t.equal(await nearHits(), before + 6, row.why);
    }
  });
}
