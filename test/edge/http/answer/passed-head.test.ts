import t from 'tap';
import type { EdgeContext } from '../../../../src/edge/http/context.js';
import {
  passedDate,
  passedHead,
  type PassedHead,
} from '../../../../src/edge/http/answer/passed-head.js';
import type { ClientRequest } from '../../../../src/edge/http/request/client-request.js';
import type { FieldLines } from '../../../../src/http/fields.js';
import { testConfig } from '../../../support/shard.js';

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly fields?: FieldLines;
}

function contextOf(compresses = false): EdgeContext {
  const config = testConfig({ compression: { enabled: compresses } });
  return { config } as unknown as EdgeContext;
}

/** The lines behind our Cache-Status, which is the first. */
function headOf(
  fields: FieldLines,
  asked: Asked = {},
  more: Partial<PassedHead> & { context?: EdgeContext } = {},
): { status: string; lines: string[] } {
  const { method = 'GET', path = '/v/1.m4s', fields: sent = [] } = asked;
  const request = { method, path, fields: sent } as unknown as ClientRequest;
  const { context = contextOf(), ...rest } = more;
  const passed = {
    served: { hit: false },
    head: { status: 200, fields },
    ...rest,
  } as const;
  const [status = '', ...lines] = passedHead(context, request, passed).split('\r\n');
  return { status, lines };
}

t.test("passedHead() gives the origin's lines in order, but for those we write ourselves", (t) => {
  const { status, lines } = headOf(
    [
      ['set-cookie', 'a=1'],
      ['content-length', '5'],
      ['date', 'Sat, 21 Nov 2026 00:00:00 GMT'],
      ['connection', 'x-secret'],
      ['set-cookie', 'b=2'],
      ['x-latin', 'caf\xe9'],
      ['age', '7'],
    ],
    { method: 'POST' },
    { served: { hit: false, fwd: 'method', fwdStatus: 201 } },
  );
  t.equal(status, 'headgate; fwd=method; fwd-status=201');
  t.same(lines, ['set-cookie: a=1', 'set-cookie: b=2', 'x-latin: caf\xe9', 'age: 7']);
  t.end();
});

t.test('passedHead() puts our Cache-Status behind those of caches nearer to the origin', (t) => {
  const { status, lines } = headOf([['cache-status', 'inner; hit, "outer"; fwd=miss']]);
  t.equal(status, 'inner; hit, "outer"; fwd=miss, headgate');
  t.notOk(
    lines.some((line) => /^cache-status/i.test(line)),
    'once',
  );
  t.equal(headOf([['cache-status', 'no (list']]).status, 'headgate', 'what is no list is dropped');
  t.end();
});

t.test('scripts of any site may read what players ask for, and nothing else', (t) => {
  const cookie: FieldLines = [['cookie', 'who=me']];
  const rows: readonly (readonly [string, Asked, boolean])[] = [
    ['a GET', {}, true],
    ['a HEAD', { method: 'HEAD' }, true],
    ['what a cookie brought', { fields: cookie }, false],
    ['a POST', { method: 'POST' }, false],
    ['an OPTIONS', { method: 'OPTIONS' }, false],
    ['a method nobody knows', { method: 'get' }, false],
  ];
  for (const [why, asked, want] of rows) {
    const { lines } = headOf([['x', 'y']], asked);
    t.equal(lines.includes('Access-Control-Allow-Origin: *'), want, why);
    const own: FieldLines = [['access-control-allow-origin', 'https://a.example']];
    const allowed = headOf(own, asked).lines.filter((line) => /allow-origin/i.test(line));
    t.same(allowed, ['access-control-allow-origin: https://a.example'], `${why}: by leave`);
  }
  t.end();
});

t.test('passedHead() tells who asks for what may come in a coding of ours', (t) => {
  const text: FieldLines = [
    ['content-type', 'application/vnd.apple.mpegurl'],
    ['content-length', '5000'],
  ];
  const context = contextOf(true);
  const varies = (fields: FieldLines, asked: Asked = {}, more: Partial<PassedHead> = {}): boolean =>
    headOf(fields, { path: '/live.m3u8', ...asked }, { context, ...more }).lines.some((line) =>
      /^vary: accept-encoding$/i.test(line),
    );
  t.ok(varies(text));
  t.ok(varies(text, { method: 'HEAD' }));
  t.notOk(varies(text, { method: 'POST' }), 'that is never kept');
  t.notOk(varies([['content-type', 'video/mp4']], { path: '/1.mp4' }), 'it is coded already');
  t.notOk(varies([]), 'nobody knows what it is');
  t.notOk(headOf(text, { path: '/live.m3u8' }).lines.includes('vary: Accept-Encoding'), 'never');
  const bare = { status: 304, fields: [] };
  t.ok(varies([], {}, { head: bare, of: { status: 200, fields: text } }), 'a 304 of such');
  t.notOk(varies([], {}, { head: bare }), 'a 304 of something else');
  t.end();
});

t.test(
  "passedDate() is the origin's Date in seconds, or 0 where it gives none that can be read",
  (t) => {
    const rows: readonly (readonly [string | undefined, number])[] = [
      ['Thu, 01 Jan 1970 00:01:40 GMT', 100],
      ['Sun Nov  6 08:49:37 1994', 784_111_777],
      ['Wed, 31 Dec 1969 23:59:59 GMT', 1], // the nearest that can be said
      ['Fri, 01 Jan 2500 00:00:00 GMT', 0xffff_ffff],
      ['yesterday', 0],
      ['', 0],
      [undefined, 0],
    ];
    for (const [date, seconds] of rows) {
      const fields: FieldLines = date === undefined ? [] : [['date', date]];
      t.equal(passedDate({ status: 200, fields }), seconds, date ?? 'none');
    }
    t.end();
  },
);
