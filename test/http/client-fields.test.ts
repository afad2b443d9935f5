import t from 'tap';
import { isCredentialed, isForged, withoutForged } from '../../src/http/client-fields.js';

t.test('isCredentialed() finds what one viewer can be told from another by', (t) => {
  const names = ['cookie', 'authorization', 'x-api-key', 'x-auth-token', 'x-access-token'];
  for (const name of names) {
    const accept = ['accept', '*/*'] as const;
    t.ok(isCredentialed([accept, [name, 'x']]), name);
    t.notOk(isCredentialed([accept, [name, '']]), `an empty ${name}`);
  }
  for (const name of ['accept', 'cookie2', 'user-agent', 'x-playback-session-id']) {
    t.notOk(isCredentialed([[name, 'x']]), name);
  }
  t.end();
});

t.test('withoutForged() drops what only a proxy may say', (t) => {
  const forged = [
    ...['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded'],
    ...['x-forwarded-scheme', 'x-forwarded-port', 'x-forwarded-prefix', 'x-real-ip', 'x-host'],
    ...['x-original-url', 'x-original-host', 'x-rewrite-url', 'x-http-method-override'],
    ...['x-http-method', 'x-method-override', 'x-http-host-override', 'true-client-ip'],
    ...['cf-connecting-ip', 'client-ip', 'x-client-ip', 'x-cluster-client-ip', 'proxy'],
    ...['x-middleware-subrequest', 'x-remote-user', 'x-sendfile-type', 'front-end-https'],
    ...['x_forwarded_host', 'x-forwarded_host', 'host_', 'content_length', 'transfer_encoding'],
  ];
  for (const name of forged) t.ok(isForged(name), name);
  const honest = [
    ...['accept', 'cookie', 'host', 'origin', 'range', 'referer', 'user-agent', 'via', 'cdn-loop'],
    ...['sec-fetch-mode', 'x-playback-session-id', 'x-requested-with', 'x-yours', 'traceparent'],
  ];
  for (const name of honest) t.notOk(isForged(name), name);
  t.same(
    withoutForged([
      ['x-host', 'evil'],
      ['a', '1'],
    ]),
    [['a', '1']],
  );
  const all = [['a', '1']] as const;
  t.equal(withoutForged(all), all, 'the same array when there is nothing to drop');
  t.end();
});
