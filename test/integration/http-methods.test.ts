/** Methods, conditions, fields of the hop, and what passes through uncached. */
import t from 'tap';
import { ownStatus, outcome, startProxied, text } from '../support/proxied.js';
import { RawClient, type RawAnswer, rawExchange } from '../support/raw-client.js';

const { origin, gateway, get } = await startProxied(t);

const FRESH = { 'Cache-Control': 'max-age=600' };

/** Any method with a body, on a connection of its own. */
async function send(
  method: string,
  path: string,
  { lines = [], body = '' }: { lines?: readonly string[]; body?: string } = {},
): Promise<RawAnswer> {
  const client = await RawClient.open(gateway.port);
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  const head = [`${method} ${path} HTTP/1.1`, 'Host: test', ...length, ...lines, '', ''];
  client.send(head.join('\r\n') + body);
  const answer = await client.answer({ method });
  client.close();
  return answer;
}

t.test('HEAD gives the fields of GET without its body, cold and cached', async (t) => {
  origin.on('/head', { fields: { ...FRESH, 'Content-Type': 'text/x', ETag: '"h"' }, body: 'abc' });
  const cold = await send('HEAD', '/head');
  t.equal(cold.status, 200);
  t.equal(cold.fields.get('content-length'), '3');
  t.equal(cold.fields.get('content-type'), 'text/x');
  const warm = await send('HEAD', '/head');
  t.equal(warm.fields.get('content-length'), '3');
  t.equal(warm.fields.get('etag'), '"h"');
  t.equal(outcome(warm), 'hit');
  t.equal(text(await get('/head')), 'abc', 'which filled the cache for GET');
  origin.on('/head/private', { fields: { 'Cache-Control': 'private' }, body: 'abcd' });
  const passed = await send('HEAD', '/head/private');
  t.equal(passed.fields.get('content-length'), '4', 'also when nothing is kept');
});

t.test('a connection goes on after HEAD, 204, 304 and errors', async (t) => {
  origin.on('/on/empty', { status: 204, fields: FRESH });
  origin.on('/on/text', { fields: { ...FRESH, ETag: '"t"' }, body: 'text' });
  const client = await RawClient.open(gateway.port);
  t.teardown(() => {
    client.close();
  });
  for (const round of ['cold', 'warm']) {
    t.equal((await client.get('/on/text', [], { method: 'HEAD' })).status, 200, round);
    t.equal((await client.get('/on/empty')).status, 204, round);
    t.equal((await client.get('/on/text', ['If-None-Match: "t"'])).status, 304, round);
    t.equal((await client.get('/on/%00')).status, 400, round);
    t.equal((await client.get('/on/none')).status, 404, round);
    t.equal(text(await client.get('/on/text')), 'text', round);
  }
});

t.test('a preflight is answered here: players may send Range and CMCD, for a day', async (t) => {
  const lines = [
    'Origin: https://player.example',
    'Access-Control-Request-Method: GET',
    'Access-Control-Request-Headers: range, cmcd-session',
  ];
  const answer = await send('OPTIONS', '/any/seg.m4s', { lines });
  t.equal(answer.status, 204);
  t.equal(answer.fields.get('access-control-allow-origin'), '*');
  const allowed = (answer.fields.get('access-control-allow-headers') ?? '').toLowerCase();
  for (const name of ['range', 'cmcd-object', 'cmcd-request', 'cmcd-session', 'cmcd-status']) {
    t.ok(allowed.split(', ').includes(name), `${name} may be sent`);
  }
  t.match(answer.fields.get('access-control-allow-methods'), /GET, HEAD/);
  t.ok(Number(answer.fields.get('access-control-max-age')) >= 7_200, 'as long as browsers take');
  t.equal(origin.count('/any/seg.m4s'), 0, 'the origin is left alone');
});

t.test('players may read what they need of every answer', async (t) => {
  origin.on('/exposed', { fields: FRESH, body: 'x' });
  const exposed = async (answer: Promise<RawAnswer>): Promise<string[]> => {
    const { fields } = await answer;
    t.equal(fields.get('access-control-allow-origin'), '*');
    return (fields.get('access-control-expose-headers') ?? '').split(', ');
  };
  for (const name of ['Age', 'Cache-Status', 'Content-Range', 'Date', 'ETag']) {
    t.ok((await exposed(get('/exposed'))).includes(name), name);
  }
  t.ok((await exposed(get('/bad/%00'))).includes('Cache-Status'), 'refusals too');
  origin.on('/exposed/own', {
    fields: { ...FRESH, 'Access-Control-Allow-Origin': 'https://one.example' },
    body: 'x',
  });
  const own = await get('/exposed/own');
  t.equal(own.fields.get('access-control-allow-origin'), 'https://one.example', 'its own rule');
  t.equal(own.fields.get('access-control-expose-headers'), undefined);
});

t.test('OPTIONS without a preflight, and other methods, go to the origin', async (t) => {
  for (const method of ['OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
    const path = `/method/${method}`;
    let body = '';
    origin.on(path, (request, response) => {
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => response.writeHead(202, { 'X-Seen': method }).end(`did ${method}`));
      return undefined;
    });
    const answer = await send(method, path, { body: 'some body' });
    t.equal(answer.status, 202, method);
    t.equal(text(answer), `did ${method}`);
    t.equal(body, 'some body', 'with its body');
    t.match(ownStatus(answer), /^fwd=method; fwd-status=202/);
    t.equal(origin.seen(path)[0]?.method, method);
  }
  t.equal((await send('TRACE', '/method/TRACE')).status, 405);
  t.equal(origin.count('/method/TRACE'), 0);
});

t.test('a body in chunks passes in chunks', async (t) => {
  let body = '';
  origin.on('/chunked', (request, response) => {
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.end(body));
    return undefined;
  });
  const client = await RawClient.open(gateway.port);
  client.send('POST /chunked HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n');
  client.send('5\r\nfirst\r\n');
  client.send('6\r\nsecond\r\n0\r\n\r\n');
  t.equal(text(await client.answer()), 'firstsecond');
  client.close();
  t.equal(origin.seen('/chunked')[0]?.fields['content-length'], undefined);
});

t.test('unsafe methods invalidate what they change', async (t) => {
  const fill = async (path: string): Promise<void> => {
    origin.on(path, { fields: FRESH, body: 'kept' });
    await get(path);
    t.equal(outcome(await get(path)), 'hit', `${path} is kept`);
  };
  for (const method of ['PUT', 'POST', 'DELETE', 'PATCH']) {
    const path = `/invalid/${method}`;
    await fill(path);
    origin.on(path, { status: 204 });
    await send(method, path, { body: 'new' });
    origin.on(path, { fields: FRESH, body: 'new' });
    for (let i = 0; i < 4; i += 1) t.equal(text(await get(path)), 'new', `${method}: on no worker`);
  }
  await fill('/invalid/error');
  origin.on('/invalid/error', { status: 500 });
  await send('PUT', '/invalid/error', { body: 'x' });
  t.equal(outcome(await get('/invalid/error')), 'hit', 'not when the origin fails');
  for (const name of ['Location', 'Content-Location']) {
    const [here, there] = [`/invalid/${name}`, `/invalid/by-${name}`];
    await fill(there);
    origin.on(here, { status: 201, fields: { [name]: there } });
    await send('POST', here, { body: 'x' });
    t.equal(outcome(await get(there)), 'uri-miss', `what ${name} names`);
  }
  await fill('/invalid/own');
  origin.on('/invalid/post', { status: 201, fields: { Location: `${origin.url}/invalid/own` } });
  await send('POST', '/invalid/post', { body: 'x' });
  t.equal(
    outcome(await get('/invalid/own')),
    'uri-miss',
    "what Location names by the origin's name",
  );
  await fill('/invalid/foreign');
  origin.on('/invalid/post', {
    status: 201,
    fields: { Location: 'http://elsewhere.example/invalid/foreign' },
  });
  await send('POST', '/invalid/post', { body: 'x' });
  t.equal(outcome(await get('/invalid/foreign')), 'hit', 'not on another host');
});

t.test('conditions: 304 and 412, strong and weak, of cached and of uncached objects', async (t) => {
  const modified = 'Sun, 01 Nov 2026 10:00:00 GMT';
  const later = 'Sun, 01 Nov 2026 10:00:01 GMT';
  const earlier = 'Sun, 01 Nov 2026 09:59:59 GMT';
  const rows = [
    ['If-None-Match: "v1"', 304, 'the same'],
    ['If-None-Match: W/"v1"', 304, 'weak comparison'],
    ['If-None-Match: "v2"', 200, 'another'],
    ['If-None-Match: "v2", "v1"', 304, 'one of a list'],
    ['If-None-Match: *', 304, 'any'],
    [`If-Modified-Since: ${modified}`, 304, 'the same date'],
    [`If-Modified-Since: ${later}`, 304, 'a later date'],
    [`If-Modified-Since: ${earlier}`, 200, 'an earlier date'],
    ['If-Modified-Since: yesterday', 200, 'no date'],
    ['If-Match: "v1"', 200, 'the same'],
    ['If-Match: W/"v1"', 412, 'strong comparison'],
    ['If-Match: "v2"', 412, 'another'],
    ['If-Match: *', 200, 'any'],
    [`If-Unmodified-Since: ${modified}`, 200, 'the same date'],
    [`If-Unmodified-Since: ${earlier}`, 412, 'changed since'],
    [`If-None-Match: "v2"\r\nIf-Modified-Since: ${later}`, 200, 'entity tags win over dates'],
    [`If-Match: "v1"\r\nIf-Unmodified-Since: ${earlier}`, 200, 'here too'],
  ] as const;
  for (const [i, [line, status, why]] of rows.entries()) {
    const fields = { ...FRESH, ETag: '"v1"', 'Last-Modified': modified, 'X-Long': 'not in a 304' };
    const path = `/condition/${i}`;
    origin.on(path, { fields, body: 'text' });
    for (const heat of ['cold', 'warm']) {
      const answer = await get(path, line.split('\r\n'));
      t.equal(answer.status, status, `${line}, ${heat}: ${why}`);
      t.ok(answer.whole);
      if (status === 304) {
        const named = field.includes('W/"v1"') && cached ? 'W/"v1"' : '"v1"';
          t.equal(answer.fields.get('etag'), named, 'the form that the client has');
        t.equal(answer.fields.get('cache-control'), 'max-age=600');
        t.equal(answer.fields.get('x-long'), undefined, 'only what updates a cache');
        t.equal(answer.body.length, 0);
      }
    }
    t.equal(origin.count(path), 1, `${line}: asked for once, without the condition`);
    t.equal(origin.seen(path)[0]?.fields['if-none-match'], undefined);
  }
  origin.on('/condition/weak', { fields: { ...FRESH, ETag: 'W/"w"' }, body: 'text' });
  t.equal((await get('/condition/weak', ['If-None-Match: "w"'])).status, 304, 'weak is enough');
  t.equal((await get('/condition/weak', ['If-Match: W/"w"'])).status, 412, 'a weak tag never is');
});

t.test('fields of one hop stay on it, in both directions', async (t) => {
  origin.on('/hop', (_request, response) => {
    response.writeHead(
      200,
      [
        ['Cache-Control', 'max-age=600'],
        ['Connection', 'X-Named'],
        ['X-Named', 'for the gateway only'],
        ['Keep-Alive', 'timeout=5'],
        ['Proxy-Authenticate', 'Basic'],
        ['X-End', 'to end'],
        ['Content-Length', '1'],
      ].flat(),
    );
    response.end('x');
    return undefined;
  });
  for (const path of ['/hop', '/hop', '/hop?passed']) {
    const answer = await get(path, [
      'Connection: X-Mine, close',
      'X-Mine: for the gateway only',
      'TE: trailers',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic eDp4',
      'X-Yours: to end',
    ]);
    t.equal(answer.fields.get('x-end'), 'to end');
    for (const name of ['x-named', 'keep-alive', 'proxy-authenticate']) {
      t.equal(answer.fields.get(name), undefined, `${name} of the origin`);
    }
  }
  const [seen] = origin.seen('/hop');
  t.equal(seen?.fields['x-yours'], 'to end');
  for (const name of ['x-mine', 'te', 'proxy-connection', 'proxy-authorization']) {
    t.equal(seen?.fields[name], undefined, `${name} of the client`);
  }
  t.match(seen?.fields['via'], /headgate/, 'says who asks');
});

t.test('1xx answers are passed on', async (t) => {
  for (const [path, fields] of [
    ['/interim/kept', FRESH],
    ['/interim/passed', { 'Cache-Control': 'no-store' }],
  ] as const) {
    origin.on(path, (_request, response) => {
      response.writeEarlyHints({ link: '</init.mp4>; rel=preload' });
      return { fields, body: 'final' };
    });
    const head = `GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`;
    const answer = await rawExchange(gateway.port, head);
    t.match(answer, /^HTTP\/1\.1 103 Early Hints\r\n(?:.+\r\n)*link: <\/init\.mp4>/i, path);
    t.match(answer, /\r\n\r\nHTTP\/1\.1 200 OK\r\n/, 'then the answer');
    t.ok(answer.endsWith('final'));
  }
});

t.test('Expect: 100-continue gets its leave, and the body arrives', async (t) => {
  let body = '';
  origin.on('/expect', (request, response) => {
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.end('thanks'));
    return undefined;
  });
  const client = await RawClient.open(gateway.port);
  t.teardown(() => {
    client.close();
  });
  client.send(
    'PUT /expect HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody',
  );
  t.equal(text(await client.answer()), 'thanks');
  t.equal(body, 'body');
});
