/** Who may overwrite which bytes, and when. */
import t from 'tap';
import { GatewayError } from '../../../src/errors.js';
import { LentBody } from '../../../src/origin/http/lent-body.js';
import { seededRandom } from '../../support/random.js';

function open(): { body: LentBody; events: string[] } {
  const events: string[] = [];
  const body = new LentBody({
    resume: () => events.push('resume'),
    cancel: () => events.push('cancel'),
    drained: () => events.push('drained'),
  });
  return { body, events };
}

const A = Buffer.from('a');
const B = Buffer.from('b');

t.test('one read is lent and one waits; for the third there is a pause', async (t) => {
  const { body, events } = open();
  const reader = body[Symbol.asyncIterator]();
  body.push(A);
  t.notOk(body.endRead(), 'the other buffer is free');
  body.push(B);
  t.ok(body.endRead(), 'both are in use');
  t.equal((await reader.next()).value, A);
  t.strictSame(events, [], 'the first is lent');
  t.equal((await reader.next()).value, B);
  t.strictSame(events, ['resume'], 'its buffer is free again');
  body.end();
  t.notOk(body.isDrained, 'the last piece is lent');
  t.equal((await reader.next()).done, true);
  t.ok(body.isDrained);
  t.strictSame(events, ['resume', 'drained']);
});

t.test('a reader that waits gets what comes, without a pause', async (t) => {
  const { body, events } = open();
  const reader = body[Symbol.asyncIterator]();
  for (let i = 0; i < 5; i += 1) {
    const step = reader.next();
    t.ok(body.isWanted);
    body.push(A);
    t.notOk(body.endRead());
    t.equal((await step).value, A);
  }
  const last = reader.next();
  body.end();
  t.equal((await last).done, true);
  t.strictSame(events, ['drained']);
});

t.test('what fails gives out what came before, then the error, once', async (t) => {
  const { body, events } = open();
  body.push(A);
  body.fail(new GatewayError('GW_ORIGIN_BODY_SHORT', 'cut'));
  const reader = body[Symbol.asyncIterator]();
  t.equal((await reader.next()).value, A);
  await t.rejects(reader.next(), { code: 'GW_ORIGIN_BODY_SHORT' });
  t.equal((await reader.next()).done, true);
  t.strictSame(events, ['drained']);
});

t.test('who leaves cancels what is still coming', async (t) => {
  const { body, events } = open();
  body.push(A);
  const reader = body[Symbol.asyncIterator]();
  await reader.next();
  await reader.return?.();
  t.strictSame(events, ['cancel', 'drained']);
  body.push(B);
  t.equal((await reader.next()).done, true);
});

t.test('cut loose, what waits is a copy', async (t) => {
  const { body, events } = open();
  const buffer = Buffer.from('abc');
  body.push(buffer.subarray(0, 2));
  body.push(buffer.subarray(2));
  body.end();
  t.ok(body.cutLoose());
  buffer.fill('Z');
  const pieces: string[] = [];
  for await (const piece of body) pieces.push(Buffer.from(piece).toString());
  t.strictSame(pieces, ['ab', 'c']);
  t.strictSame(events, ['drained']);
});

t.test('not while a piece is lent', async (t) => {
  const { body } = open();
  body.push(A);
  body.push(B);
  body.end();
  const reader = body[Symbol.asyncIterator]();
  await reader.next();
  t.notOk(body.cutLoose());
});

t.test('no piece changes while it is lent, whoever is slow', async (t) => {
  const random = seededRandom(8);
  for (let round = 0; round < 200; round += 1) {
    const buffers = [new Uint8Array(4), new Uint8Array(4)];
    let paused = false;
    let ended = false;
    const body = new LentBody({
      resume: () => (paused = false),
      cancel: () => undefined,
      drained: () => undefined,
    });
    let reads = 0;
    const readOnce = (): void => {
      const buffer = buffers[reads % 2];
      if (buffer === undefined || paused || ended) return;
      buffer.fill(reads);
      for (let pieces = Math.floor(random() * 3); pieces > 0; pieces -= 1) {
        body.push(buffer.subarray(0, 1 + Math.floor(random() * 4)));
      }
      reads += 1;
      paused = body.endRead();
      ended = reads === 20;
      if (ended) body.end();
    };
    let before = -1;
    for (const reader = body[Symbol.asyncIterator](); ;) {
      while (random() < 0.6) readOnce();
      const pending = reader.next();
      while (body.isWanted) readOnce();
      const step = await pending;
      if (step.done === true) break;
      const [first = -1] = Array.from(step.value);
      while (random() < 0.5) readOnce();
      t.ok(
        Array.from(step.value).every((byte) => byte === first),
        'one read',
      );
      if (first < before) t.fail(`${first} after ${before}`);
      before = first;
    }
    t.equal(reads, 20);
  }
});
