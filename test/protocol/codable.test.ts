import t from 'tap';
import { forbidsTransform, mayBeCoded } from '../../src/protocol/codable.js';
import type { Descriptor } from '../../src/protocol/descriptor.js';
import { describedAs } from '../support/descriptor.js';

const RULES = { enabled: true, minSize: 100, maxSize: 1_000 };
const TEXT: Partial<Descriptor> = { key: '/a/thing', contentType: 'text/plain', totalBytes: 500 };

t.test('mayBeCoded() takes text of a fit size that nobody has coded or forbidden to', (t) => {
  const rows: readonly (readonly [Partial<Descriptor>, boolean, string])[] = [
    [{}, true, 'plain text under a name that says nothing'],
    [{ key: '/a/list.m3u8' }, true, 'a playlist whose server does not know its type'],
    [{ key: '/a/key' }, true, 'no extension'],
    [{ contentType: 'application/json; charset=utf-8' }, true, 'with a parameter'],
    [{ contentType: 'video/mp4' }, false, 'media by type'],
    [{ key: '/a/1.m4s' }, false, 'a segment by its name'],
    [{ key: '/a/1.TS?b=.txt' }, false, 'in capitals, before a query'],
    [{ key: '/a/1.mp4', contentType: 'application/json' }, false, 'whatever else its type says'],
    [{ key: '/a/1.zip' }, false, 'an archive'],
    [{ key: '/a/1.jpg' }, false, 'a picture'],
    [{ key: '/a/1.svg', contentType: 'image/svg+xml' }, true, 'one that is text'],
    [{ totalBytes: 99 }, false, 'small'],
    [{ totalBytes: 100 }, true, 'just large enough'],
    [{ totalBytes: 1_000 }, true, 'just small enough'],
    [{ totalBytes: 1_001 }, false, 'large'],
    [{ totalBytes: -1 }, true, 'of unknown length'],
    [{ status: 206 }, true, 'a part'],
    [{ status: 404 }, false, 'an error'],
    [{ fields: [['content-encoding', 'gzip']] }, false, 'coded already'],
    [{ fields: [['cache-control', 'a, No-Transform ,b']] }, false, 'not to be changed'],
    [{ fields: [['cdn-cache-control', 'max-age=9, no-transform']] }, false, 'nor by us alone'],
  ];
  for (const [facts, want, why] of rows) {
    t.equal(mayBeCoded(describedAs({ ...TEXT, ...facts }), RULES), want, why);
  }
  t.equal(mayBeCoded(describedAs(TEXT), { ...RULES, enabled: false }), false, 'switched off');
  t.end();
});

t.test('forbidsTransform() looks for the word alone', (t) => {
  t.equal(forbidsTransform('max-age=1,no-transform'), true);
  t.equal(forbidsTransform('no-transformers'), false);
  t.equal(forbidsTransform(undefined), false);
  t.end();
});
