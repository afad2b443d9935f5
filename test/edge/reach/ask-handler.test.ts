import t from 'tap';
import { sendOn, servedTo } from '../../../src/edge/reach/ask-handler.js';
import { Client } from '../../support/asks.js';

t.test('sendOn() sends those who joined their way', (t) => {
  for (const [what, heard] of [
    ['bypass', 'bypass'],
    ['elect', 'elect or bypass'],
    ['elect-or-refuse', 'elect or refused'],
  ] as const) {
    const member = new Client();
    sendOn(member, what);
    t.same(member.heard, [heard]);
  }
  t.end();
});

t.test('servedTo() says of all but the first that they were folded into its request', (t) => {
  const miss = { hit: false, fwd: 'uri-miss' } as const;
  t.equal(servedTo(0, miss), miss);
  t.same(servedTo(1, miss), { ...miss, collapsed: true });
  t.same(servedTo(1, { hit: true }), { hit: true }, 'a hit is nobody’s request');
  t.same(servedTo(1, { ...miss, collapsed: false }), { ...miss, collapsed: false });
  t.end();
});
