import t from 'tap';
import { bodyOf, plainAnswer } from '../../src/origin/plain-answer.js';
import { textOf } from '../support/origin.js';

const FACTS = { method: 'GET', name: 'files', nowMs: Date.UTC(2026, 0, 2, 3, 4, 5) };

t.test('plainAnswer() is a status and its line of text', async (t) => {
  const rows = [
    [301, 'Moved permanently\n', '18'],
    [404, 'Not found\n', '10'],
    [405, 'Method not allowed\n', '19'],
    [416, 'Range not satisfiable\n', '22'],
  ] as const;
  for (const [status, text, length] of rows) {
    const headers = [
      ['date', 'Fri, 02 Jan 2026 03:04:05 GMT'],
      ['content-type', 'text/plain; charset=utf-8'],
      ['content-length', length],
    ] as const;
    for (const [method, want] of [
      ['GET', text],
      ['HEAD', ''],
      ['POST', text],
    ] as const) {
      const { body, ...head } = plainAnswer({ ...FACTS, method, status });
      t.same(head, { status, headers, forEveryone: true, origin: 'files' }, `${method} ${status}`);
      t.equal(await textOf({ ...head, body }), want, `${method} ${status}`);
    }
  }
});

t.test('further fields come behind its own, in order', (t) => {
  const more = [
    ['allow', 'GET'],
    ['allow', 'HEAD'],
  ] as const;
  const { headers } = plainAnswer({ ...FACTS, status: 405, more });
  t.equal(headers.length, 5);
  t.same(headers.slice(3), more);
  t.end();
});

t.test('bodyOf() gives its chunks one by one, and ends', async (t) => {
  const chunks = [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c')];
  const seen: Uint8Array[] = [];
  for await (const chunk of bodyOf(...chunks)) seen.push(chunk);
  t.equal(seen.length, 3);
  for (const [n, chunk] of chunks.entries()) t.equal(seen[n], chunk, 'not a copy');
  t.same(await bodyOf().next(), { done: true, value: undefined });
});
