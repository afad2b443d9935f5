import t from 'tap';
import { RequestBody } from '../../../../src/edge/http/request/request-body.js';
import { FakeResponse } from '../../../support/fake-response.js';

const LIMITS = { maxBytes: 10_000_000, minRate: 1_000, minRateGraceMs: 5_000 };

async function read(body: RequestBody): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

t.test('RequestBody gives what came, whoever was first', async (t) => {
  const fake = new FakeResponse();
  const body = new RequestBody(fake.asUws, LIMITS, () => 0);
  fake.send('abc', false);
  const reading = read(body);
  fake.send('def', false);
  fake.send('', true);
  t.equal(await reading, 'abcdef', 'copied: uWS reuses its buffers');
});

t.test('RequestBody pauses its client when nobody reads, and lets it go on later', async (t) => {
  const fake = new FakeResponse();
  const body = new RequestBody(fake.asUws, LIMITS, () => 0);
  const chunk = 'x'.repeat(400_000);
  for (let i = 0; i < 3; i += 1) fake.send(chunk, false);
  t.ok(fake.paused);
  const reader = body[Symbol.asyncIterator]();
  await reader.next();
  t.ok(fake.paused, 'still much waits');
  await reader.next();
  t.notOk(fake.paused);
  fake.send('end', true);
  let length = 2 * chunk.length;
  for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
    length += next.value.length;
  }
  t.equal(length, 3 * chunk.length + 3);
});

t.test('RequestBody refuses more than the limit, at whatever chunk', async (t) => {
  const fake = new FakeResponse();
  const body = new RequestBody(fake.asUws, { ...LIMITS, maxBytes: 5 }, () => 0);
  fake.send('abc', false);
  const reading = read(body);
  fake.send('defg', false);
  await t.rejects(reading, { code: 'GW_BODY_TOO_LARGE' });
  fake.send('more', true);
});

t.test('RequestBody ends its reader when the client leaves, and touches it no more', async (t) => {
  const fake = new FakeResponse();
  const body = new RequestBody(fake.asUws, LIMITS, () => 0);
  for (let i = 0; i < 3; i += 1) fake.send('x'.repeat(400_000), false);
  t.ok(fake.paused);
  fake.leave();
  body.leave();
  await t.rejects(read(body), { code: 'GW_CLIENT_ABORTED' });
});

t.test('RequestBody that is complete can be read after its response is over', async (t) => {
  const fake = new FakeResponse();
  const body = new RequestBody(fake.asUws, LIMITS, () => 0);
  fake.send('abc', true);
  fake.end('answered early');
  body.leave();
  t.equal(await read(body), 'abc');
});
