import t from 'tap';
import type { Descriptor } from '../../src/cache/descriptor.js';
import { MAX_PUBLISHED_BYTES, publishedText } from '../../src/shard/publication.js';
import { hash32 } from '../../src/runtime/hash.js';
import { describedAs, FRESHNESS } from '../support/descriptor.js';

t.test('publishedText() is the key, the fields and the times of a plain object', (t) => {
  const text = publishedText(describedAs({}));
  t.match(text, { key: '/v/1.m4s', hash: hash32('/v/1.m4s'), bornMs: 0, freshUntilMs: 60_000 });
  t.match(text?.fields, /^bytes\r\ncontent-type: video\/iso\.segment\r\n/);
  t.end();
});

t.test('publishedText() is undefined for what takes more thought', (t) => {
  const large = MAX_PUBLISHED_BYTES + 1;
  const rows: [string, Partial<Descriptor>][] = [
    ['a part', { firstByte: 1 }],
    ['not a 200', { status: 404 }],
    ['large', { storedBytes: large, totalBytes: large }],
    ['it varies', { vary: ['accept-language'] }],
    ['to be validated each time', { freshness: { ...FRESHNESS, alwaysRevalidate: true } }],
    ['behind another cache', { upstreamStatus: 'mid; hit' }],
    ['it may be coded', { codable: true }],
    ['a key beyond Latin-1', { key: '/v/\u{1f3ac}.m4s' }],
    ['workers look up no queries', { key: '/v/1.m4s?v=2' }],
    ['a key that is long to compare', { key: `/v/${'x'.repeat(5_000)}.m4s` }],
    ['fields beyond Latin-1', { fields: [['x-title', '\u{1f3ac}']] }],
  ];
  for (const [why, facts] of rows) {
    t.equal(publishedText(describedAs(facts)), undefined, why);
  }
  t.ok(publishedText(describedAs({ contentType: 'text/plain' })), 'no codings are made');
  const most = describedAs({ storedBytes: MAX_PUBLISHED_BYTES, totalBytes: MAX_PUBLISHED_BYTES });
  t.ok(publishedText(most));
  t.end();
});
