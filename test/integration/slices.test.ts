/** Objects too large to keep whole: fetched, kept and evicted in slices of 1 MiB. */
import { open, rm, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { FAULTY_CLI, metricsOf, purge, startGateway } from '../support/gateway.js';
import { startLoggedNginx } from '../support/logged-nginx.js';
import { fileScript, OriginServer, patterned, type Script } from '../support/origin-server.js';
import { ownStatus, outcome, type Proxied, startProxied } from '../support/proxied.js';
import { RawClient, rawGet } from '../support/raw-client.js';

const MIB = 1_048_576;
const FILM = patterned(12 * MIB + 5_000);
const OTHER = patterned(12 * MIB + 5_000, 7);
const SLICES = 13;
const FIELDS = { 'Cache-Control': 'max-age=600', 'Content-Type': 'video/mp4' };
const PATH = '/film.mp4';

const serving = (film: Uint8Array, tag: string): Script =>
  fileScript(film, { ...FIELDS, ETag: tag });

/** The slices that were asked for, by number. */
function slicesAsked(origin: OriginServer, path = PATH): number[] {
  return origin.seen(path).flatMap(({ fields }) => {
    const [, first] = /^bytes=(\d+)-/.exec(fields['range'] ?? '') ?? [];
    return first === undefined ? [] : Number(first) / MIB;
  });
}

async function startFilm(
  t: Parameters<typeof startProxied>[0],
  ...args: string[]
): Promise<Proxied> {
  const proxied = await startProxied(t, args);
  proxied.origin.on(PATH, serving(FILM, '"one"'));
  return proxied;
}

t.test(
  'a large object comes whole, each slice is fetched once, and then all of it is a hit',
  async (t) => {
    const { origin, get } = await startFilm(t);
    const first = await get(PATH);
    t.equal(first.status, 200);
    t.ok(first.body.equals(FILM));
    t.equal(ownStatus(first), 'fwd=uri-miss; fwd-status=200; stored');
    t.equal(origin.count(PATH), 1 + SLICES);
    t.same(new Set(slicesAsked(origin)).size, SLICES);
    const again = await get(PATH);
    t.ok(again.body.equals(FILM));
    t.equal(outcome(again), 'hit');
    t.equal(origin.count(PATH), 1 + SLICES);
  },
);

t.test('ranges are what the object has there, and a seek costs one slice', async (t) => {
  const { origin, get } = await startFilm(t);
  const ranges: [string, number, number][] = [
    ['bytes=5242900-5242999', 5_242_900, 5_243_000],
    ['bytes=0-', 0, FILM.length],
    [`bytes=${3 * MIB - 10}-${3 * MIB + 9}`, 3 * MIB - 10, 3 * MIB + 10],
    ['bytes=-6000', FILM.length - 6_000, FILM.length],
    [`bytes=${FILM.length - 1}-`, FILM.length - 1, FILM.length],
  ];
  for (const [i, [range, from, to]] of ranges.entries()) {
    const answer = await get(PATH, [`Range: ${range}`]);
    t.equal(answer.status, 206, range);
    t.equal(answer.fields.get('content-range'), `bytes ${from}-${to - 1}/${FILM.length}`);
    t.ok(answer.body.equals(FILM.subarray(from, to)), range);
    if (i === 0) t.same(slicesAsked(origin).slice(1), [5], 'behind the look at what it is');
  }
  const several = await get(PATH, [`Range: bytes=10-19, ${7 * MIB}-${7 * MIB + 9}`]);
  t.equal(several.status, 206);
  t.ok(several.body.includes(FILM.subarray(7 * MIB, 7 * MIB + 10)));
  t.equal((await get(PATH, [`Range: bytes=${FILM.length}-`])).status, 416);
  t.equal((await get(PATH, ['If-None-Match: "one"'])).status, 304);
  t.equal((await get(PATH, ['Range: bytes=0-9', 'If-Range: "two"'])).status, 200);
  const head = await get(PATH, [], { method: 'HEAD' });
  t.equal(head.status, 200);
});

t.test('who reads slowly has two slices ahead at most', async (t) => {
  const { origin, gateway } = await startFilm(t);
  const client = await RawClient.open(gateway.port);
  client.socket.pause();
  client.send(`GET ${PATH} HTTP/1.1\r\nHost: test\r\n\r\n`);
  await origin.untilCount(PATH, 3);
  await new Promise((resolve) => setTimeout(resolve, 500));
  // The kernel takes some megabytes of what nobody reads.
  t.ok(slicesAsked(origin).length < 11, `${slicesAsked(origin).length} slices were fetched`);
  client.close();
});

t.test('a crowd that seeks to one place costs the origin one slice', async (t) => {
  const { origin, get } = await startFilm(t);
  await get(PATH, [], { method: 'HEAD' });
  const before = origin.count(PATH);
  const answers = await Promise.all(
    Array.from({ length: 40 }, () => get(PATH, [`Range: bytes=${6 * MIB}-${6 * MIB + 99}`])),
  );
  for (const { body } of answers) t.ok(body.equals(FILM.subarray(6 * MIB, 6 * MIB + 100)));
  t.equal(origin.count(PATH), before + 1);
});

t.test(
  'a version that changes in the middle ends the answer short; the next is all new',
  async (t) => {
    const { origin, gateway, get } = await startFilm(t);
    const client = await RawClient.open(gateway.port);
    let changed = false;
    const answer = await client.get(PATH, [], {
      rate: 40 * MIB,
      sink: (_, offset) => {
        if (changed || offset < MIB) return;
        changed = true;
        origin.on(PATH, serving(OTHER, '"two"'));
      },
    });
    t.equal(answer.status, 200);
    t.notOk(answer.whole);
    const next = await get(PATH);
    t.ok(next.body.equals(OTHER));
    t.equal(next.fields.get('etag'), '"two"');
  },
);

t.test('a version that changed before the first byte is not told of', async (t) => {
  const { origin, get } = await startFilm(t);
  await get(PATH, ['Range: bytes=0-9']);
  origin.on(PATH, serving(OTHER, '"two"'));
  const answer = await get(PATH, [`Range: bytes=${9 * MIB}-${9 * MIB + 9}`]);
  t.equal(answer.status, 206);
  t.ok(answer.body.equals(OTHER.subarray(9 * MIB, 9 * MIB + 10)));
  t.equal(answer.fields.get('etag'), '"two"');
});

t.test('an object that is gone is gone', async (t) => {
  const { origin, get } = await startFilm(t);
  await get(PATH, ['Range: bytes=0-9']);
  origin.on(PATH, { status: 404, body: 'no more' });
  t.equal((await get(PATH, [`Range: bytes=${9 * MIB}-`])).status, 404);
});

t.test('a purge takes the slices with it; a soft one has the object validated', async (t) => {
  const { origin, gateway, get } = await startFilm(t);
  await get(PATH);
  t.equal(await purge(gateway, { scope: 'exact', path: PATH, soft: true }), 1 + SLICES);
  const before = origin.count(PATH);
  t.ok((await get(PATH)).body.equals(FILM));
  t.equal(origin.count(PATH), before + 1, 'the head was validated');
  t.equal(await purge(gateway, { scope: 'exact', path: PATH }), 1 + SLICES);
  t.equal((await metricsOf(gateway))('cached_keys'), 0);
  t.ok((await get(PATH)).body.equals(FILM));
  t.equal(origin.count(PATH), before + 2 + SLICES);
  t.equal(await purge(gateway, { scope: 'prefix', path: '/film' }), 1 + SLICES);
});

t.test(
  'what comes without a validator, or from an origin without ranges, is not sliced',
  async (t) => {
    const { origin, get } = await startProxied(t);
    const rows: [string, Record<string, string>][] = [
      ['no validator', { 'Accept-Ranges': 'bytes' }],
      ['a weak one', { 'Accept-Ranges': 'bytes', ETag: 'W/"1"' }],
      ['no ranges', { ETag: '"1"' }],
      ['none, it says', { 'Accept-Ranges': 'none', ETag: '"1"' }],
    ];
    for (const [i, [why, fields]] of rows.entries()) {
      const path = `/film-${i}.mp4`;
      origin.on(path, { fields: { ...FIELDS, ...fields }, body: FILM });
      t.ok((await get(path)).body.equals(FILM), why);
      const part = await get(path, ['Range: bytes=1000000-1000009']);
      t.ok(part.body.equals(FILM.subarray(1_000_000, 1_000_010)), why);
      t.same(
        slicesAsked(origin, path).filter((number) => Number.isInteger(number)),
        [],
        why,
      );
    }
  },
);

t.test('an origin that promises ranges and sends all of it is still served', async (t) => {
  const { origin, get } = await startProxied(t);
  const fields = { ...FIELDS, ETag: '"1"', 'Accept-Ranges': 'bytes' };
  origin.on(PATH, { fields, body: FILM });
  for (let i = 0; i < 2; i += 1) {
    const answer = await get(PATH);
    t.equal(answer.status, 200);
    t.ok(answer.body.equals(FILM));
    const part = await get(PATH, [`Range: bytes=${4 * MIB}-${4 * MIB + 9}`]);
    t.ok(part.body.equals(FILM.subarray(4 * MIB, 4 * MIB + 10)));
  }
});

t.test('slices that may not be kept are fetched for each answer', async (t) => {
  const { origin, get } = await startProxied(t);
  const whole = serving(FILM, '"one"');
  origin.on(PATH, (request, response, nth) => {
    const answer = whole(request, response, nth);
    if (answer?.status !== 206) return answer;
    return { ...answer, fields: { ...answer.fields, 'Cache-Control': 'no-store' } };
  });
  for (let i = 0; i < 2; i += 1) t.ok((await get(PATH)).body.equals(FILM));
  t.ok(slicesAsked(origin).length >= 2 * SLICES);
});

t.test(
  'an origin that breaks off a slice is asked again; one that fails ends the answer',
  async (t) => {
    const { origin, get } = await startProxied(t, ['--set', 'origin.retries=0']);
    const whole = serving(FILM, '"one"');
    let broken = 0;
    origin.on(PATH, (request, response, nth) => {
      const answer = whole(request, response, nth);
      if (request.headers.range !== `bytes=${2 * MIB}-${3 * MIB - 1}` || broken > 0) return answer;
      broken += 1;
      const told = `bytes ${2 * MIB}-${3 * MIB - 1}/${FILM.length}`;
      response.writeHead(206, {
        ...FIELDS,
        ETag: '"one"',
        'Content-Length': MIB,
        'Content-Range': told,
      });
      response.write(FILM.subarray(2 * MIB, 2 * MIB + 300_000), () => response.destroy());
      return undefined;
    });
    t.ok((await get(PATH)).body.equals(FILM));
    t.equal(broken, 1);
    origin.on('/other.mp4', (request, response, nth) =>
      nth > 1 ? { status: 503, body: 'not now' } : whole(request, response, nth),
    );
    t.equal((await get('/other.mp4')).status, 503, "the origin's own word, where nothing was sent");
  },
);

t.test('memory that readers hold does not stop an answer', async (t) => {
  // One bank, and three readers who do not read.
  const { origin, gateway, get } = await startProxied(t, [
    ...['--set', 'cache.memory=4MiB', '--shards', '1'],
    ...['--set', 'cache.maxObject=1MiB', '--set', 'limits.minRateGrace=60s'],
  ]);
  const held: RawClient[] = [];
  for (let i = 0; i < 4; i += 1) {
    const path = `/held-${i}.mp4`;
    origin.on(path, serving(FILM, `"held-${i}"`));
    const client = await RawClient.open(gateway.port);
    client.socket.pause();
    client.send(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
    await origin.untilCount(path, 3);
    held.push(client);
  }
  origin.on(PATH, serving(OTHER, '"one"'));
  t.ok((await get(PATH)).body.equals(OTHER));
  for (const client of held) client.close();
});

t.test('who reads on the other worker does not notice that one is lost', async (t) => {
  const origin = await OriginServer.start(t);
  origin.on(PATH, serving(FILM, '"one"'));
  const gateway = await startGateway(t, {
    args: [origin.url, '--log-level', 'silent', '--set', 'cache.memory=64MiB'],
    entry: FAULTY_CLI,
  });
  const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.open(gateway.port)));
  const answers = clients.map((client) => client.get(PATH, [], { rate: 3 * MIB }));
  await origin.untilCount(PATH, 3);
  const killer = await RawClient.open(gateway.port);
  killer.send('GET /fault/exit HTTP/1.1\r\nHost: test\r\n\r\n');
  const all = await Promise.all(answers);
  const whole = all.filter((answer) => answer.whole);
  t.ok(whole.length > 0, `${whole.length} of ${all.length} are whole`);
  for (const { body } of all) t.ok(body.equals(FILM.subarray(0, body.length)));
  for (const client of clients) client.close();
});

t.test('an object of 50 GB plays and seeks through a small cache', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'headgate-large-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const size = 50_000_000_000;
  const places = [0, 17 * MIB + 3, 25_000_000_000, size - 100];
  const file = await open(join(root, 'film.mp4'), 'w');
  await file.truncate(size); // takes no room
  for (const place of places) await file.write(patterned(100, place % 1_000), 0, 100, place);
  const old = new Date(Date.now() - 86_400_000);
  await file.utimes(old, old);
  await file.close();
  const origin = await startLoggedNginx(t, { root });
  const gateway = await startGateway(t, { args: [origin.url, '--set', 'cache.memory=64MiB'] });
  for (const place of places) {
    const range = `Range: bytes=${place}-${place + 99}`;
    const answer = await rawGet(gateway.port, PATH, [range]);
    t.equal(answer.status, 206);
    t.ok(answer.body.equals(patterned(100, place % 1_000)), `at ${place}`);
  }
  // On from a seek: more than the cache holds, and not a byte of it kept on the way for good.
  const client = await RawClient.open(gateway.port);
  const from = 30_000_000_000;
  const answer = await client.get(PATH, [`Range: bytes=${from}-${from + 200 * MIB - 1}`], {
    sink: (chunk) => {
      if (chunk.some((byte) => byte !== 0)) t.fail('a byte that is not there');
    },
  });
  t.equal(answer.bytes, 200 * MIB);
  t.ok(answer.whole);
  await origin.idle();
  const asked = await origin.requests();
  const slices = asked.filter(({ status }) => status === 206).length;
  t.ok(slices <= 200 + 1 + 2 * places.length, `${slices} slices`);
});
