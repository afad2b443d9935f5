import t from 'tap';
import { negotiateEncoding, preferredCodings } from '../../src/http/encoding.js';

t.test('negotiateEncoding() picks the coding the client prefers', (t) => {
  const rows: [accept: string | undefined, want: 'br' | 'gzip' | 'identity', why: string][] = [
    [undefined, 'identity', 'no field: any is allowed, the plain one is safe'],
    ['', 'identity', 'empty: only identity'],
    ['gzip, deflate, br', 'br', 'what browsers send'],
    ['gzip, deflate, br, zstd', 'br', 'unknown codings are passed over'],
    ['gzip', 'gzip', 'one'],
    ['GZip', 'gzip', 'names have no case'],
    ['x-gzip', 'gzip', 'alias'],
    ['deflate', 'identity', 'nothing we have'],
    ['br;q=0.5, gzip;q=0.8', 'gzip', 'weights decide'],
    ['br;q=0.500,gzip;q=0.5', 'br', 'equal weights: our order'],
    ['br ; q=0.1 , gzip\t;\tQ=1.000', 'gzip', 'blanks, case of q, three digits'],
    ['br;q=0, gzip', 'gzip', 'zero refuses'],
    ['br;q=0, gzip;q=0', 'identity', 'both refused'],
    ['*', 'br', 'star accepts all'],
    ['*;q=0', 'identity', 'star refuses all'],
    ['*;q=0, gzip', 'gzip', 'star speaks of the others'],
    ['br;q=0, *', 'gzip', 'star does not revive what is named'],
    ['gzip;q=0.5, *;q=0.9', 'br', 'star with the higher weight'],
    ['identity', 'identity', 'identity asked for'],
    ['identity, gzip;q=0.5', 'identity', 'identity ranked above'],
    ['identity;q=0.5, gzip;q=0.5', 'gzip', 'ranked equal: the smaller body'],
    ['identity;q=0, gzip', 'gzip', 'identity refused, another there'],
    ['identity;q=0', 'identity', 'nothing else left'],
    ['identity;q=0, deflate', 'identity', 'nothing else that we have'],
    ['gzip;q=2', 'identity', 'a weight above one is malformed'],
    ['gzip;q=0.0001', 'identity', 'four digits are malformed'],
    ['gzip;q=', 'identity', 'empty weight'],
    ['gzip;level=9', 'identity', 'other parameters do not exist'],
    ['br;q=x, gzip', 'gzip', 'a malformed member spoils only itself'],
    ['gzip, gzip;q=0', 'identity', 'named twice: the lower counts'],
  ];
  for (const [accept, want, why] of rows) {
    t.equal(negotiateEncoding(accept, ['br', 'gzip']), want, why);
  }
  t.equal(negotiateEncoding('br, gzip', ['gzip']), 'gzip', 'only what is available');
  t.equal(negotiateEncoding('br, gzip', ['gzip', 'br']), 'gzip', 'our order breaks ties');
  t.equal(negotiateEncoding('br', []), 'identity', 'nothing available');
  t.end();
});

t.test(
  'preferredCodings() gives all that the client takes rather than identity, best first',
  (t) => {
    const rows: [accept: string | undefined, want: string, why: string][] = [
      ['gzip, deflate, br', 'br gzip', 'browsers take both'],
      ['br;q=0.5, gzip', 'gzip br', 'by weight'],
      ['gzip', 'gzip', 'one'],
      ['br;q=0, *', 'gzip', 'the star, but for what is named'],
      ['identity, gzip;q=0.5', '', 'identity is wished for'],
      ['gzip, identity;q=0.5, br;q=0.2', 'gzip', 'rather identity than that one'],
      ['identity;q=0, br', 'br', 'without identity'],
      ['*;q=0', '', 'nothing'],
      ['', '', 'empty'],
      [undefined, '', 'no field'],
    ];
    for (const [accept, want, why] of rows) t.equal(preferredCodings(accept).join(' '), want, why);
    t.end();
  },
);
