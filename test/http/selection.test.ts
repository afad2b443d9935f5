import t from 'tap';
import { select, validatorsIn } from '../../src/http/selection.js';

const DATE = 'Tue, 24 Nov 2026 12:00:00 GMT';
const OLD = 'Mon, 23 Nov 2026 12:00:00 GMT';
const validators = validatorsIn([
  ['etag', '"a"'],
  ['last-modified', OLD],
  ['date', DATE],
]);

t.test('select() decides conditions before ranges', (t) => {
  const rows = [
    [{}, '', 'whole'],
    [{ 'if-none-match': '"a"' }, '', 'not-modified'],
    [{ 'if-none-match': '"b"' }, '', 'whole'],
    [{ 'if-match': '"b"' }, '', 'failed'],
    [{ 'if-match': '"a"' }, 'bytes=0-4', 'ranges'],
    [{ 'if-match': '"b"' }, 'bytes=0-4', 'failed'],
    [{ 'if-none-match': '"a"' }, 'bytes=0-4', 'not-modified'],
    [{ 'if-modified-since': OLD }, '', 'not-modified'],
    [{ 'if-unmodified-since': 'Sun, 22 Nov 2026 12:00:00 GMT' }, '', 'failed'],
    [{ 'if-range': '"a"' }, 'bytes=0-4', 'ranges'],
    [{ 'if-range': '"b"' }, 'bytes=0-4', 'whole'],
    [{ 'if-range': OLD }, 'bytes=0-4', 'ranges'],
    [{ 'if-range': DATE }, 'bytes=0-4', 'whole'],
    [{}, 'bytes=10-', 'unsatisfiable'],
    [{}, 'lines=1-2', 'whole'],
  ] as const;
  for (const [fields, range, want] of rows) {
    const request = { method: 'GET', fields: Object.entries(fields), range };
    const context = { nowMs: Date.parse(DATE), maxRanges: 16 };
    const { kind } = select(request, { validators, totalBytes: 10 }, context);
    t.equal(kind, want, `${JSON.stringify(fields)} ${range}`);
  }
  t.end();
});

t.test('select() knows no range of what has no length', (t) => {
  const request = { method: 'GET', fields: [], range: 'bytes=0-4' };
  const context = { nowMs: 0, maxRanges: 16 };
  t.same(select(request, { validators, totalBytes: -1 }, context), { kind: 'whole' });
  t.same(select({ ...request, method: 'HEAD' }, { validators, totalBytes: 10 }, context), {
    kind: 'whole',
  });
  t.end();
});

t.test('validatorsIn() takes a Date for no sign of change', (t) => {
  t.same(validatorsIn([['date', DATE]]), { etag: undefined });
  t.end();
});
