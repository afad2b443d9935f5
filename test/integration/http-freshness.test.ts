/**
 * How long answers live, over real sockets. Time does not pass here: an origin that sends `Age`
 * hands out answers that are as old as the test needs them.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { startGateway } from '../support/gateway.js';
import { TEST_CERT, TEST_KEY } from '../support/tls.js';
import type { RawAnswer } from '../support/raw-client.js';
import type { Fields, SeenRequest } from '../support/origin-server.js';
import { outcome, ownStatus, startProxied, text } from '../support/proxied.js';

const { origin, gateway, get } = await startProxied(t);

function agoDate(seconds: number): string {
  return new Date(Date.now() - seconds * 1_000).toUTCString();
}

/** The form with a year of two digits, RFC 9110 section 5.6.7. */
function rfc850(ms: number): string {
  const date = new Date(ms);
  const day = new Intl.DateTimeFormat('en', { weekday: 'long', timeZone: 'UTC' }).format(date);
  const [, of = '', month = '', year = '', time = ''] = date.toUTCString().split(' ');
  return `${day}, ${of}-${month}-${year.slice(2)} ${time} GMT`;
}

/** What the second of two requests was, and how often the origin was asked in all. */
async function twice(
  path: string,
  fields: Fields,
  lines: readonly string[] = [],
): Promise<{ first: string; second: string; asked: number }> {
  origin.on(path, { fields, body: `body of ${path}` });
  const first = await get(path);
  const second = await get(path, lines);
  return { first: outcome(first), second: outcome(second), asked: origin.count(path) };
}

t.test('an answer is reused for as long as its origin says, and no longer', async (t) => {
  const rows: readonly (readonly [name: string, Fields, 'hit' | 'miss' | 'stale', why: string])[] =
    [
      ['max-age', { 'Cache-Control': 'max-age=60' }, 'hit', 'explicit'],
      ['s-maxage', { 'Cache-Control': 'max-age=0, s-maxage=60' }, 'hit', 's-maxage wins'],
      ['s-maxage-0', { 'Cache-Control': 'max-age=60, s-maxage=0', ETag: '"a"' }, 'stale', 'also'],
      ['expires', { Expires: agoDate(-60) }, 'hit', 'in a minute'],
      ['expires-past', { Expires: agoDate(60), ETag: '"a"' }, 'stale', 'a minute ago'],
      ['expires-0', { Expires: '0', ETag: '"a"' }, 'stale', 'no date means past'],
      [
        'max-age-over-expires',
        { 'Cache-Control': 'max-age=60', Expires: agoDate(60) },
        'hit',
        'RFC 9111 section 5.3',
      ],
      ['age', { 'Cache-Control': 'max-age=60', Age: '30' }, 'hit', 'half of it is over'],
      ['age-over', { 'Cache-Control': 'max-age=60, must-revalidate', Age: '61' }, 'stale', 'over'],
      [
        'date-old',
        { 'Cache-Control': 'max-age=60, must-revalidate', Date: agoDate(90) },
        'stale',
        'apparent age',
      ],
      ['heuristic', { 'Last-Modified': agoDate(1_000) }, 'hit', 'a tenth of its age'],
      ['no-store', { 'Cache-Control': 'no-store, max-age=60' }, 'miss', 'forbidden'],
      ['private', { 'Cache-Control': 'private, max-age=60' }, 'miss', 'for one viewer'],
      ['no-cache', { 'Cache-Control': 'no-cache', ETag: '"a"' }, 'stale', 'asks each time'],
      [
        'cdn-over',
        { 'Cache-Control': 'no-store', 'CDN-Cache-Control': 'max-age=60' },
        'hit',
        'RFC 9213: over everything else',
      ],
      [
        'cdn-under',
        { 'Cache-Control': 'max-age=60', 'CDN-Cache-Control': 'no-store' },
        'miss',
        'also when it forbids',
      ],
      [
        'cdn-expires',
        { Expires: agoDate(60), 'CDN-Cache-Control': 'max-age=60' },
        'hit',
        'over Expires',
      ],
      [
        'cdn-broken',
        { 'Cache-Control': 'max-age=60', 'CDN-Cache-Control': 'max-age=' },
        'hit',
        'an invalid one counts as none',
      ],
      ['vary-star', { 'Cache-Control': 'max-age=60', Vary: '*' }, 'miss', 'never the same'],
      ['set-cookie', { 'Cache-Control': 'max-age=60', 'Set-Cookie': 'a=b' }, 'miss', 'one viewer'],
      [
        'set-cookie-public',
        { 'Cache-Control': 'public, max-age=60', 'Set-Cookie': 'a=b' },
        'hit',
        'the origin says everyone',
      ],
    ];
  for (const [name, fields, want, why] of rows) {
    const { first, second, asked } = await twice(`/fresh/${name}`, fields);
    t.equal(first, 'uri-miss', `${name}: cold`);
    t.equal(second, want === 'miss' ? 'uri-miss' : want, `${name}: ${why}`);
    t.equal(asked, want === 'hit' ? 1 : 2, `${name}: requests to the origin`);
  }
});

t.test('answers of any status are kept when they say how long', async (t) => {
  const fields = { 'Cache-Control': 'max-age=60' };
  for (const status of [
    200, 203, 204, 300, 301, 302, 307, 308, 400, 403, 404, 410, 451, 500, 503,
  ]) {
    const path = `/status/${status}`;
    origin.on(path, { status, fields, body: status === 204 ? '' : `status ${status}` });
    await get(path);
    const again = await get(path);
    t.equal(again.status, status, `${status} again`);
    t.equal(text(again), status === 204 ? '' : `status ${status}`, `${status}: its body`);
    t.equal(origin.count(path), 1, `${status} asked for once`);
  }
});

t.test('errors are not kept when nothing says how long', async (t) => {
  for (const status of [302, 400, 403, 429, 500, 503]) {
    const path = `/unsaid/${status}`;
    origin.on(path, { status, body: 'error' });
    t.equal((await get(path)).status, status, 'passed on as it came');
    await get(path);
    t.equal(origin.count(path), 2, `${status} asked for again`);
  }
});

t.test('Age counts what an answer was old when it came', async (t) => {
  origin.on('/age', { fields: { 'Cache-Control': 'max-age=600', Age: '100' }, body: 'x' });
  await get('/age');
  const { fields } = await get('/age');
  const age = Number(fields.get('age'));
  t.ok(age >= 99 && age < 110, `an age of ${age}, by a clock that ticks every 50 ms`);
  t.match(
    fields.get('cache-status'),
    /^headgate; hit; ttl=(?:49\d|50[01])$/,
    'what is left of 600',
  );
});

t.test('Date is when the origin made it, however it is served', async (t) => {
  const wall = (answer: RawAnswer): number => Date.parse(answer.fields.get('date') ?? '');
  const date = agoDate(20);
  const kept = { 'Cache-Control': 'max-age=60', Date: date };
  const playlist = '#EXTM3U\n#EXT-X-ENDLIST\n'.padEnd(3_000, '#\n');
  const rows: readonly (readonly [why: string, Fields, string, (readonly string[])?])[] = [
    ['plain', { ...kept, 'Content-Type': 'video/mp2t' }, 'media'],
    ['plain of 60 KB', { ...kept, 'Content-Type': 'video/mp2t' }, 'm'.repeat(60_000)],
    ['plain of 300 KB', { ...kept, 'Content-Type': 'video/mp2t' }, 'm'.repeat(300_000)],
    ['text', { ...kept, 'Content-Type': 'text/plain' }, 'some text'],
    ['coded', { ...kept, 'Content-Type': 'text/plain' }, playlist, ['Accept-Encoding: gzip']],
    ['range', { ...kept, 'Content-Type': 'video/mp2t' }, 'media', ['Range: bytes=1-2']],
    ['304', { ...kept, ETag: '"a"' }, 'media', ['If-None-Match: "a"']],
    ['varying', { ...kept, Vary: 'Accept-Language' }, 'media'],
    ['not kept', { 'Cache-Control': 'no-store', Date: date }, 'media'],
    ['obsolete form', { ...kept, Date: rfc850(Date.parse(date)) }, 'media'],
  ];
  for (const [why, fields, body, lines] of rows) {
    const path = `/dated/${why.replaceAll(' ', '-')}`;
    origin.on(path, { fields, body });
    for (const nth of ['first', 'second', 'third']) {
      const answer = await get(path, lines);
      t.equal(answer.fields.get('date'), date, `${why}, ${nth}: ${ownStatus(answer)}`);
    }
  }
  origin.on('/dated/post', { fields: { Date: date }, body: 'done' });
  const posted = await fetch(`http://127.0.0.1:${gateway.port}/dated/post`, { method: 'POST' });
  t.equal(posted.headers.get('date'), date, 'of what passes');

  const fromMs = Date.now() - 1_000;
  t.ok(wall(await get('/dated/unknown')) >= fromMs, 'a 404 says now again');
  const own = { 'Cache-Control': 'max-age=60', 'Content-Type': 'video/mp2t', Date: 'yesterday' };
  origin.on('/dated/malformed', { fields: own, body: 'media' });
  const mpd = { ...kept, 'Content-Type': 'application/dash+xml' };
  origin.on('/dated/live.mpd', { fields: mpd, body: '<MPD/>' });
  for (const path of ['/dated/malformed', '/dated/live.mpd']) {
    for (let i = 0; i < 3; i += 1) t.ok(wall(await get(path)) >= fromMs, `${path}: now`);
  }
});

t.test('Date is the same over TLS', async (t) => {
  const base = t.testdir({ 'cert.pem': TEST_CERT, 'key.pem': TEST_KEY });
  const tls = ['--tls-cert', join(base, 'cert.pem'), '--tls-key', join(base, 'key.pem')];
  const { port } = await startGateway(t, { args: [origin.url, ...tls] });
  const date = agoDate(20);
  const fields = { 'Cache-Control': 'max-age=60', 'Content-Type': 'video/mp2t', Date: date };
  for (const bytes of [100, 60_000, 1_000_000]) {
    const path = `/dated/tls/${bytes}`;
    const body = 'm'.repeat(bytes);
    origin.on(path, { fields, body });
    for (const nth of ['first', 'second', 'third']) {
      const url = `https://127.0.0.1:${port}${path}`;
      const request = httpsGet(url, { ca: TEST_CERT, agent: false });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      t.equal(response.headers.date, date, `${bytes} bytes, ${nth}`);
      t.equal(await textOf(response), body, 'whole');
    }
  }
});

t.test('a 304 brings its Date', async (t) => {
  const dates = [agoDate(30), agoDate(10)];
  origin.on('/dated/renewed', (_request, _response, nth) => ({
    status: nth === 1 ? 200 : 304,
    fields: { 'Cache-Control': 'no-cache', ETag: '"a"', Date: dates[nth - 1] ?? agoDate(0) },
    body: nth === 1 ? 'media' : '',
  }));
  for (const date of dates) {
    const answer = await get('/dated/renewed');
    t.equal(answer.status, 200);
    t.equal(answer.fields.get('date'), date);
  }
});

t.test('request directives are kept to', async (t) => {
  const fields = { 'Cache-Control': 'max-age=100, stale-while-revalidate=0', Age: '40' };
  const rows = [
    ['Cache-Control: no-cache', 2, 'the client wants it asked for'],
    ['Pragma: no-cache', 2, 'as of old'],
    ['Cache-Control: max-age=39', 2, 'it is older'],
    ['Cache-Control: max-age=50', 1, 'it is younger'],
    ['Cache-Control: min-fresh=70', 2, 'it has less than a minute left'],
    ['Cache-Control: min-fresh=30', 1, 'it has that'],
    ['Cache-Control: only-if-cached', 1, 'it is cached'],
    ['Cache-Control: no-store', 1, 'forbids keeping, not the use of what is kept'],
  ] as const;
  for (const [i, [line, asked, why]] of rows.entries()) {
    const path = `/directive/${i}`;
    await twice(path, fields, [line]);
    t.equal(origin.count(path), asked, `${line}: ${why}`);
  }
  const refused = await get('/directive/unknown', ['Cache-Control: only-if-cached']);
  t.equal(refused.status, 504, 'only-if-cached, and it is not');
  t.equal(origin.count('/directive/unknown'), 0, 'the origin was left alone');
  const stale = { 'Cache-Control': 'max-age=10, stale-while-revalidate=0', Age: '20' };
  const lenient = await twice('/directive/stale', stale, ['Cache-Control: max-stale=60']);
  t.equal(lenient.second, 'hit', 'max-stale takes what is stale by ten seconds');
  const strict = await twice('/directive/strict', stale, ['Cache-Control: max-stale=5']);
  t.equal(strict.asked, 2, 'but by no more than it says');
});

t.test('a request that forbids storing is not stored for others', async (t) => {
  origin.on('/no-store-request', { fields: { 'Cache-Control': 'max-age=60' }, body: 'x' });
  t.equal(outcome(await get('/no-store-request', ['Cache-Control: no-store'])), 'request');
  t.equal(outcome(await get('/no-store-request')), 'uri-miss');
});

t.test('answers to requests with credentials are kept only by leave of the origin', async (t) => {
  const rows = [
    ['max-age=60', 2, 'no leave'],
    ['public, max-age=60', 1, 'public'],
    ['s-maxage=60', 1, 's-maxage'],
    ['max-age=60, must-revalidate', 1, 'must-revalidate'],
  ] as const;
  for (const [i, [control, asked, why]] of rows.entries()) {
    const path = `/authorized/${i}`;
    origin.on(path, { fields: { 'Cache-Control': control }, body: 'secret' });
    await get(path, ['Authorization: Bearer one']);
    await get(path, ['Authorization: Bearer two']);
    t.equal(origin.count(path), asked, why);
    t.equal(origin.seen(path)[0]?.fields['authorization'], 'Bearer one', 'credentials go upstream');
  }
});

t.test(
  'stale while revalidating: one background request, whoever asks and how often',
  async (t) => {
    const path = '/swr';
    const age = { 'Cache-Control': 'max-age=10, stale-while-revalidate=600', Age: '20' };
    origin.on(path, { fields: { ...age, ETag: '"1"' }, body: 'old' });
    await get(path);
    const refresh = origin.hold(path);
    const answers = await Promise.all(Array.from({ length: 12 }, () => get(path)));
    t.same(new Set(answers.map(text)), new Set(['old']), 'nobody waits for the origin');
    t.match(ownStatus(answers[0] ?? (await get(path))), /^hit; ttl=-1\d; detail=stale-while-rev/);
    const held = await refresh;
    await Promise.all(Array.from({ length: 12 }, () => get(path)));
    t.equal(origin.count(path), 2, 'one fill and one refresh');
    t.equal(held.request.headers['if-none-match'], '"1"', 'which validates');
    held.response.writeHead(200, { 'Cache-Control': 'max-age=600', ETag: '"2"' }).end('new');
    const fresh = await until(async () => {
      const answer = await get(path);
      return text(answer) === 'new' ? answer : undefined;
    });
    t.equal(outcome(fresh), 'hit', 'the new one is there');
    t.equal(origin.count(path), 2, 'and was not asked for again');
  },
);

t.test('stale if the origin fails: by a status, by hanging up, within its time', async (t) => {
  const stale = (more: string): Fields => ({
    'Cache-Control': `max-age=10, stale-while-revalidate=0${more}`,
    Age: '20',
  });
  const rows = [
    ['hang-up', stale(', stale-if-error=600'), 'hit', 'nothing came'],
    ['503', stale(', stale-if-error=600'), 'hit', 'told to come later'],
    ['502', stale(', stale-if-error=600'), 'hit', 'a bad gateway before it'],
    ['404', stale(', stale-if-error=600'), '', '404 is an answer'],
    ['503-over', stale(', stale-if-error=5'), '', 'stale for longer than allowed'],
    ['503-must', stale(', stale-if-error=600, must-revalidate'), '', 'must not be stale'],
    ['503-unsaid', stale(''), 'hit', 'where the origin does not say: a day'],
  ] as const;
  for (const [name, fields, want, why] of rows) {
    const path = `/sie/${name}`;
    origin.on(path, { fields, body: 'kept' });
    await get(path);
    origin.on(path, (_request, response) => {
      if (name !== 'hang-up') return { status: Number(name.slice(0, 3)), body: 'bad' };
      response.destroy();
      return undefined;
    });
    const answer = await get(path);
    t.equal(text(answer), want === 'hit' ? 'kept' : 'bad', `${name}: ${why}`);
    if (want === 'hit') {
      t.match(ownStatus(answer), /^hit; ttl=-1\d; detail=(?:origin-error|status-50[23])$/);
    }
  }
});

t.test('a request with fields of its own validates with them, and a 304 updates', async (t) => {
  const path = '/validated';
  origin.on(path, ({ headers }) =>
    headers['if-none-match'] === '"v1"'
      ? {
          status: 304,
          fields: {
            ETag: '"v1"',
            'Cache-Control': 'max-age=600',
            'X-Edition': 'second',
            'Content-Type': 'text/x-second',
          },
        }
      : {
          fields: {
            ETag: '"v1"',
            'Last-Modified': agoDate(1_000),
            'Cache-Control': 'max-age=10, must-revalidate',
            Age: '20',
            'X-Edition': 'first',
            'X-Other': 'kept',
          },
          body: 'the body',
        },
  );
  await get(path);
  const renewed = await get(path, ['X-Player: two', 'Cookie: who=me', 'Accept: text/*']);
  t.match(ownStatus(renewed), /^fwd=stale; fwd-status=304; stored/);
  t.equal(text(renewed), 'the body');
  const asked: Partial<SeenRequest> = origin.seen(path)[1] ?? {};
  t.match(asked.fields, {
    'x-player': 'two',
    cookie: 'who=me',
    accept: 'text/*',
    'if-none-match': '"v1"',
    'if-modified-since': / GMT$/,
  });
  const hit = await get(path);
  t.equal(outcome(hit), 'hit', 'fresh by the 304');
  t.equal(text(hit), 'the body');
  t.equal(hit.fields.get('x-edition'), 'second', 'its fields replace');
  t.equal(hit.fields.get('x-other'), 'kept', 'others stay');
  t.equal(hit.fields.get('content-length'), '8');
  t.ok(Number(hit.fields.get('age')) < 10, 'the old age is over');
});

t.test('Cache-Status names what happened, behind the caches nearer to the origin', async (t) => {
  const path = '/cache-status';
  const fields = { 'Cache-Control': 'max-age=60', 'Cache-Status': 'Origin; hit; ttl=5' };
  origin.on(path, { fields, body: 'x' });
  const miss = await get(path);
  t.equal(
    miss.fields.get('cache-status'),
    'Origin; hit; ttl=5, headgate; fwd=uri-miss; fwd-status=200; stored',
  );
  const hit = await get(path);
  t.match(hit.fields.get('cache-status'), /^Origin; hit; ttl=5, headgate; hit; ttl=(?:59|60|61)$/);
  origin.on('/passed', { fields: { 'Cache-Control': 'no-store' }, body: 'x' });
  t.equal(
    (await get('/passed')).fields.get('cache-status'),
    'headgate; fwd=uri-miss; fwd-status=200; detail=no-store',
  );
  origin.on('/cache-status-broken', {
    fields: { 'Cache-Control': 'max-age=60', 'Cache-Status': 'what; "is' },
    body: 'x',
  });
  await get('/cache-status-broken');
  const after = await get('/cache-status-broken');
  t.match(after.fields.get('cache-status'), /^headgate; hit/, 'a broken list is dropped');
});

t.test('a crowd that asks at once is one request, and each is told so', async (t) => {
  const path = '/collapsed.m4s';
  const asked = origin.hold(path);
  const waiting = Array.from({ length: 20 }, () => get(path));
  const { response } = await asked;
  const all = Promise.all(waiting);
  response.writeHead(200, { 'Content-Length': '3' }).end('new');
  const answers = await all;
  t.same(new Set(answers.map(text)), new Set(['new']));
  t.equal(origin.count(path), 1, 'one request over both workers');
  const statuses = answers.map(ownStatus);
  const leaders = statuses.filter(
    (status) => /fwd=uri-miss/.test(status) && !/collaps/.test(status),
  );
  t.equal(leaders.length, 1, 'one led');
  const followed = statuses.filter((status) => /; collapsed/.test(status) || /^hit/.test(status));
  t.equal(followed.length, 19, 'the others joined or came after it');
});

t.test('both workers had their share of this file', async (t) => {
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const shares = [...metrics.matchAll(/^headgate_requests_total\{worker="(\d)"\} (\d+)$/gm)];
  t.equal(shares.length, 2);
  for (const [, worker, count] of shares) t.ok(Number(count) > 10, `worker ${worker}: ${count}`);
});

/** Asks again until there is an answer: for what happens behind a response. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
}

t.test('a playlist with parts is new within a fraction of a part', async (t) => {
  const PART_MS = 500;
  const POLL_MS = 20;
  const PARTS = 10;
  const startMs = Date.now();
  const partAt = (ms: number): number => Math.floor((ms - startMs) / PART_MS);
  const linesOf = (part: number): string[] => {
    const end = part % 4 === 3 ? ['#EXTINF:2.0,', `${part}.m4s`] : [];
    return [`#EXT-X-PART:DURATION=0.5,URI="${part}.mp4"`, ...end];
  };
  origin.on('/parts/live.m3u8', () => ({
    fields: { 'Content-Type': 'application/vnd.apple.mpegurl' },
    body: [
      ...['#EXTM3U', '#EXT-X-VERSION:9', '#EXT-X-TARGETDURATION:2'],
      ...['#EXT-X-PART-INF:PART-TARGET=0.5', '#EXT-X-SERVER-CONTROL:PART-HOLD-BACK=1.5'],
      ...Array.from({ length: partAt(Date.now()) + 1 }, (_, part) => linesOf(part)).flat(),
    ].join('\n'),
  }));
  const lateMs: number[] = [];
  for (let seen = 0; seen < PARTS;) {
    const lines = text(await get('/parts/live.m3u8')).match(/(?<=URI=")\d+/g) ?? [];
    const newest = Number(lines.at(-1));
    if (newest > seen) lateMs.push(Date.now() - startMs - newest * PART_MS);
    seen = Math.max(seen, newest);
    await delay(POLL_MS);
  }
  // The first ones tell when the next is due. Half a part is what it was allowed to be before.
  const known = lateMs.slice(3).sort((a, b) => a - b);
  const median = known[Math.floor(known.length / 2)] ?? NaN;
  t.ok(median < 100 + POLL_MS, `seen ${median} ms late, ${lateMs.join(', ')}`);
  const each = origin.count('/parts/live.m3u8') / PARTS;
  t.ok(each < 6, `${each.toFixed(1)} requests a part`);
});
