import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Config } from '../../src/config/config.js';
import type { Descriptor } from '../../src/protocol/descriptor.js';
import type { MeshMessage, SegmentOrder } from '../../src/protocol/messages.js';
import { hash32, shardOf } from '../../src/runtime/hash.js';
import { Mesh } from '../../src/runtime/mesh.js';
import type { Basics } from '../../src/worker/basics.js';
import { Content } from '../../src/worker/content.js';
import { heldOrigin, type HeldOrigin } from '../support/held-origin.js';
import { askFor, testConfig, until } from '../support/shard.js';
import { basicsOf, bootOf, type WorkerSettings } from '../support/worker.js';

const CODER = new URL('../../workers/coder.js', import.meta.url);
const ORDER: SegmentOrder = {
  kind: 'order',
  playlist: '/v/p.m3u8',
  content: 1,
  following: [['/v/1.m4s', '/v/2.m4s']],
};

class ContentBench {
  readonly heard: MeshMessage[] = [];
  readonly ahead: string[] = [];
  readonly content: Content;
  readonly basics: Basics;
  #asks = 0;

  constructor(t: Test, settings: WorkerSettings = {}) {
    this.basics = basicsOf(t, settings);
    const mesh = new Mesh<MeshMessage>({
      self: 0,
      outboxLimit: 1_000,
      deliver: (message, from) => {
        this.heard.push(message);
        const leased = message.kind === 'object' || message.kind === 'filling';
        if (leased) this.basics.arena.giveBack(from, message.descriptor.slot);
      },
      onError: (reason) => {
        t.error(reason);
      },
    });
    this.content = new Content({
      ...{ basics: this.basics, mesh, coder: CODER },
      ahead: ({ key }) => this.ahead.push(key),
    });
    t.teardown(() => {
      this.content.close();
      mesh.close();
    });
  }

  ask(key: string, from = 0): number {
    this.#asks += 1;
    const shard = shardOf(hash32(key), this.basics.boot.config.shards);
    const request = askFor(key);
    this.content.receive({ kind: 'ask', id: this.#asks, shard, request }, from);
    return this.#asks;
  }

  /** Messages of that kind. */
  kinds(kind: MeshMessage['kind']): MeshMessage[] {
    return this.heard.filter((message) => message.kind === kind);
  }

  /** Whoever waited for an object heard of it: whole, or as it comes. */
  get answered(): Descriptor[] {
    return this.heard.flatMap((message) =>
      message.kind === 'object' || message.kind === 'filling' ? [message.descriptor] : [],
    );
  }

  /** Has them fetched and stored. */
  async store(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.ask(key);
    const { length } = keys;
    await until(() => this.stored === length && this.answered.length === length);
  }

  get stored(): number {
    return [...this.content.shards.values()].reduce((sum, { store }) => sum + store.count, 0);
  }
}

/** One that answers all with a segment, or waits for the test. */
async function originOf(t: Test, held = false): Promise<{ origin: HeldOrigin; config: Config }> {
  const origin = await heldOrigin(t, (_, response) => {
    if (held) return;
    const type = { 'content-type': 'video/iso.segment', 'cache-control': 'max-age=60' };
    response.writeHead(200, { ...type, 'content-length': '3' }).end('abc');
  });
  const config = { ...testConfig({}), shards: 4, origins: [origin.url] };
  return { origin, config: { ...config, log: { ...config.log, level: 'silent' } } };
}

const KEYS = Array.from({ length: 24 }, (_, i) => `/v/${i}.m4s`);

t.test('Content has the shards of its worker, and prepares banks of its share', (t) => {
  const { config } = bootOf(t);
  const rows = [
    [true, false, [7, 0, 7, 0]],
    [true, true, [7, 7, 7, 7]],
    [false, false, [7, 7, 7, 7]],
  ] as const;
  for (const [pretouch, restarted, first] of rows) {
    const own = { ...config, shards: 5, arena: { ...config.arena, pretouch } };
    const boot = bootOf(t, { boot: { index: 1, workers: 2, restarted }, config: own });
    for (const bank of boot.pool.banks) bank.fill(7);
    const bench = new ContentBench(t, { boot });
    t.same([...bench.content.shards.keys()], [1, 3]);
    const touched = boot.pool.banks.map((bank) => bank[0]);
    t.same(touched, first, `pretouch ${pretouch}, restarted ${restarted}`);
    t.same(
      boot.pool.banks.map((bank) => bank[61_440]),
      first,
      'each of their pages',
    );
    t.equal(boot.pool.banks[1]?.[1], 7);
  }
  t.end();
});

t.test(
  'Content hands what it hears to the shard that is meant, and sends what that says',
  async (t) => {
    const { origin, config } = await originOf(t);
    const bench = new ContentBench(t, { config });
    await bench.store(KEYS);
    t.equal(origin.count(), KEYS.length);
    for (const [shard, { knownKeys }] of bench.content.shards) {
      t.equal(knownKeys, KEYS.filter((key) => shardOf(hash32(key), 4) === shard).length);
    }
    const id = bench.ask('/v/1.m4s');
    await until(() => bench.answered.length > KEYS.length);
    t.match(bench.heard.at(-1), { kind: 'object', id, descriptor: { key: '/v/1.m4s' } });
    bench.content.receive({ kind: 'cancel', id: 1, shard: 9 }, 0); // nobody's
  },
);

t.test('Content purges all of its shards, and counts', async (t) => {
  const { config } = await originOf(t);
  const bench = new ContentBench(t, { config });
  await bench.store(KEYS);
  const how = { soft: false, everyHost: false };
  t.equal(await bench.content.purge({ keys: KEYS.slice(0, 5), ...how }), 5);
  t.equal(bench.stored, KEYS.length - 5);
  t.equal(await bench.content.purge({ prefix: '', ...how }), KEYS.length - 5);
  t.equal(bench.stored, 0);
});

t.test('Content lets others have the thread while it purges, every few milliseconds', async (t) => {
  const { config } = await originOf(t);
  const bench = new ContentBench(t, { config });
  await bench.store(KEYS);
  const real = performance.now.bind(performance);
  t.teardown(() => {
    performance.now = real;
  });
  let nowMs = 0;
  performance.now = () => (nowMs += 1);
  const left: number[] = [];
  const purging = bench.content.purge({ prefix: '', soft: false, everyHost: false });
  const turns = async (): Promise<void> => {
    while (bench.stored > 0) {
      left.push(bench.stored);
      await nextTurn();
    }
  };
  await Promise.all([purging, turns()]);
  performance.now = real;
  t.equal(await purging, KEYS.length);
  t.ok(left.length > 3, `it came to its loop ${left.length} times`);
  const steps = left.slice(1).map((count, i) => (left[i] ?? NaN) - count);
  const most = Math.max(...steps);
  t.ok(most > 1 && most <= 4, 'of a millisecond each');
});

t.test('Content has fetched ahead what a player asks for next', async (t) => {
  const { config } = await originOf(t);
  const prefetch = { ...config.prefetch, enabled: true };
  const bench = new ContentBench(t, { config: { ...config, prefetch } });
  bench.ask('/v/1.m4s');
  t.same(bench.ahead, []);
  bench.content.hear(ORDER);
  bench.ask('/v/1.m4s');
  bench.ask('/v/2.m4s');
  t.same(bench.ahead, [], 'it joined what was under way');
  await until(() => bench.stored === 2);
  bench.ask('/v/1.m4s');
  t.same(bench.ahead, ['/v/2.m4s']);
});

t.test('Content tells every worker which segments follow which', async (t) => {
  const origin = await heldOrigin(t, (_, response) => {
    const type = { 'content-type': 'application/vnd.apple.mpegurl', 'cache-control': 'max-age=9' };
    const text = '#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n1.m4s\n#EXTINF:4,\n2.m4s\n';
    response.writeHead(200, type).end(text);
  });
  const { config } = bootOf(t);
  const prefetch = { ...config.prefetch, enabled: true };
  const bench = new ContentBench(t, { config: { ...config, prefetch, origins: [origin.url] } });
  bench.ask('/v/p.m3u8');
  await until(() => bench.kinds('order').length > 0);
  const { playlist, following } = ORDER;
  t.match(bench.kinds('order'), [{ playlist, following }]);
});

t.test('Content ticks all of its shards', async (t) => {
  const { config } = await originOf(t);
  const bench = new ContentBench(t, { config });
  await bench.store(KEYS);
  const { arena } = bench.basics;
  const slots = bench.answered.map(({ slot }) => slot);
  for (const slot of slots) arena.pin(slot);
  await bench.content.purge({ prefix: '', soft: false, everyHost: false });
  const retired = (): number[] =>
    [...bench.content.shards.values()].map(({ store }) => store.retiredCount);
  t.ok(retired().every((count) => count > 0));
  for (const slot of slots) arena.release(slot);
  bench.content.tick();
  t.same(retired(), [0, 0, 0, 0]);
});

t.test('Content forgets what a worker that has ended waited for', async (t) => {
  const { origin, config } = await originOf(t, true);
  const bench = new ContentBench(t, { boot: { workers: 2 }, config });
  const [one, two] = KEYS.filter((key) => shardOf(hash32(key), 4) % 2 === 0);
  bench.ask(one ?? '', 1);
  const his = await origin.next();
  bench.ask(two ?? '', 0);
  const ours = await origin.next();
  bench.content.forgetWorker(1);
  await his.closed;
  t.ok(his.gone());
  t.notOk(ours.gone());
});

t.test(
  'Content breaks off what is under way when it is closed, and takes nothing more',
  async (t) => {
    const { origin, config } = await originOf(t, true);
    const bench = new ContentBench(t, { config });
    bench.ask('/v/1.m4s');
    const held = await origin.next();
    bench.content.close();
    await held.closed;
    bench.ask('/v/2.m4s');
    await until(() => bench.kinds('refused').length === 2);
    t.match(bench.kinds('refused').at(-1), { id: 2, code: 'GW_SHUTTING_DOWN' });
    t.equal(origin.count(), 1);
  },
);
