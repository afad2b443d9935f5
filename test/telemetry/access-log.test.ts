import t from 'tap';
import { AccessLog, loggedPath } from '../../src/telemetry/access-log.js';
import { createLogger } from '../../src/telemetry/log.js';

t.test('AccessLog.sampled() is true for the fraction of requests it was given', (t) => {
  const log = createLogger({ level: 'silent', name: 'test' });
  const rows = [
    [0, 0, false, 'never, even at the lowest draw'],
    [0.25, 0.249, true, 'draw below the fraction'],
    [0.25, 0.25, false, 'draw at the fraction'],
    [1, 0.999_999, true, 'always'],
  ] as const;
  for (const [fraction, draw, want, why] of rows) {
    t.equal(new AccessLog({ log, fraction, random: () => draw }).sampled(), want, why);
  }
  t.end();
});

t.test('AccessLog.write() logs one line with the facts of the request', (t) => {
  const lines: string[] = [];
  const destination = { write: (line: string): void => void lines.push(line) };
  const log = createLogger({ level: 'info', name: 'edge', worker: 1, destination });
  new AccessLog({ log, fraction: 1, random: () => 0 }).write({
    method: 'GET',
    target: '/live/a.m3u8?_HLS_msn=7&token=s3cret',
    status: 200,
    bytes: 812,
    ms: 0.123_456,
    cacheStatus: 'headgate; hit',
  });
  t.match(JSON.parse(lines[0] ?? ''), {
    worker: 1,
    method: 'GET',
    path: '/live/a.m3u8?_HLS_msn=7',
    status: 200,
    bytes: 812,
    ms: 0.123,
    cacheStatus: 'headgate; hit',
  });
  t.notMatch(lines[0], 's3cret');
  t.end();
});

t.test('loggedPath() keeps no token, wherever players put them', (t) => {
  const rows = [
    ['/v/a.m4s', '/v/a.m4s', 'plain path'],
    ['/v/a.m4s?token=x', '/v/a.m4s', 'token parameter'],
    ['/v/a.m4s?x', '/v/a.m4s', 'parameter without a value'],
    ['/a.m3u8?_HLS_msn=3&_HLS_part=1&t=x', '/a.m3u8?_HLS_msn=3&_HLS_part=1', 'LL-HLS'],
    ['/a.m3u8?_HLS_msn=x/y', '/a.m3u8', 'a value that is none'],
    ['/hdntl=exp=1~acl=*~hmac=ab/v/a.ts', '/…/v/a.ts', 'token in the path'],
    ['/eyJhbGciOiJI.eyJzdWIiOiIx.sig/v/a.ts', '/…/v/a.ts', 'JWT in the path'],
    ['/v/token=abc', '/v/…', 'token at the end'],
  ] as const;
  t.equal(loggedPath('/token%3Dsecret123/exp%7E1/a.ts'), '/…/…/a.ts', 'with escapes');
  for (const [target, want, why] of rows) t.equal(loggedPath(target), want, why);
  t.ok(loggedPath(`/${'a'.repeat(10_000)}?${'b'.repeat(10_000)}`).length <= 1_100, 'bounded');
  t.end();
});
