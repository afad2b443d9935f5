import t from 'tap';
import type { EdgeContext } from '../../../../src/edge/http/context.js';
import { refuse, type Refusal } from '../../../../src/edge/http/answer/refusal.js';
import { ERRORS, type ErrorCode } from '../../../../src/errors.js';
import { createMetrics, readMetrics, WorkerMetrics } from '../../../../src/telemetry/metrics.js';
import { FakeResponse, fakeResponder } from '../../../support/fake-response.js';
import { testConfig } from '../../../support/shard.js';

function refused(refusal: Refusal): { fake: FakeResponse; refusals: number } {
  const metrics = createMetrics(1);
  const fake = new FakeResponse();
  const context = {
    config: testConfig({}),
    random: () => 0.99,
    metrics: new WorkerMetrics(metrics, 0),
  } as unknown as EdgeContext;
  refuse(context, fakeResponder(fake), refusal);
  return { fake, refusals: readMetrics(metrics)[0]?.counters.refused ?? NaN };
}

t.test('refuse() names the code, is never cached, and can be read by a page', (t) => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const { fake, refusals } = refused({ code });
    t.match(fake.statusLine, new RegExp(`^${ERRORS[code].status} `), code);
    t.match(fake.head, `Cache-Status: headgate; detail=${code}`);
    t.match(fake.head, '\r\nCache-Control: no-store');
    t.match(fake.head, '\r\nAccess-Control-Allow-Origin: *');
    t.match(fake.body.toString(), new RegExp(`^${code}: .+\n$`));
    t.equal(refusals, ERRORS[code].status === 503 ? 1 : 0, code);
    const retry = ERRORS[code].status >= 500 && ERRORS[code].retryable;
    t.equal(/\r\nRetry-After: 3/.test(fake.head), retry, code);
  }
  t.end();
});

t.test('refuse() sends clients back when the shard said so', (t) => {
  t.match(refused({ code: 'GW_MAILBOX_FULL', retryAfterS: 7 }).fake.head, '\r\nRetry-After: 7');
  t.notMatch(refused({ code: 'GW_MAILBOX_FULL', retryAfterS: 0 }).fake.head, /Retry-After: /);
  const allow = { code: 'GW_METHOD_NOT_ALLOWED', lines: '\r\nAllow: GET' } as const;
  t.match(refused(allow).fake.head, '\r\nAllow: GET');
  t.end();
});

t.test('refuse() ends connections whose framing cannot be trusted', (t) => {
  for (const code of ['GW_BAD_FRAMING', 'GW_BODY_TOO_LARGE', 'GW_SHUTTING_DOWN'] as const) {
    t.ok(refused({ code }).fake.closing, code);
  }
  t.notOk(refused({ code: 'GW_ORIGIN_TIMEOUT' }).fake.closing);
  t.end();
});
