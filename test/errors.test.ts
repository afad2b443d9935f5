import { readFileSync } from 'node:fs';
import t from 'tap';
import { asGatewayError, ERRORS, GatewayError } from '../src/errors.js';

t.test("README's error table lists every code as it is declared", (t) => {
  const rows = readFileSync('README.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `GW_'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const listed = rows.map(([, code, source, status, retry, meaning]) => {
    t.match(meaning, /^\S.*\.$/, `${code ?? ''} has a meaning`);
    return [code?.replaceAll('`', ''), source, Number(status), retry === 'yes'];
  });
  const declared = Object.entries(ERRORS).map(([code, { source, status, retryable }]) => [
    code,
    source,
    status,
    retryable,
  ]);
  t.strictSame(listed, declared);
  t.end();
});

t.test('asGatewayError() keeps ours, knows one that crossed threads, and wraps the rest', (t) => {
  const ours = new GatewayError('GW_PORT_IN_USE', 'taken');
  t.equal(asGatewayError(ours), ours);
  const crossed = structuredClone(ours) as Error;
  t.notOk(crossed instanceof GatewayError, 'a clone loses its class');
  t.match(asGatewayError(crossed), { code: 'GW_PORT_IN_USE', detail: 'taken' });
  t.match(asGatewayError(new Error('GW_NO_SUCH: x')), { code: 'GW_INTERNAL' });
  t.match(asGatewayError('text'), { code: 'GW_INTERNAL', detail: 'text' });
  t.end();
});
