import t from 'tap';
import { parseAttributes, pick, secondsToMs, wholeNumber } from '../../src/media/hls-attributes.js';

t.test('parseAttributes() reads up to the first thing that is none', (t) => {
  const rows: [string, Record<string, string>, string][] = [
    ['A=1,B="x,y",C=ok', { A: '1', B: 'x,y', C: 'ok' }, 'a quoted string has commas'],
    ['A=1, B=2 , C=3', { A: '1', B: '2', C: '3' }, 'blanks, as some packagers write them'],
    ['A=,B=""', { A: '', B: '' }, 'nothing'],
    ['A=1,A=2', { A: '2' }, 'the last of two'],
    ['A=1,b=2,C=3', { A: '1' }, 'names are upper case'],
    ['A="x', {}, 'a quote that nobody closes'],
    ['A="x"y,B=2', {}, 'more behind the quotes'],
    ['', {}, 'empty'],
    ['constructor=1', {}, 'no name'],
  ];
  for (const [value, want, why] of rows) {
    t.same(Object.fromEntries(parseAttributes(value)), want, why);
  }
  t.end();
});

t.test('pick() takes what is there, under our names', (t) => {
  const from = parseAttributes('CODECS="avc1",AUDIO=""');
  t.same(pick(from, { codecs: 'CODECS', audio: 'AUDIO', resolution: 'RESOLUTION' }), {
    codecs: 'avc1',
    audio: '',
  });
  t.end();
});

t.test('secondsToMs() takes decimal seconds up to a week', (t) => {
  const rows: readonly (readonly [string, number])[] = [
    ['6', 6_000],
    ['6.006', 6_006],
    [' 6.5 ', 6_500],
    ['6.', 6_000],
    ['0', 0],
    ['0.0004', 0],
    ['604800', 604_800_000],
  ];
  for (const [text, want] of rows) t.equal(secondsToMs(text), want, text);
  for (const text of ['604800.001', '999999999', '', '-1', '1e3', '6,5', '.5', 'x', undefined]) {
    t.equal(secondsToMs(text), undefined, String(text));
  }
  t.end();
});

t.test('wholeNumber() stays where sums are exact', (t) => {
  t.same(['0', ' 7 ', '99999999999999999999', '1.5', '-1', '', '0x5', undefined].map(wholeNumber), [
    0,
    7,
    Number.MAX_SAFE_INTEGER,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  t.equal(wholeNumber('9'.repeat(21)), undefined);
  t.end();
});
