import type { IncomingHttpHeaders } from 'node:http';
import t, { type Test } from 'tap';
import { refusal } from '../../src/control/admin-guard.js';

const TOKEN = 'correct-horse-battery';
const HOST = 'localhost:9090';
const FORBIDDEN = 'GW_ADMIN_FORBIDDEN';
const UNAUTHORIZED = 'GW_ADMIN_UNAUTHORIZED';

type Row = readonly [IncomingHttpHeaders, string | undefined, string];

function judge(t: Test, rows: readonly Row[], token: string): void {
  for (const [headers, want, why] of rows) t.equal(refusal(headers, token)?.code, want, why);
}

t.test('refusal() without a token lets pass only names that nobody else can have', (t) => {
  const good = ['localhost', 'LocalHost:9090', 'localhost:', '127.0.0.1', '127.0.0.1:9090'];
  good.push('[::1]', '[::1]:9090', '10.1.2.3:9090', '[2001:DB8::1]:9090');
  for (const host of good) t.equal(refusal({ host }, ''), undefined, host);
  const bad = ['evil.example', 'localhost.evil.example', 'evil.example:9090', 'localhost.', ''];
  bad.push('127.0.0.1.evil.example', '127.1', '2130706433', '0x7f.0.0.1', '127.0.0.1 evil');
  bad.push('localhost:9090:80', 'localhost@evil.example', '[localhost]', '[::1', '[]', ':9090');
  bad.push(
    'evil.example#localhost',
    'localhost:80a',
    '127.0.0.1/',
    '[127.0.0.1].evil',
    '127.0.0.256',
  );
  for (const host of bad) t.equal(refusal({ host }, '')?.code, FORBIDDEN, JSON.stringify(host));
  t.equal(refusal({}, '')?.code, FORBIDDEN, 'no Host at all');
  t.end();
});

t.test('refusal() keeps pages of other sites out, by Origin', (t) => {
  const rows: Row[] = [
    [{ host: HOST, origin: 'http://localhost:9090' }, undefined, 'our own page'],
    [{ host: 'LOCALHOST:9090', origin: 'http://localhost:9090' }, undefined, 'in capitals'],
    [{ host: '[::1]:9090', origin: 'http://[0:0::1]:9090' }, undefined, 'one address'],
    [{ host: HOST, origin: 'http://localhost:8080' }, FORBIDDEN, 'another port of ours'],
    [{ host: HOST, origin: 'http://localhost' }, FORBIDDEN, 'no port'],
    [{ host: HOST, origin: 'http://127.0.0.1:9090' }, FORBIDDEN, 'another name of ours'],
    [{ host: HOST, origin: 'http://evil.example' }, FORBIDDEN, 'another site'],
    [{ host: HOST, origin: 'http://localhost:9090@evil.example' }, FORBIDDEN, 'a user like us'],
    [{ host: HOST, origin: 'null' }, FORBIDDEN, 'a sandboxed frame'],
    [{ host: HOST, origin: '' }, FORBIDDEN, 'an empty one'],
    [{ host: HOST, origin: 'file:///' }, FORBIDDEN, 'a file'],
    [{ origin: 'http://localhost:9090' }, FORBIDDEN, 'no Host to compare with'],
  ];
  judge(t, rows, '');
  t.end();
});

t.test('refusal() keeps pages of other sites out, by what the browser says', (t) => {
  const rows: Row[] = [
    [{ host: HOST, 'sec-fetch-site': 'same-origin' }, undefined, 'our own page'],
    [{ host: HOST, 'sec-fetch-site': 'none' }, undefined, 'typed'],
    [{ host: HOST, 'sec-fetch-site': 'same-site' }, FORBIDDEN, 'another port'],
    [{ host: HOST, 'sec-fetch-site': 'cross-site' }, FORBIDDEN, 'another site'],
    [{ host: HOST, 'sec-fetch-site': '' }, FORBIDDEN, 'nothing known'],
    [{ host: HOST, 'sec-fetch-site': 'none, cross-site' }, FORBIDDEN, 'two of them'],
    [
      { host: HOST, 'sec-fetch-site': 'same-origin', origin: 'http://evil.example' },
      FORBIDDEN,
      'both must be ours',
    ],
  ];
  judge(t, rows, '');
  t.end();
});

t.test('refusal() with a token asks for just that, under any name', (t) => {
  const host = 'node7.internal:9090';
  const rows: Row[] = [
    [{ host, authorization: `Bearer ${TOKEN}` }, undefined, 'the token'],
    [{ host, authorization: `BEARER   ${TOKEN}  ` }, undefined, 'capitals and blanks'],
    [{ authorization: `Bearer ${TOKEN}` }, undefined, 'no Host'],
    [{ host: HOST }, UNAUTHORIZED, 'loopback is no token'],
    [{ host, authorization: '' }, UNAUTHORIZED, 'nothing'],
    [{ host, authorization: 'Bearer ' }, UNAUTHORIZED, 'an empty one'],
    [{ host, authorization: `Bearer ${TOKEN}x` }, UNAUTHORIZED, 'a character more'],
    [{ host, authorization: `Bearer ${TOKEN.slice(1)}` }, UNAUTHORIZED, 'a character less'],
    [{ host, authorization: `Bearer ${TOKEN.toUpperCase()}` }, UNAUTHORIZED, 'in capitals'],
    [{ host, authorization: `Bearer ${TOKEN} ${TOKEN}` }, UNAUTHORIZED, 'twice'],
    [{ host, authorization: `Bearer${TOKEN}` }, UNAUTHORIZED, 'no blank'],
    [{ host, authorization: `Basic ${TOKEN}` }, UNAUTHORIZED, 'another scheme'],
    [{ host, authorization: `x Bearer ${TOKEN}` }, UNAUTHORIZED, 'behind something'],
    [{ host, authorization: TOKEN }, UNAUTHORIZED, 'bare'],
  ];
  judge(t, rows, TOKEN);
  t.end();
});

t.test('refusal() keeps other sites out even with the token', (t) => {
  const authorization = `Bearer ${TOKEN}`;
  const rows: Row[] = [
    [{ host: HOST, authorization, origin: 'http://localhost:9090' }, undefined, 'our own'],
    [{ host: HOST, authorization, origin: 'http://evil.example' }, FORBIDDEN, 'another'],
    [{ host: HOST, authorization, 'sec-fetch-site': 'cross-site' }, FORBIDDEN, 'another'],
    [{ host: HOST, origin: 'http://evil.example' }, FORBIDDEN, 'and learns nothing of tokens'],
  ];
  judge(t, rows, TOKEN);
  t.end();
});

t.test('refusal() does not say what was wrong with a token', (t) => {
  const told = ['', 'Bearer x', `Bearer ${TOKEN}x`].map(
    (authorization) => refusal({ authorization }, TOKEN)?.message,
  );
  t.equal(new Set(told).size, 1);
  t.notMatch(told[0], TOKEN);
  t.end();
});
