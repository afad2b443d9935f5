import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { runCli } from '../../src/commands/program.js';
import { warm, type WarmPlan } from '../../src/commands/warm-run.js';
import { fakeTerminal } from '../support/fake-terminal.js';

const MULTIVARIANT = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="audio/en.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1000,AUDIO="a"
v1.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2000,AUDIO="a"
v2.m3u8
`;

function media(name: string, segments: number): string {
  const lines = Array.from({ length: segments }, (_, i) => `#EXTINF:4,\n${name}-${i}.m4s\n`);
  return `#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI="${name}-init.mp4"\n${lines.join('')}#EXT-X-ENDLIST\n`;
}

/** Two seconds of audio by a timeline, four of video in each other way that there is. */
const MANIFEST = `<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT4S"
  profiles="urn:mpeg:dash:profile:full:2011" minBufferTime="PT2S"><Period>
<AdaptationSet contentType="video" mimeType="video/mp4">
<Representation id="n" bandwidth="100" codecs="avc1.4d400c" width="16" height="9"><BaseURL>n/</BaseURL>
<SegmentTemplate duration="2" startNumber="1" initialization="init.mp4" media="$Number$.m4s"/></Representation>
<Representation id="l" bandwidth="200" codecs="avc1.4d400c" width="32" height="18">
<SegmentList duration="2"><Initialization sourceURL="linit.mp4"/><SegmentURL media="l1.m4s"/><SegmentURL media="l2.m4s"/></SegmentList>
</Representation>
<Representation id="o" bandwidth="300" codecs="avc1.4d400c" width="64" height="36"><BaseURL>one.mp4</BaseURL>
<SegmentBase indexRange="100-200"><Initialization range="0-99"/></SegmentBase></Representation>
</AdaptationSet>
<AdaptationSet contentType="audio" mimeType="audio/mp4" lang="en">
<SegmentTemplate timescale="48000" initialization="$RepresentationID$init.mp4" media="$RepresentationID$-$Time$.m4s">
<SegmentTimeline><S t="0" d="96000" r="1"/></SegmentTimeline></SegmentTemplate>
<Representation id="a" bandwidth="10" codecs="mp4a.40.2"/></AdaptationSet>
<AdaptationSet contentType="text" mimeType="text/vtt" lang="en">
<Representation id="t" bandwidth="1"><BaseURL>en.ts</BaseURL></Representation></AdaptationSet>
</Period></MPD>`;

const FILES: Readonly<Record<string, string>> = {
  '/v/master.m3u8': MULTIVARIANT,
  '/v/audio/en.m3u8': media('en', 5),
  '/v/v1.m3u8': media('v1', 5),
  '/v/v2.m3u8': media('v2', 5),
  '/v/far.m3u8':
    '#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nhttp://elsewhere.example/a.ts\n#EXTINF:4,\nb.ts\n#EXT-X-ENDLIST\n',
  '/d/m.mpd': MANIFEST,
  '/v/nothing.m3u8': 'hello',
  '/v/nothing.mpd': '<html>hello</html>',
};

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function gateway(
  t: Test,
  handle: Handler = serveFile,
): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    handle(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

function serveFile(request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? '';
  const known = FILES[url] ?? (/\.(?:m4s|mp4|ts)$/.test(url) ? 'x'.repeat(1000) : undefined);
  const cached = url.endsWith('-0.m4s') ? 'headgate; hit; ttl=3' : 'headgate; fwd=uri-miss; stored';
  response.writeHead(known === undefined ? 404 : 200, { 'Cache-Status': cached }).end(known);
}

function plan(url: string, more: Partial<WarmPlan> = {}): WarmPlan {
  const first = Number.POSITIVE_INFINITY;
  return { url, first, concurrency: 3, timeoutMs: 5_000, onProgress: () => undefined, ...more };
}

t.test(
  'warm() fetches every playlist, init segment and segment of all renditions, each once',
  async (t) => {
    const { url, asked } = await gateway(t);
    const seen: [number, number][] = [];
    const onProgress = (done: number, total: number): void => void seen.push([done, total]);
    const result = await warm(plan(`${url}/v/master.m3u8`, { onProgress }));
    t.equal(result.objects, 4 + 3 * 6);
    t.strictSame(result.failures, []);
    t.equal(result.hits, 3, 'what the gateway had already');
    t.equal(new Set(asked).size, asked.length, 'none twice');
    t.ok(asked.includes('/v/audio/en-init.mp4'), 'resolved against its own playlist');
    t.strictSame(seen.at(-1), [21, 21], 'progress ends at its total');
  },
);

t.test(
  'warm() takes the first n segments of each rendition, with their init segments',
  async (t) => {
    const { url, asked } = await gateway(t);
    await warm(plan(`${url}/v/master.m3u8`, { first: 2 }));
    t.strictSame(asked.filter((path) => path.startsWith('/v/v1-')).toSorted(), [
      '/v/v1-0.m4s',
      '/v/v1-1.m4s',
      '/v/v1-init.mp4',
    ]);
  },
);

t.test(
  'warm() fetches what a DASH manifest names: numbered, listed, timed and single files',
  async (t) => {
    const { url, asked } = await gateway(t);
    const whole = await warm(plan(`${url}/d/m.mpd`));
    t.strictSame(whole.failures, []);
    t.strictSame(asked.toSorted(), [
      '/d/a-0.m4s',
      '/d/a-96000.m4s',
      '/d/ainit.mp4',
      '/d/en.ts',
      '/d/l1.m4s',
      '/d/l2.m4s',
      '/d/linit.mp4',
      '/d/m.mpd',
      '/d/n/1.m4s',
      '/d/n/2.m4s',
      '/d/n/init.mp4',
      '/d/one.mp4',
    ]);
    asked.length = 0;
    await warm(plan(`${url}/d/m.mpd`, { first: 1 }));
    t.notMatch(asked.join(' '), /l2|2\.m4s|a-96000/);
    t.equal(asked.length, 9);
  },
);

t.test('warm() never has more requests under way than it may', async (t) => {
  let underWay = 0;
  let most = 0;
  const { url } = await gateway(t, (request, response) => {
    most = Math.max(most, (underWay += 1));
    setImmediate(() => {
      underWay -= 1;
      serveFile(request, response);
    });
  });
  await warm(plan(`${url}/v/master.m3u8`, { concurrency: 2 }));
  t.equal(most, 2);
});

t.test('warm() goes on after a failure and names it', async (t) => {
  const failing: Readonly<Record<string, Handler>> = {
    '/v/v1.m3u8': (_, response) => response.writeHead(502).end('no'),
    '/v/v2-3.m4s': (_, response) => {
      response.writeHead(200, { 'Content-Length': 100 });
      response.write('short', () => response.destroy());
    },
    '/v/audio/en-2.m4s': () => undefined, // never answers
  };
  const { url } = await gateway(t, (request, response) => {
    (failing[request.url ?? ''] ?? serveFile)(request, response);
  });
  const { objects, failures } = await warm(plan(`${url}/v/master.m3u8`, { timeoutMs: 500 }));
  t.equal(objects, 3 + 2 * 6 - 2);
  t.strictSame(
    failures.map((failure) => failure.slice(url.length).split(': ')[0]).toSorted(),
    Object.keys(failing).toSorted(),
  );
});

t.test('warm() leaves other hosts alone', async (t) => {
  const { url } = await gateway(t);
  const { objects, skipped } = await warm(plan(`${url}/v/far.m3u8`));
  t.equal(objects, 2);
  t.equal(skipped, 1);
});

t.test('warm() rejects when the playlist itself cannot be had', async (t) => {
  const { url } = await gateway(t);
  const rows = [
    [`${url}/v/none.m3u8`, 'not there'],
    [`${url}/v/nothing.m3u8`, 'not a playlist'],
    [`${url}/v/nothing.mpd`, 'not a manifest'],
    ['http://127.0.0.1:1/a.m3u8', 'no gateway'],
  ] as const;
  for (const [playlist, why] of rows) {
    await t.rejects(warm(plan(playlist)), { code: 'GW_WARM_FAILED' }, why);
  }
});

t.test('headgate warm sums up on stdout, and ends with 1 when something failed', async (t) => {
  const { url } = await gateway(t, (request, response) => {
    if (request.url === '/v/v1-4.m4s') response.writeHead(504).end();
    else serveFile(request, response);
  });
  const good = fakeTerminal({ HEADGATE_LISTEN: new URL(url).host });
  t.equal(await runCli(['warm', '/v/master.m3u8', '--first', '1'], good), 0, 'a path will do');
  t.match(good.stdout.text, /^fetched 10 objects, .* 0 failed, 0 skipped\n$/);
  t.equal(good.stderr.text, '', 'no bar where there is no terminal');
  const bad = fakeTerminal();
  t.equal(await runCli(['warm', `${url}/v/master.m3u8`], bad), 1);
  t.match(bad.stdout.text, '1 failed');
  t.match(bad.stderr.text, /^headgate: GW_WARM_FAILED: .*v1-4.m4s: status 504\n$/);
});

t.test('headgate warm refuses a URL with a password, and does not show it', async (t) => {
  for (const url of ['http://user:s3cret@127.0.0.1:1/a.m3u8', '//user:s3cret@127.0.0.1:1/a.m3u8']) {
    const terminal = fakeTerminal();
    t.equal(await runCli(['warm', url], terminal), 2);
    t.match(terminal.stderr.text, 'GW_USAGE');
    t.notMatch(terminal.stderr.text + terminal.stdout.text, 's3cret');
  }
});
