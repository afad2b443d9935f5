import t from 'tap';
import type { HttpRequest } from '../../../../native/uws.js';
import { HostPrefixes } from '../../../../src/edge/http/request/host-prefixes.js';

const naming = (host: string): HttpRequest => ({ getHeader: () => host }) as unknown as HttpRequest;

t.test('HostPrefixes gives what the keys of a host begin with, in any spelling', (t) => {
  const prefixes = new HostPrefixes({ defaultPort: 80 });
  for (let time = 0; time < 2; time += 1) {
    for (const host of ['tv.example', 'TV.example', 'tv.example:80']) {
      t.equal(prefixes.of(naming(host)), '//tv.example', host);
    }
    t.equal(prefixes.of(naming('tv.example:81')), '//tv.example:81');
    for (const host of ['', '/', 'a@b', 'a b', 'a/b', 'a:x']) {
      t.equal(prefixes.of(naming(host)), undefined, host);
    }
  }
  t.end();
});

t.test('HostPrefixes remembers a bounded number of hosts, and knows all', (t) => {
  const prefixes = new HostPrefixes({ defaultPort: 80 });
  for (let i = 0; i < 3_000; i += 1) prefixes.of(naming(`h${i}`));
  t.ok(prefixes.size <= 1_024, `${prefixes.size}`);
  t.equal(prefixes.of(naming('h0')), '//h0');
  t.end();
});
