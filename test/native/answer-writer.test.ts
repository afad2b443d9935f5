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

t.test('AnswerWriter of what is gone', (t) => {
  t.equal(writer?.connection({}), 0);
  t.equal(writer?.begin({}), EARLIER.some);
  t.throws(() => writer?.writeHit(1, 1, 1), /no bare answer/);
  t.end();
});
