import t from 'tap';
import { ArenaView } from '../../../src/arena/arena.js';
import type { ToEdge, ToShard } from '../../../src/protocol/messages.js';
import type { FillFeed } from '../../../src/edge/reach/fill-feed.js';
import { FillFeeds } from '../../../src/edge/reach/fill-feeds.js';
import { Turns } from '../../../src/edge/reach/turns.js';
import { smallPool } from '../../support/arena.js';
import { Client, MISS } from '../../support/asks.js';
import { describedAs } from '../../support/descriptor.js';

class FeedsBench {
  readonly #pool = smallPool(65_536, 2);
  readonly owner = new ArenaView(this.#pool, 0);
  readonly arena = new ArenaView(this.#pool, 1);
  readonly sent: { worker: number; message: ToShard }[] = [];
  readonly feeds = new FillFeeds({
    turns: new Turns(),
    send: (worker, message) => this.sent.push({ worker, message }) > 0,
    insist: (worker, message) => this.sent.push({ worker, message }) > 0,
    arena: this.arena,
    guard: (run) => {
      run();
    },
  });

  /** As asked by that many clients, each with an ask of his own. */
  join(clients: readonly Client[], fill = 7): FillFeed {
    const descriptor = describedAs({ slot: 3, generation: this.owner.generation(3) });
    const feeds = clients.map((client, i) => {
      this.owner.leaseTo(1, 3);
      const message = { kind: 'filling', id: i, fill, descriptor, served: MISS } as const;
      const feed = this.feeds.join(message, 0, { id: i, shard: 5 });
      feed.admit(() => {
        client.filling(feed, MISS);
      });
      return feed;
    });
    const [first] = feeds;
    if (first === undefined) throw new Error('nobody asked');
    t.same(new Set(feeds).size, 1, 'one feed of a fill');
    return first;
  }

  hear(more: Partial<Extract<ToEdge, { kind: 'progress' }>>): void {
    const news = { fill: 7, written: 0, extents: undefined, end: undefined };
    this.feeds.progress({ kind: 'progress', ...news, ...more });
  }
}

t.test('FillFeeds holds one lease of a fill, and gives it back with its last follower', (t) => {
  const bench = new FeedsBench();
  const clients = [new Client(), new Client()];
  const feed = bench.join(clients);
  t.equal(bench.owner.leases(3), 1);
  bench.hear({ written: 5 });
  t.equal(feed.source.written, 5);
  bench.hear({ fill: 8, written: 6 }); // another's
  bench.hear({ written: 9, end: { ok: true } });
  t.match(feed.source, { written: 9, ended: true });
  clients[0]?.leave();
  t.equal(bench.owner.leases(3), 1);
  clients[1]?.leave();
  t.equal(bench.owner.leases(3), 0);
  t.same(bench.sent, [], 'there is nothing to cancel');
  t.end();
});

t.test('FillFeeds cancels every ask that led to a fill which all have left', (t) => {
  const bench = new FeedsBench();
  const clients = [new Client(), new Client()];
  bench.join(clients);
  for (const client of clients) client.leave();
  const cancels = [0, 1].map((id) => ({ worker: 0, message: { kind: 'cancel', id, shard: 5 } }));
  t.same(bench.sent, cancels);
  t.equal(bench.owner.leases(3), 0);
  t.end();
});

t.test('FillFeeds tells followers of a fill that fails, or whose worker is lost', (t) => {
  for (const code of ['GW_ORIGIN_IO', 'GW_WORKER_LOST'] as const) {
    const bench = new FeedsBench();
    const client = new Client();
    bench.join([client]);
    bench.feeds.onPeerDown(1);
    if (code === 'GW_WORKER_LOST') bench.feeds.onPeerDown(0);
    else bench.hear({ end: { ok: false, code, detail: '' } });
    t.same(client.heard, ['filling', `failed ${code}`]);
    t.equal(bench.owner.leases(3), 0);
  }
  t.end();
});

t.test('FillFeeds gives up all it holds when it is closed', (t) => {
  const bench = new FeedsBench();
  bench.join([new Client()]);
  bench.feeds.close();
  t.equal(bench.owner.leases(3), 0);
  t.end();
});
