import t from 'tap';
import { RelayWriter } from '../../../../src/edge/http/answer/relay-writer.js';
import { StallWheel } from '../../../../src/edge/reach/stall-wheel.js';
import { FakeResponse, fakeResponder } from '../../../support/fake-response.js';

interface Relay {
  readonly fake: FakeResponse;
  readonly wheel: StallWheel;
  readonly writer: RelayWriter;
}

function relayOf(total: number): Relay {
  const fake = new FakeResponse();
  const responder = fakeResponder(fake);
  const wheel = new StallWheel(
    { minRate: 1, minRateGrace: 1 },
    () => 0,
    () => undefined,
  );
  wheel.stop();
  const writeHead = (): void => {
    responder.head(200, 'x\r\n');
  };
  return { fake, wheel, writer: new RelayWriter({ responder, wheel, total, writeHead }) };
}

/** Whether the chunk has been taken by now. */
async function isTaken(writing: Promise<void>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([writing, Promise.resolve(pending)])) !== pending;
}

t.test('RelayWriter takes the next chunk when the client has taken the last', async (t) => {
  const { fake, wheel, writer } = relayOf(10);
  fake.room = 4;
  const writing = writer.write(Buffer.from('abcdef'));
  t.notOk(await isTaken(writing));
  t.equal(wheel.count, 1);
  fake.drain(100);
  await writing;
  t.equal(wheel.count, 0);
  await writer.write(Buffer.from('ghij'));
  t.equal(fake.state, 'complete');
  t.equal(fake.body.toString(), 'abcdefghij');
  writer.end();
  t.equal(fake.state, 'complete');
});

t.test('RelayWriter passes a body of unknown length in small pieces', async (t) => {
  const { fake, writer } = relayOf(-1);
  const chunk = Buffer.alloc(200_000, 'abc');
  fake.room = 50_000;
  const writing = writer.write(chunk);
  t.equal(fake.body.length, 65_536, 'one piece more than fits, which uWS copies');
  t.notOk(await isTaken(writing));
  fake.drain(Infinity);
  await writing;
  writer.end();
  t.equal(fake.state, 'complete');
  t.ok(fake.body.equals(chunk));
});

t.test('RelayWriter sends its head also when no byte follows', (t) => {
  for (const total of [-1, 0]) {
    const { fake, writer } = relayOf(total);
    writer.end();
    t.equal(fake.statusLine, '200 OK', `length ${total}`);
    t.not(fake.state, 'closed', `length ${total}`);
    t.not(fake.state, 'open', `length ${total}`);
  }
  t.end();
});

t.test('RelayWriter breaks the connection when the body is shorter than announced', async (t) => {
  const { fake, writer } = relayOf(10);
  await writer.write(Buffer.from('abc'));
  writer.end();
  t.equal(fake.state, 'closed');
});

t.test('RelayWriter lets its source go when the client leaves', async (t) => {
  const { fake, wheel, writer } = relayOf(10);
  fake.room = 0;
  const writing = writer.write(Buffer.from('abc'));
  fake.leave();
  await writing;
  t.equal(wheel.count, 0);
  await writer.write(Buffer.from('def'));
  writer.end();
  writer.retry();
  t.equal(fake.body.length, 0);
});
