import t from 'tap';
import { FillFeed, type Follower } from '../../../src/edge/reach/fill-feed.js';
import { describedAs } from '../../support/descriptor.js';
import { viewOf } from '../../support/arena.js';

function follower(): Follower {
  return {
    over: false,
    begun: true,
    sent: 0,
    pump: () => undefined,
    cut: () => undefined,
    failed: () => undefined,
  };
}

function feedOf(written = 42): { feed: FillFeed; leases: () => number; abandoned: () => number } {
  const arena = viewOf(65_536);
  const generation = arena.bumpGeneration(2);
  arena.publishWritten(2, written);
  arena.acquire(2, generation);
  const feed = new FillFeed(1, 0, describedAs({ slot: 2, generation }), arena);
  let abandoned = 0;
  feed.whenAbandoned = () => {
    abandoned += 1;
  };
  return { feed, leases: () => arena.leases(2), abandoned: () => abandoned };
}

t.test('FillFeed begins with the bytes that are there', (t) => {
  t.match(feedOf().feed.source, { slot: 2, written: 42, ended: false });
  t.end();
});

t.test(
  'FillFeed gives its lease back once, when the last follower of an ended fill leaves',
  (t) => {
    const { feed, leases, abandoned } = feedOf();
    const [a, b] = [follower(), follower()];
    feed.follow(a);
    feed.follow(b);
    feed.finish();
    feed.leave(a);
    feed.leave(a);
    t.equal(leases(), 1);
    feed.leave(b);
    t.equal(leases(), 0);
    feed.close();
    feed.settle();
    t.equal(leases(), 0, 'not twice');
    t.equal(abandoned(), 0);
    t.end();
  },
);

t.test('FillFeed tells when everyone has left a fill that goes on', (t) => {
  const { feed, leases, abandoned } = feedOf();
  const a = follower();
  feed.follow(a);
  feed.leave(a);
  t.equal(abandoned(), 1);
  t.equal(leases(), 0);
  feed.settle();
  t.equal(abandoned(), 1);
  t.end();
});

t.test('FillFeed stays while followers are let in, though the first has all it wants', (t) => {
  const { feed, leases, abandoned } = feedOf();
  feed.admit(() => {
    for (const one of [follower(), follower()]) {
      feed.follow(one);
      feed.leave(one);
      t.equal(leases(), 1);
    }
  });
  t.equal(abandoned(), 1);
  t.equal(leases(), 0);
  t.end();
});

t.test('FillFeed whose bytes are all there waits for the end, also without followers', (t) => {
  const { feed, leases, abandoned } = feedOf(100); // of 100
  const a = follower();
  feed.follow(a);
  feed.leave(a);
  t.equal(abandoned(), 0);
  t.equal(leases(), 1);
  feed.finish();
  feed.settle();
  t.equal(abandoned(), 0);
  t.equal(leases(), 0);
  t.end();
});
