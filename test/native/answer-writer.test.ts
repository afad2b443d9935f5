import { once } from 'node:events';
import net from 'node:net';
import t from 'tap';
import { EARLIER, newAnswerWriter } from '../../native/addon.js';
import { loadUws, uwsBinaryIsKnown } from '../../native/uws.js';

const uws = loadUws();
const writer = newAnswerWriter('x; hit; ttl=', [], false);

const cleared: boolean[] = [];
let bodyBytes = 0;
let date: number | undefined;
const connections: (number | undefined)[] = [];
let whenClosed: (connection: number | undefined) => void = () => undefined;
let wake: (() => void) | undefined;
const app = uws.App();
app.any('/*', (response) => {
  connections.push(writer?.connection(response));
  const clear = writer?.begin(response) !== EARLIER.some;
  cleared.push(clear);
  if (date !== undefined) writer?.setDate(response, date);
  if (clear) response.end(Buffer.alloc(bodyBytes));
  else response.close();
  connections.push(writer?.connection(response));
  wake?.();
});
app.filter((connection, count) => {
  if (count < 0) whenClosed(writer?.connection(connection));
});
let port = 0;
app.listen('127.0.0.1', 0, (socket) => {
  if (socket) port = uws.us_socket_local_port(socket);
});
t.teardown(() => app.close());

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';

t.test('the binary is known, so its memory is', (t) => {
  t.equal(uwsBinaryIsKnown(), true);
  t.not(writer, undefined);
  t.end();
});

t.test('AnswerWriter.connection() names an open connection, and none that is gone', async (t) => {
  connections.length = 0;
  const socket = net.connect(port, '127.0.0.1');
  for (let i = 0; i < 2; i += 1) {
    const answered = new Promise<void>((resolve) => {
      wake = resolve;
    });
    socket.write(GET);
    await answered;
  }
  const [first, afterwards, second] = connections;
  t.ok(first !== undefined && first > 0);
  t.equal(second, first, 'the same for each request on it');
  t.equal(afterwards, 0, 'a response that is over has none');
  const gone = new Promise<void>((resolve) => {
    whenClosed = (connection) => {
      if (connection === first) resolve();
    };
  });
  socket.destroy();
  await gone;
  t.pass('and the same when it closes');
});

t.test(
  'AnswerWriter.begin() sends what is held back, until the client does not read',
  async (t) => {
    cleared.length = 0;
    bodyBytes = 15_000;
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    let got = 0;
    socket.on('data', (data) => {
      got += data.length;
    });
    socket.write(GET.repeat(3));
    while (got < 3 * bodyBytes) await new Promise((resolve) => setTimeout(resolve, 5));
    t.same(cleared, [true, true, true], 'with an answer before it in the cork');
    socket.pause();
    while (!cleared.includes(false) && cleared.length < 2_000) {
      socket.write(GET.repeat(2));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    t.ok(cleared.includes(false), `after ${cleared.length} requests`);

    bodyBytes = 0;
    socket.destroy();
  },
);

t.test('AnswerWriter.setDate() says what the next answer does', async (t) => {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const told = async (seconds: number | undefined): Promise<string | undefined> => {
    date = seconds;
    socket.write(GET);
    const [head] = (await once(socket, 'data')) as [Buffer];
    return /^Date: (.+)\r$/m.exec(head.toString('latin1'))?.[1];
  };
  const written = (seconds: number): string => new Date(seconds * 1_000).toUTCString();
  const edges = [
    '1999-12-31',
    '2000-02-28',
    '2000-02-29',
    '2000-03-01',
    '2024-12-31',
    '2100-03-01',
  ];
  const times = edges.flatMap((day) => [0, 1, 86_399].map((s) => Date.parse(day) / 1_000 + s));
  for (let i = 0; i < 500; i += 1) times.push(Math.floor(Math.random() * 2 ** 32));
  for (const seconds of [1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, ...times]) {
    const said = await told(seconds);
    if (said !== written(seconds)) t.equal(said, written(seconds), String(seconds));
  }
  const nowS = (): number => Math.floor(Date.now() / 1_000);
  for (const seconds of [0, 2 ** 32, -1, 1.5, undefined]) {
    await told(86_400);
    const fromS = nowS();
    const saidS = Date.parse((await told(seconds)) ?? '') / 1_000;
    if (seconds !== undefined) t.ok(saidS >= fromS && saidS <= nowS(), `${seconds}: now`);
  }
  writer?.setDate({}, 1);
  date = undefined;
  socket.destroy();
});

/** A body is sent with its head; what was taken of it, and what uWS thinks of that, and what the client has got. */
async function sendBody(bytes: number, mode: { reads: boolean; corked: boolean }) {
  const body = new Uint8Array(new SharedArrayBuffer(bytes));
  for (let at = 0; at < bytes; at += 1) body[at] = at % 251;
  const own = uws.App();
  const told = new Promise<{ taken: number; offset: number }>((resolve) => {
    own.get('/large', (response) => {
      response.onAborted(() => undefined);
      const send = (): void => {
        response.tryEnd(body.subarray(0, 1), bytes);
        const taken = writer?.sendBody(response, body.subarray(1)) ?? -1;
        const offset = response.getWriteOffset();
        resolve({ taken, offset });
        response.onWritable((from) => response.tryEnd(body.subarray(from), bytes)[0]);
        response.tryEnd(body.subarray(offset), bytes);
      };
      if (mode.corked) send();
      else setImmediate(send); // uWS corks a handler, and nothing behind it
    });
  });
  own.get('/next', (response) => {
    response.end('the next answer');
  });
  let at = 0;
  own.listen('127.0.0.1', 0, (socket) => {
    if (socket) at = uws.us_socket_local_port(socket);
  });
  const socket = net.connect(at, '127.0.0.1');
  const got: Buffer[] = [];
  let have = 0;
  socket.on('data', (data) => {
    got.push(data);
    have += data.length;
  });
  if (!mode.reads) socket.pause();
  socket.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n');
  const sent = await told;
  socket.resume();
  const all = (): Buffer => Buffer.concat(got);
  const length = (): number => all().indexOf('\r\n\r\n') + 4 + bytes;
  while (have < bytes || have < length()) await once(socket, 'data');
  const end = length();
  const isWhole = all()
    .subarray(end - bytes, end)
    .equals(Buffer.from(body));
  socket.write('GET /next HTTP/1.1\r\nHost: a\r\n\r\n');
  while (!all().toString('latin1', end).endsWith('the next answer')) await once(socket, 'data');
  socket.destroy();
  own.close();
  return { ...sent, isWhole };
}

t.test('AnswerWriter.sendBody() sends the head with the body', async (t) => {
  const small = await sendBody(60_000, { reads: true, corked: true });
  t.strictSame(small, { taken: 59_999, offset: 60_000, isWhole: true });
  const large = await sendBody(30_000_000, { reads: false, corked: true });
  t.ok(large.taken > 0 && large.taken < 30_000_000, `${large.taken} fit`);
  t.equal(large.offset, large.taken + 1, 'uWS goes on there');
  t.equal(large.isWhole, true);
});

t.test('AnswerWriter.sendBody() sends nothing where the head is not corked', async (t) => {
  const sent = await sendBody(60_000, { reads: true, corked: false });
  t.strictSame(sent, { taken: 0, offset: 1, isWhole: true });
  t.equal(writer?.sendBody({}, new Uint8Array(9)), 0);
});

t.test('AnswerWriter of what is gone', (t) => {
  t.equal(writer?.connection({}), 0);
  t.equal(writer?.begin({}), EARLIER.some);
  t.throws(() => writer?.writeHit(1, 1, 1), /no bare answer/);
  t.end();
});
