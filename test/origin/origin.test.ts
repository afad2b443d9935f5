import t from 'tap';
import { copyOf, isBodyless, isIdempotent, isRepeatable, isSafe } from '../../src/origin/origin.js';
import { Tries } from '../../src/origin/resilience/tries.js';
import { bodyOf } from '../../src/origin/plain-answer.js';

t.test('isSafe() and isIdempotent() say what may be asked twice, and what at once', (t) => {
  const rows: [method: string, idempotent: boolean, safe: boolean][] = [
    ['GET', true, true],
    ['HEAD', true, true],
    ['OPTIONS', true, true],
    ['PUT', true, false],
    ['DELETE', true, false],
    ['TRACE', true, false],
    ['POST', false, false],
    ['PATCH', false, false],
    ['CONNECT', false, false],
    ['get', false, false], // methods are case-sensitive (RFC 9110 section 9.1)
    ['PURGE', false, false],
    ['', false, false],
  ];
  for (const [method, idempotent, safe] of rows) {
    t.equal(isIdempotent(method), idempotent, `${method} idempotent`);
    t.equal(isSafe(method), safe, `${method} safe`);
  }
  t.end();
});

t.test('isRepeatable() is false for what has a body, an empty one too', (t) => {
  const request = { method: 'PUT', target: '/', headers: [] };
  t.equal(isRepeatable(request), true);
  t.equal(isRepeatable({ body: bodyOf(), ...request }), false);
  t.equal(isRepeatable({ ...request, method: 'POST' }), false);
  t.end();
});

t.test('copyOf() leaves out what belongs to the first sending alone', (t) => {
  const request = { method: 'GET', target: '/a?b', headers: [['a', 'b']] as const };
  const more = { onInformational: () => undefined, tries: new Tries(1), body: bodyOf() };
  t.strictSame(copyOf({ ...more, ...request }), request);
  t.end();
});

t.test('isBodyless() tells answers that end with their head', (t) => {
  const rows: [method: string, status: number, want: boolean][] = [
    ['HEAD', 200, true],
    ['HEAD', 404, true],
    ['GET', 204, true],
    ['GET', 304, true],
    ['POST', 204, true],
    ['GET', 200, false],
    ['GET', 205, false], // it says by its fields that it is empty
    ['GET', 206, false],
    ['head', 200, false],
  ];
  for (const [method, status, want] of rows) t.equal(isBodyless(method, status), want);
  t.end();
});
