/** Variants of one URL, over both workers, one after the other and all at once. */
import t from 'tap';
import { outcome, startProxied, text } from '../support/proxied.js';

const { origin, get } = await startProxied(t);

const FRESH = 'max-age=600';

/** Echoes the field that makes the variants. */
function varying(path: string, name: string): void {
  origin.on(path, ({ headers }) => ({
    fields: { 'Cache-Control': FRESH, Vary: name, 'Content-Type': 'video/mp2t' },
    body: `for ${String(headers[name.toLowerCase()] ?? 'none')}`,
  }));
}

t.test('each value of a selecting field has its own answer, in whatever spelling', async (t) => {
  varying('/language', 'Accept-Language');
  const rows = [
    ['en', 1, 'first'],
    ['de', 2, 'another'],
    ['EN', 2, 'case means nothing'],
    [' en ', 2, 'nor do blanks around it'],
    ['de, en;q=0.5', 3, 'a list'],
    ['de,en;q=0.5', 3, 'the same without blanks'],
    ['en;q=0.5, de', 3, 'nor does the order of weighted ranges'],
  ] as const;
  for (const [value, asked, why] of rows) {
    await get('/language', [`Accept-Language: ${value}`]);
    t.equal(origin.count('/language'), asked, `${value}: ${why}`);
  }
  const none = await get('/language');
  t.equal(text(none), 'for none');
  t.equal(origin.count('/language'), 4, 'none at all is a value of its own');
  t.equal(text(await get('/language', ['Accept-Language: de'])), 'for de');
  t.equal(none.fields.get('vary'), 'Accept-Language', 'told to caches behind us');
});

t.test('Vary: Origin keeps players of different sites apart', async (t) => {
  origin.on('/cors', ({ headers }) => ({
    fields: {
      'Cache-Control': FRESH,
      Vary: 'Origin',
      'Access-Control-Allow-Origin': headers.origin ?? 'null',
    },
    body: 'x',
  }));
  for (const site of ['https://a.example', 'https://b.example']) {
    await get('/cors', [`Origin: ${site}`]);
    const hit = await get('/cors', [`Origin: ${site}`]);
    t.equal(outcome(hit), 'hit');
    t.equal(hit.fields.get('access-control-allow-origin'), site, 'the rule of the origin stands');
  }
  t.equal(origin.count('/cors'), 2);
});

t.test('Vary: Accept-Encoding makes as many variants as there are codings to choose', async (t) => {
  const path = '/encoding/list.m3u8';
  origin.on(path, ({ headers }) => {
    const accepts = headers['accept-encoding'] ?? '';
    const fields = { 'Cache-Control': `${FRESH}, no-transform`, Vary: 'Accept-Encoding' };
    if (!accepts.includes('gzip')) return { fields, body: 'plain' };
    return { fields: { ...fields, 'Content-Encoding': 'gzip' }, body: 'zipped, as far as we know' };
  });
  const rows = [
    ['gzip', 1, 'gzip'],
    ['gzip;q=0.8', 1, 'gzip'],
    ['GZIP, deflate', 1, 'gzip'],
    ['gzip, deflate, br', 2, 'gzip'],
    ['br, gzip', 2, 'gzip'],
    ['identity', 3, undefined],
    ['gzip;q=0', 3, undefined],
    ['deflate', 3, undefined],
  ] as const;
  for (const [value, asked, coding] of rows) {
    const answer = await get(path, [`Accept-Encoding: ${value}`]);
    t.equal(answer.fields.get('content-encoding'), coding, `${value}: the coding`);
    t.equal(origin.count(path), asked, `${value}: requests to the origin`);
  }
});

t.test('a crowd of mixed languages at a cold URL: each gets its own', async (t) => {
  const path = '/crowd/seg.ts';
  varying(path, 'Accept-Language');
  const languages = ['en', 'de', 'fr'];
  const asked = origin.hold(path);
  const waiting = Array.from({ length: 24 }, async (_, i) => {
    const language = languages[i % 3] ?? '';
    return { language, answer: await get(path, [`Accept-Language: ${language}`]) };
  });
  const { request, response } = await asked;
  response
    .writeHead(200, {
      'Cache-Control': FRESH,
      Vary: 'Accept-Language',
      'Content-Type': 'video/mp2t',
    })
    .end(`for ${String(request.headers['accept-language'])}`);
  for (const { language, answer } of await Promise.all(waiting)) {
    t.equal(answer.status, 200);
    t.equal(text(answer), `for ${language}`);
  }
  t.equal(origin.count(path), 3, 'one request for each of the three');
});

t.test('a crowd of mixed languages at a stale URL: each gets its own', async (t) => {
  const path = '/crowd/stale.ts';
  const fields = {
    'Cache-Control': 'max-age=10, must-revalidate',
    Age: '20',
    Vary: 'Accept-Language',
    ETag: '"1"',
  };
  origin.on(path, ({ headers }) => ({ fields, body: `for ${String(headers['accept-language'])}` }));
  const languages = ['en', 'de'];
  for (const language of languages) await get(path, [`Accept-Language: ${language}`]);
  const waiting = Array.from({ length: 16 }, async (_, i) => {
    const language = languages[i % 2] ?? '';
    return { language, answer: await get(path, [`Accept-Language: ${language}`]) };
  });
  for (const { language, answer } of await Promise.all(waiting)) {
    t.equal(text(answer), `for ${language}`);
  }
});

t.test('what may be compressed when it is kept varies by that when it is not, too', async (t) => {
  const rows = [
    ['text/plain', 2_000, 'Accept-Encoding'],
    ['text/plain', 20, undefined],
    ['video/mp2t', 2_000, undefined],
  ] as const;
  for (const [type, bytes, vary] of rows) {
    const path = `/passed/${type}/${bytes}`;
    const fields = { 'Cache-Control': 'no-store', 'Content-Type': type, ETag: '"a"' };
    origin.on(path, { fields, body: 'a'.repeat(bytes) });
    for (const lines of [[], ['Cache-Control: no-store'], ['If-None-Match: "a"']]) {
      const answer = await get(path, lines);
      t.equal(answer.fields.get('vary'), vary, `${type}, ${bytes}: ${answer.status}`);
    }
  }
});
