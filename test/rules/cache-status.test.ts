import t from 'tap';
import { parseList } from 'structured-headers';
import { appendCacheStatus, cacheStatus, hitStatus } from '../../src/rules/cache-status.js';
import type { CacheStatusItem } from '../../src/rules/cache-status.js';

t.test('cacheStatus() writes what RFC 9211 names, and a parser reads it', (t) => {
  const rows: [name: string, item: CacheStatusItem, want: string][] = [
    ['gw-2', { hit: true, ttl: 3 }, 'gw-2; hit; ttl=3'],
    ['gw-2', { hit: true, ttl: -4, detail: 'swr' }, 'gw-2; hit; ttl=-4; detail=swr'],
    [
      'gw-2',
      { fwd: 'uri-miss', fwdStatus: 200, stored: true, collapsed: true },
      'gw-2; fwd=uri-miss; fwd-status=200; stored; collapsed',
    ],
    ['gw-2', { fwd: 'stale', stored: false, collapsed: false }, 'gw-2; fwd=stale'],
    ['a "b"', { hit: true }, '"a \\"b\\""; hit'],
    ['gw', { hit: true, key: '/a\\b' }, 'gw; hit; key="/a\\\\b"'],
    ['gw', { hit: true, detail: 'two words' }, 'gw; hit; detail="two words"'],
    ['gé\n', { hit: true }, '"g??"; hit'],
    ['gw', { hit: true, ttl: 1.9 }, 'gw; hit; ttl=1'],
    ['gw', { hit: true, ttl: -0.5 }, 'gw; hit; ttl=-1'],
    ['gw', { hit: true, ttl: Infinity }, 'gw; hit; ttl=999999999999999'],
    ['gw', { hit: true, ttl: NaN }, 'gw; hit; ttl=0'],
  ];
  for (const [name, item, want] of rows) {
    t.equal(cacheStatus(name, item), want);
    t.equal(parseList(want).length, 1);
  }
  t.end();
});

t.test('appendCacheStatus() puts us last and keeps the list readable', (t) => {
  t.equal(appendCacheStatus(undefined, 'gw; hit'), 'gw; hit');
  t.equal(appendCacheStatus('', 'gw; hit'), 'gw; hit');
  t.equal(appendCacheStatus('up; fwd=miss', 'gw; hit'), 'up; fwd=miss, gw; hit');
  t.equal(appendCacheStatus('HIT from "up', 'gw; hit'), 'gw; hit', 'malformed: would void ours');
  t.end();
});

t.test('hitStatus() is cacheStatus() of a hit', (t) => {
  for (const name of ['headgate', 'a "cache"']) {
    for (const ttl of [0, 17.9, -3, Infinity, NaN]) {
      t.equal(hitStatus(name, ttl), cacheStatus(name, { hit: true, ttl }), `${name} ${ttl}`);
    }
  }
  t.end();
});
