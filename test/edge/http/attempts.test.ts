import t from 'tap';
import { Attempts } from '../../../src/edge/http/attempts.js';
import type { FieldLines } from '../../../src/http/fields.js';
import { NO_DIRECTIVES, requestDirectives } from '../../../src/rules/reuse.js';

const FIELDS: FieldLines = [['accept', '*/*']];
const REQUEST = {
  ...{ key: '/a', upstreamTarget: '/a?x=1', fields: FIELDS, range: 'bytes=0-9' },
  ...{ credentialed: true, directives: NO_DIRECTIVES },
  lane: 1,
} as const;

t.test('Attempts asks for what the request wants, three times at most', (t) => {
  const attempts = new Attempts(REQUEST);
  t.notOk(attempts.isFirst);
  t.same(attempts.next(), {
    ...{ key: '/a', target: '/a?x=1', headers: [['accept', '*/*']], range: 'bytes=0-9' },
    ...{ lane: 1, background: false, credentialed: true },
    ...{ beyond: false, slice: undefined, elections: 0 },
  });
  t.ok(attempts.isFirst);
  t.ok(attempts.next());
  t.notOk(attempts.isFirst);
  t.ok(attempts.next());
  t.equal(attempts.next(), undefined);
  t.equal(attempts.next(), undefined);
  t.end();
});

t.test('Attempts asks the next time by what came of the last', (t) => {
  const attempts = new Attempts(REQUEST);
  attempts.beyond = true;
  attempts.elections = 2;
  t.match(attempts.next(), { range: 'bytes=0-9', beyond: true, elections: 2 });
  t.match(attempts.refresh(), { range: '', beyond: false, lane: 2 }, 'of the whole, in its time');
  attempts.wantsWhole = true;
  t.match(attempts.next(), { range: '', beyond: true });
  t.ok(attempts.next(), 'a refresh does not count');
  t.end();
});

t.test('Attempts joins others unless the request is special', (t) => {
  const plain = new Attempts(REQUEST);
  t.ok(plain.joins);
  plain.mismatched = true;
  t.notOk(plain.joins, 'what it joined was for others');
  const directives = requestDirectives({ cacheControl: 'no-cache' });
  t.notOk(new Attempts({ ...REQUEST, directives }).joins, 'it wants an answer of its own');
  t.end();
});
