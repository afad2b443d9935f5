import t from 'tap';
import {
  addressSet,
  forwardingLines,
  frontedLines,
  normalAddress,
  viewersScheme,
} from '../../src/http/forwarding.js';

t.test('forwardingLines() names the client only when it is given', (t) => {
  const shared = { scheme: 'https', host: '' } as const;
  t.same(forwardingLines(shared), [['x-forwarded-proto', 'https']]);
  t.same(forwardingLines({ scheme: 'http', host: 'tv.example', address: '192.0.2.1' }), [
    ['x-forwarded-proto', 'http'],
    ['x-forwarded-host', 'tv.example'],
    ['x-forwarded-for', '192.0.2.1'],
  ]);
  t.same(forwardingLines({ ...shared, address: '' }).length, 1, 'nor when it is unknown');
  t.end();
});

t.test('frontedLines() goes on with what a front said', (t) => {
  const forwarding = { scheme: 'http', host: 'tv.example', address: '10.0.0.1' } as const;
  const lines = frontedLines(
    [
      ['x-forwarded-for', '192.0.2.1'],
      ['accept', '*/*'],
      ['x-forwarded-for', '192.0.2.2'],
      ['x-forwarded-proto', 'https'],
    ],
    forwarding,
  );
  t.same(lines, [
    ['accept', '*/*'],
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-host', 'tv.example'],
    ['x-forwarded-for', '192.0.2.1, 192.0.2.2, 10.0.0.1'],
  ]);
  t.end();
});

t.test('addressSet() holds addresses and blocks of both families', (t) => {
  const has = addressSet(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1']);
  for (const address of ['10.255.0.1', '192.0.2.7', '2001:db8:1::2', '::1']) {
    t.ok(has(address), address);
  }
  for (const address of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '::2', '', 'x']) {
    t.notOk(has(address), address);
  }
  t.notOk(addressSet([])('127.0.0.1'), 'nobody is a front unless named');
  t.end();
});

t.test('normalAddress() writes an address one way', (t) => {
  const rows = [
    ['127.0.0.1', '127.0.0.1'],
    ['0000:0000:0000:0000:0000:ffff:c000:0207', '192.0.2.7'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['', ''],
  ] as const;
  for (const [address, want] of rows) t.equal(normalAddress(address), want);
  t.end();
});

t.test('viewersScheme() is what the setting says, else what we speak', (t) => {
  const front = { addresses: [], scheme: 'auto' } as const;
  const [plain, secure] = [
    { cert: '', key: '' },
    { cert: 'c', key: 'k' },
  ];
  t.equal(viewersScheme({ front, tls: plain }), 'http');
  t.equal(viewersScheme({ front, tls: secure }), 'https');
  t.equal(viewersScheme({ front: { ...front, scheme: 'https' }, tls: plain }), 'https');
  t.end();
});
