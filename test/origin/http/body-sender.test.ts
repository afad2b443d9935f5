import t, { type Test } from 'tap';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { asGatewayError } from '../../../src/errors.js';
import { BodySender } from '../../../src/origin/http/body-sender.js';

/** More than a socket queues before it wants to drain. */
const LARGE = 'x'.repeat(100_000);

/** A socket, and what ends it and gives all that came out at its other side. */
async function openWire(t: Test): Promise<[socket: Socket, received: () => Promise<string>]> {
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  const [peer] = await accepted;
  const received = async () => {
    socket.end();
    let text = '';
    for await (const piece of peer) text += (piece as Buffer).toString('latin1');
    return text;
  };
  return [socket, received];
}

/** Gives those pieces and ends, or fails, or is silent from then on, as a client may be. */
class Body implements AsyncIterableIterator<Uint8Array> {
  readonly #pieces: string[];
  readonly #last: 'end' | 'failure' | 'silence';
  pulls = 0;
  returns = 0;

  constructor(pieces: readonly string[], last: 'end' | 'failure' | 'silence' = 'silence') {
    this.#pieces = [...pieces];
    this.#last = last;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.pulls += 1;
    const piece = this.#pieces.shift();
    if (piece !== undefined) return Promise.resolve({ done: false, value: Buffer.from(piece) });
    if (this.#last === 'failure') return Promise.reject(new TypeError('reader bug'));
    if (this.#last === 'end') return Promise.resolve({ done: true, value: undefined });
    return new Promise(() => undefined);
  }

  /** It fails, which must concern nobody. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.returns += 1;
    return Promise.reject(new Error('closed badly'));
  }
}

/** All that needs no network has gone on. */
const settled = (): Promise<void> => new Promise(setImmediate);

t.test('send() writes a body as it was told, and nothing beyond that', async (t) => {
  const rows: [pieces: string[], bytes: number, want: boolean | string, wire: string][] = [
    [['abc', '', LARGE], -1, true, `3\r\nabc\r\n186a0\r\n${LARGE}\r\n0\r\n\r\n`],
    [[], -1, true, '0\r\n\r\n'],
    [['abc', '', 'de'], 5, true, 'abcde'],
    [[LARGE, LARGE, 'y'], 200_001, true, `${LARGE}${LARGE}y`],
    [['', ''], 0, true, ''],
    [['abc', 'de'], 4, 'GW_BAD_REQUEST', 'abc'],
    [['a'], 0, 'GW_BAD_REQUEST', ''],
    [['abc', 'de'], 6, 'GW_BAD_REQUEST', 'abcde'],
    [[], 1, 'GW_BAD_REQUEST', ''],
    [['abc', 'fails'], -1, 'GW_INTERNAL', '3\r\nabc\r\n'],
  ];
  for (const [pieces, bytes, want, wire] of rows) {
    const [socket, received] = await openWire(t);
    const fails = pieces.at(-1) === 'fails';
    const body = fails ? new Body(pieces.slice(0, -1), 'failure') : new Body(pieces, 'end');
    const sending = new BodySender(socket, body, bytes).send();
    const why = `${pieces.map((piece) => piece.length).join('+')} as ${bytes}`;
    t.equal(await sending.catch((reason: unknown) => asGatewayError(reason).code), want, why);
    t.equal(await received(), wire, why);
  }
});

t.test('no piece is pulled while the socket does not drain', async (t) => {
  for (const bytes of [-1, LARGE.length + 1]) {
    const [socket] = await openWire(t);
    const body = new Body([LARGE, 'y']);
    const sender = new BodySender(socket, body, bytes);
    socket.cork(); // it takes what it is given, and passes nothing on
    const sending = sender.send();
    await settled();
    t.same([sender.isBlocked, body.pulls], [true, 1]);
    const drained = once(socket, 'drain');
    socket.uncork();
    await drained;
    await settled();
    t.same([sender.isBlocked, body.pulls], [false, 3], 'a silent client is not a blocked socket');
    t.equal(socket.listenerCount('drain'), 0);
    sender.stop();
    t.equal(await sending, false);
  }
});

t.test('stop() ends each wait, and the body once', async (t) => {
  const rows: [piece: string, isBlocked: boolean, wire: string, why: string][] = [
    ['abc', false, '3\r\nabc\r\n', 'for the client'],
    [LARGE, true, `186a0\r\n${LARGE}\r\n`, 'for the socket'],
  ];
  for (const [piece, isBlocked, wire, why] of rows) {
    const [socket, received] = await openWire(t);
    const body = new Body([piece, ...(isBlocked ? ['y'] : [])]);
    const sender = new BodySender(socket, body, -1);
    if (isBlocked) socket.cork();
    const sending = sender.send();
    await settled();
    t.equal(sender.isBlocked, isBlocked, why);
    sender.stop();
    sender.stop();
    t.equal(await sending, false, why);
    t.same([sender.isBlocked, body.returns, socket.listenerCount('drain')], [false, 1, 0], why);
    t.equal(await received(), wire, `${why}: no piece more, and no last chunk`);
  }
});

t.test('a piece that comes with the stop is not sent', async (t) => {
  const [socket, received] = await openWire(t);
  const body = new Body(['abc', 'de']);
  const sender = new BodySender(socket, body, -1);
  const sending = sender.send();
  sender.stop();
  t.equal(await sending, false);
  t.equal(await sender.send(), false, 'nor is one pulled after it');
  t.equal(body.pulls, 1);
  const piece = Promise.resolve({ done: false, value: Buffer.from('abc') });
  const late = new BodySender(socket, { [Symbol.asyncIterator]: () => ({ next: () => piece }) }, 3);
  const sendingLate = late.send();
  void piece.then(() => {
    late.stop(); // the sender has the piece, and has not gone on yet
  });
  t.equal(await sendingLate, false);
  t.equal(await received(), '');
});
