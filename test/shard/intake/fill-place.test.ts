import t from 'tap';
import type { AskRequest } from '../../../src/protocol/messages.js';
import { newEntry, type Stored } from '../../../src/shard/holdings/entry.js';
import type { Fill } from '../../../src/shard/intake/fill.js';
import { type Known, placeOf } from '../../../src/shard/intake/fill-place.js';
import { KeyFills } from '../../../src/shard/intake/key-fills.js';
import { askFor } from '../../support/shard.js';

const KEY = '/film.mp4';
const WHOLE = { retryAtMs: 0 } as Stored;
const NOTHING: Known = { entry: undefined, whole: undefined, fills: undefined };
const GERMAN: AskRequest['headers'] = [['accept-language', 'de']];

function ask(range: string, more: Partial<AskRequest> = {}): AskRequest {
  return askFor(KEY, { range, ...more });
}

/** As much of a fill of the whole as says how far it is. */
function wholeFill(slotKey: string, written: number): KeyFills {
  const fills = new KeyFills();
  fills.begin({ slotKey, range: '', written } as Fill);
  return fills;
}

t.test('placeOf() fetches the whole, or of a large file what is looked into', (t) => {
  const rows: [ask: AskRequest, range: string, why: string][] = [
    [ask(''), '', 'no range'],
    [ask('bytes=100-199'), 'bytes=100-199', 'a file may be large'],
    [ask('bytes=-500'), 'bytes=-500', 'its end'],
    [ask('bytes=0-'), '', 'a download from the start'],
    [ask('bytes=0-1,5-6'), '', 'two ranges'],
    [ask('bytes=x'), '', 'no range at all'],
    [askFor('/a/1.m4s', { range: 'bytes=5-6' }), '', 'the next viewer wants all of a segment'],
    [askFor('/a/1.m3u8', { range: 'bytes=5-6' }), '', 'and of text'],
  ];
  for (const [request, range, why] of rows) {
    const slotKey = range === '' ? '' : `\n${range}`;
    t.same(placeOf(request, NOTHING), { slotKey, range, stored: undefined }, why);
  }
  t.end();
});

t.test('placeOf() validates the whole that is stored, whatever range is asked for', (t) => {
  for (const range of ['', 'bytes=100-199']) {
    const place = placeOf(ask(range), { ...NOTHING, whole: WHOLE });
    t.same([place.slotKey, place.range], ['', '']);
    t.equal(place.stored, WHOLE);
  }
  t.end();
});

t.test('placeOf() asks for the range itself behind the end of what is stored', (t) => {
  const known = { ...NOTHING, whole: WHOLE };
  const place = placeOf(ask('bytes=900-', { beyond: true }), known);
  t.same(place, { slotKey: '\nbytes=900-', range: 'bytes=900-', stored: undefined });
  const two = placeOf(ask('bytes=900-950,990-', { beyond: true }), known);
  t.same([two.slotKey, two.range], ['', ''], 'two ranges are asked for as the whole');
  t.equal(two.stored, WHOLE);
  t.end();
});

t.test('placeOf() tells those apart whose fields select other variants', (t) => {
  const entry = newEntry(KEY);
  entry.vary = ['accept-language'];
  const known = { ...NOTHING, entry };
  const german = placeOf(ask('', { headers: GERMAN }), known);
  const nobody = placeOf(ask(''), known);
  t.not(german.slotKey, nobody.slotKey);
  const part = placeOf(ask('bytes=5-6', { headers: GERMAN }), known);
  t.equal(part.slotKey, `${german.slotKey}\nbytes=5-6`);
  t.equal(placeOf(ask('', { headers: GERMAN }), NOTHING).slotKey, '', 'nothing is known yet');
  t.end();
});

t.test('placeOf() waits for a fill of the whole that is near, and for no other', (t) => {
  const near = 1_048_576 + 1_000;
  const rows: [first: number, range: string, why: string][] = [
    [near, '', 'the last byte that is near'],
    [near + 1, `bytes=${near + 1}-`, 'the first that is not'],
  ];
  for (const [first, range, why] of rows) {
    const place = placeOf(ask(`bytes=${first}-`), { ...NOTHING, fills: wholeFill('', 1_000) });
    t.equal(place.range, range, why);
  }
  const entry = newEntry(KEY);
  entry.vary = ['accept-language'];
  const request = ask('bytes=5-6', { headers: GERMAN });
  const others = placeOf(request, { ...NOTHING, entry, fills: wholeFill('', 1_000) });
  t.equal(others.range, 'bytes=5-6', 'it brings another variant');
  t.end();
});
