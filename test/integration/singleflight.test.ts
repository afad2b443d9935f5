/** One trip to the origin for all who want the same: over real sockets and two real workers. */
import t, { type Test } from 'tap';
import { type Gateway, metricsOf, purge, startGateway, untilMetric } from '../support/gateway.js';
import { heldOrigin, type HeldOrigin } from '../support/held-origin.js';
import { RawClient, rawGet } from '../support/raw-client.js';

const HERD = 1_000;
const SEGMENT = Buffer.alloc(4_000_000);
for (let at = 0; at < SEGMENT.length; at += 4) SEGMENT.writeUInt32LE(at, at);
const HALF = SEGMENT.length / 2;
const HEAD = { 'Content-Length': SEGMENT.length, 'Cache-Control': 'max-age=60' };

t.test('a thousand clients of one cold segment cost the origin one request', async (t) => {
  const origin = await heldOrigin(t);
  const gateway = await startOn(t, origin);
  const clients: RawClient[] = [];
  while (clients.length < HERD) {
    const some = Array.from({ length: 100 }, () => RawClient.open(gateway.port));
    clients.push(...(await Promise.all(some)));
  }
  let wrong = 0;
  const answers = clients.map((client) =>
    client.get('/live/segment-1.m4s', [], {
      sink: (chunk, offset) => {
        if (chunk.compare(SEGMENT, offset, offset + chunk.length) !== 0) wrong += 1;
      },
    }),
  );
  const { response } = await origin.next();
  await untilMetric(gateway, (metric) => metric('connections') >= HERD);
  response.writeHead(200, HEAD).end(SEGMENT);
  const statuses = (await Promise.all(answers)).map(
    ({ status, bytes, whole }) => `${status} ${bytes} ${whole}`,
  );
  t.strictSame([...new Set(statuses)], [`200 ${SEGMENT.length} true`]);
  t.equal(wrong, 0, 'chunks that are not what the origin sent');
  t.equal(origin.count(), 1);
  const metric = await metricsOf(gateway);
  t.equal(metric('origin_requests_total'), 1);
  t.ok(metric('collapsed_total') > 0);
  for (const client of clients) client.close();
  t.equal(await gateway.stop(), 0);
});

t.test('a second viewer gets the bytes of a segment that is still being filled', async (t) => {
  const origin = await heldOrigin(t);
  const gateway = await startOn(t, origin);
  const leader = new Viewer(await RawClient.open(gateway.port));
  const { response } = await origin.next();
  response.writeHead(200, HEAD).write(SEGMENT.subarray(0, HALF));
  await leader.until(HALF);
  // New connections until both workers have followers.
  const followers = await Promise.all(
    Array.from({ length: 8 }, async () => new Viewer(await RawClient.open(gateway.port))),
  );
  await Promise.all(followers.map((viewer) => viewer.until(HALF)));
  t.equal(response.writableEnded, false, 'all have half of it, and the origin has not finished');
  const range = await rawGet(gateway.port, PATH, ['Range: bytes=1000-1999']);
  t.equal(range.status, 206);
  t.ok(range.body.equals(SEGMENT.subarray(1_000, 2_000)), 'a range of what is there');
  const late = rawGet(gateway.port, PATH, [`Range: bytes=${HALF + 7}-${HALF + 106}`]);
  response.end(SEGMENT.subarray(HALF));
  for (const { answer } of [leader, ...followers]) {
    const { whole, body } = await answer;
    t.ok(whole && body.equals(SEGMENT));
  }
  t.ok((await late).body.equals(SEGMENT.subarray(HALF + 7, HALF + 107)), 'one of what was not');
  t.equal(origin.count(), 1);
  t.equal(await gateway.stop(), 0);
});

t.test(
  'an origin that dies within a body cuts those who follow, and nothing is kept',
  async (t) => {
    const origin = await heldOrigin(t);
    const gateway = await startOn(t, origin);
    const viewers = await Promise.all(
      Array.from({ length: 6 }, async () => new Viewer(await RawClient.open(gateway.port))),
    );
    const first = await origin.next();
    first.response.writeHead(200, HEAD).write(SEGMENT.subarray(0, HALF));
    await Promise.all(viewers.map((viewer) => viewer.until(HALF)));
    const beyond = rawGet(gateway.port, PATH, [`Range: bytes=${HALF + 1}-`]);
    await untilMetric(gateway, (metric) => metric('misses_total') === viewers.length + 1);
    first.response.destroy();
    for (const { answer, client } of viewers) {
      const { status, whole, bytes } = await answer;
      t.strictSame([status, whole, bytes, client.isClosed], [200, false, HALF, true]);
    }
    const { status, body } = await beyond;
    t.equal(status, 502, 'who had not got a byte is told why');
    t.match(body.toString(), /^GW_ORIGIN_BODY_SHORT/);
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // a path that failed is let rest
    const again = new Viewer(await RawClient.open(gateway.port));
    const second = await origin.next();
    t.equal(second.request.headers.range, undefined, 'all of it is asked for');
    second.response.writeHead(200, HEAD).end(SEGMENT);
    t.ok((await again.answer).body.equals(SEGMENT));
    t.equal(await gateway.stop(), 0);
  },
);

t.test('the first client leaves, and those who joined it get everything', async (t) => {
  const origin = await heldOrigin(t);
  const gateway = await startOn(t, origin);
  for (const when of ['before the head', 'within the body']) {
    const path = `/live/${when.replaceAll(' ', '-')}.m4s`;
    const leader = new Viewer(await RawClient.open(gateway.port), path);
    const held = await origin.next();
    const { response } = held;
    const joined = Array.from({ length: 4 }, async () => {
      return new Viewer(await RawClient.open(gateway.port), path);
    });
    const viewers = await Promise.all(joined);
    if (when === 'within the body') {
      response.writeHead(200, HEAD).write(SEGMENT.subarray(0, HALF));
      await Promise.all([leader, ...viewers].map((viewer) => viewer.until(HALF)));
    } else {
      await untilMetric(gateway, (metric) => metric('connections') >= 5);
    }
    leader.client.reset();
    await untilMetric(gateway, (metric) => metric('connections') <= 4);
    t.equal(held.gone(), false, `${when}: the origin's work goes on`);
    if (when === 'within the body') response.end(SEGMENT.subarray(HALF));
    else response.writeHead(200, HEAD).end(SEGMENT);
    for (const { answer, client } of viewers) {
      const { whole, body } = await answer;
      t.ok(whole && body.equals(SEGMENT), when);
      client.close();
    }
    await untilMetric(gateway, (metric) => metric('connections') === 0);
  }
  t.equal(origin.count(), 2);
  t.equal(await gateway.stop(), 0);
});

t.test(
  'when nobody is left the origin is told to stop, and who comes next is served',
  async (t) => {
    const origin = await heldOrigin(t);
    const gateway = await startOn(t, origin);
    for (const when of ['before the head', 'within the body']) {
      const viewers = [0, 1, 2].map(async () => new Viewer(await RawClient.open(gateway.port)));
      const { response, closed } = await origin.next();
      if (when === 'within the body') {
        response.writeHead(200, HEAD).write(SEGMENT.subarray(0, 100_000));
        for (const viewer of viewers) await (await viewer).until(100_000);
      }
      for (const viewer of viewers) (await viewer).client.reset();
      await closed;
      t.notOk(response.writableEnded, `${when}: the request to the origin was cancelled`);
    }
    const next = new Viewer(await RawClient.open(gateway.port));
    const { response } = await origin.next();
    response.writeHead(200, HEAD).end(SEGMENT);
    t.ok((await next.answer).body.equals(SEGMENT));
    t.equal(await gateway.stop(), 0);
  },
);

t.test('who leaves at the moment another one comes takes nothing from him', async (t) => {
  const origin = await heldOrigin(t, (_request, response) => {
    setTimeout(() => response.writeHead(200, HEAD).end(SEGMENT), 20);
  });
  const gateway = await startOn(t, origin);
  for (let round = 0; round < 40; round += 1) {
    const path = `/live/round-${round}.m4s`;
    const leaving = new Viewer(await RawClient.open(gateway.port), path);
    const coming = await RawClient.open(gateway.port);
    await origin.next();
    leaving.client.reset();
    const { status, whole, bytes } = await coming.get(path);
    t.strictSame([status, whole, bytes], [200, true, SEGMENT.length], path);
    coming.close();
  }
  t.equal(await gateway.stop(), 0);
});

t.test('a request behind a purge does not join one from before it', async (t) => {
  const origin = await heldOrigin(t);
  const gateway = await startOn(t, origin);
  for (const soft of [false, true]) {
    const path = `/live/purged-${soft}.m4s`;
    const clients = await Promise.all(
      Array.from({ length: 6 }, () => RawClient.open(gateway.port)),
    );
    const before = clients.slice(0, 3).map((client) => client.get(path));
    const old = await origin.next();
    await untilMetric(gateway, (metric) => metric('connections') >= 6);
    await purge(gateway, { scope: 'exact', path, soft });
    const behind = clients.slice(3).map((client) => client.get(path));
    const fresh = await origin.next();
    old.response.writeHead(200, { ETag: '"old"', 'Cache-Control': 'max-age=60' }).end('old');
    fresh.response.writeHead(200, { ETag: '"new"', 'Cache-Control': 'max-age=60' }).end('new');
    for (const answer of before) t.match((await answer).body.toString(), /^(?:old|new)$/);
    for (const answer of behind) t.equal((await answer).body.toString(), 'new');
    t.equal((await rawGet(gateway.port, path)).body.toString(), 'new', 'which is what is kept');
    for (const client of clients) client.close();
    await untilMetric(gateway, (metric) => metric('connections') === 0);
  }
  t.equal(await gateway.stop(), 0);
});

const PATH = '/live/segment.m4s';

/** A client that has asked for a segment, and how far it has come. */
class Viewer {
  readonly client: RawClient;
  readonly answer: ReturnType<RawClient['get']>;
  #bytes = 0;
  #waiting: { bytes: number; resolve: () => void } | undefined;

  constructor(client: RawClient, path = PATH) {
    this.client = client;
    const parts: Buffer[] = [];
    const sink = (chunk: Buffer): void => {
      parts.push(chunk);
      this.#bytes += chunk.length;
      if (this.#bytes >= (this.#waiting?.bytes ?? Infinity)) this.#waiting?.resolve();
    };
    this.answer = client
      .get(path, [], { sink })
      .then((answer) => ({ ...answer, body: Buffer.concat(parts) }));
  }

  async until(bytes: number): Promise<void> {
    if (this.#bytes >= bytes) return;
    await new Promise<void>((resolve) => {
      this.#waiting = { bytes, resolve };
    });
  }
}

function startOn(t: Test, { url }: HeldOrigin): Promise<Gateway> {
  const args = [url, '--log-level', 'silent', '--set', 'origin.retries=0'];
  return startGateway(t, { args: [...args, '--set', 'prefetch.enabled=false'] });
}
