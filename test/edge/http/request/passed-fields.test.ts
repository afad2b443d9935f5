import t from 'tap';
import type { ClientRequest } from '../../../../src/edge/http/request/client-request.js';
import { PassedFields } from '../../../../src/edge/http/request/passed-fields.js';
import { withoutForged } from '../../../../src/http/client-fields.js';
import { type FieldLines, withoutHopByHop } from '../../../../src/http/fields.js';

const PLAIN = { cert: '', key: '' };
const SECURE = { cert: 'c', key: 'k' };

/** Who sends `rawFields` from `clientAddress` is passed on like this, behind fronts in 10.0.0.0/8. */
function passed(
  rawFields: FieldLines,
  clientAddress: string,
  { host = 'tv.example', tls = PLAIN } = {},
): FieldLines {
  const front = { addresses: ['10.0.0.0/8', '2001:db8::/32'], scheme: 'auto' } as const;
  const fields = withoutForged(withoutHopByHop(rawFields));
  const request = { fields, rawFields, host } as ClientRequest;
  return new PassedFields({ front, tls }).passed(request, { clientAddress });
}

t.test('what only a proxy says is said by us, whatever the client said', (t) => {
  const raw: FieldLines = [
    ['accept', '*/*'],
    ['x-forwarded-for', '192.0.2.9'],
    ['x-real-ip', '192.0.2.9'],
    ['x-forwarded-proto', 'https'],
    ['cookie', 'a=b'],
  ];
  t.strictSame(passed(raw, '192.0.2.1'), [
    ['accept', '*/*'],
    ['cookie', 'a=b'],
    ['x-forwarded-proto', 'http'],
    ['x-forwarded-host', 'tv.example'],
    ['x-forwarded-for', '192.0.2.1'],
  ]);
  t.end();
});

t.test('a front is believed, and named behind those it named', (t) => {
  const raw: FieldLines = [
    ['x-forwarded-for', '192.0.2.9'],
    ['accept', '*/*'],
    ['x-forwarded-proto', 'https'],
    ['x-real-ip', '192.0.2.9'],
  ];
  t.strictSame(passed(raw, '10.0.0.7'), [
    ['accept', '*/*'],
    ['x-real-ip', '192.0.2.9'],
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-host', 'tv.example'],
    ['x-forwarded-for', '192.0.2.9, 10.0.0.7'],
  ]);
  t.end();
});

t.test('what a front says to the next hop alone ends here', (t) => {
  const raw: FieldLines = [
    ['connection', 'x-real-ip'],
    ['x-real-ip', '192.0.2.9'],
    ['proxy-authorization', 'Basic eA=='],
    ['cf-ray', '1'],
  ];
  t.strictSame(passed(raw, '10.0.0.7', { host: '' }), [
    ['cf-ray', '1'],
    ['x-forwarded-proto', 'http'],
    ['x-forwarded-for', '10.0.0.7'],
  ]);
  t.end();
});

t.test('the address is told as it is usually written, and so compared', (t) => {
  const rows = [
    ['192.0.2.1', false, '192.0.2.1', 'a client'],
    ['10.255.0.1', true, '10.255.0.1', 'a front'],
    ['0000:0000:0000:0000:0000:ffff:c000:0201', false, '192.0.2.1', 'IPv4 as uWS writes it'],
    ['0000:0000:0000:0000:0000:ffff:0a00:0007', true, '10.0.0.7', 'a front, too'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', true, '2001:db8::1', 'a front with IPv6'],
    ['2001:0db9:0000:0000:0000:0000:0000:0001', false, '2001:db9::1', 'its neighbour'],
    ['', false, undefined, 'a client that has left'],
  ] as const;
  for (const [address, isFront, told, why] of rows) {
    const lines = passed([['x-forwarded-for', 'before']], address);
    const want = told !== undefined && isFront ? `before, ${told}` : told;
    t.same(
      lines.filter(([name]) => name === 'x-forwarded-for').map(([, value]) => value),
      want === undefined ? [] : [want],
      why,
    );
  }
  t.end();
});

t.test('the scheme is what viewers speak', (t) => {
  const proto = ['x-forwarded-proto', 'https'] as const;
  t.same(passed([], '192.0.2.1', { tls: SECURE })[0], proto);
  t.same(passed([], '10.0.0.7', { tls: SECURE })[0], proto);
  t.end();
});
