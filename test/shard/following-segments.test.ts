import t from 'tap';
import { FollowingSegments } from '../../src/shard/following-segments.js';

function orderOf(playlist: string, segments: readonly string[], content = 1) {
  const following = segments.slice(1).map((next, i) => [segments[i] ?? '', next] as const);
  return { kind: 'order', playlist, content, following } as const;
}

t.test('what a playlist said last counts', (t) => {
  const order = new FollowingSegments();
  order.hear(orderOf('/a.m3u8', ['1', '2', '3'], 7));
  t.strictSame([order.next('1'), order.next('2'), order.next('3')], ['2', '3', undefined]);
  t.ok(order.isKnown('/a.m3u8', 7));
  t.notOk(order.isKnown('/a.m3u8', 8));
  t.notOk(order.isKnown('/b.m3u8', 7));
  order.hear(orderOf('/a.m3u8', ['2', '3', '4'], 8));
  t.strictSame([order.next('1'), order.next('3')], [undefined, '4'], 'what has left it is unknown');
  t.end();
});

t.test('it is bounded in bytes: what was heard of longest ago goes', (t) => {
  const order = new FollowingSegments();
  const PAD = 'x'.repeat(900);
  const segmentsOf = (i: number): string[] =>
    Array.from({ length: 501 }, (_, n) => `/${i}/${n}${PAD}`);
  // A megabyte each.
  for (let i = 0; i < 15; i += 1) order.hear(orderOf(`/${i}.m3u8`, segmentsOf(i)));
  t.equal(order.next(`/0/0${PAD}`), `/0/1${PAD}`, 'all are there');
  order.hear(orderOf('/0.m3u8', segmentsOf(0), 2)); // the newest now
  for (let i = 15; i < 18; i += 1) order.hear(orderOf(`/${i}.m3u8`, segmentsOf(i)));
  t.equal(order.next(`/1/0${PAD}`), undefined);
  t.equal(order.next(`/0/0${PAD}`), `/0/1${PAD}`);
  t.equal(order.next(`/17/499${PAD}`), `/17/500${PAD}`);
  t.notOk(order.isKnown('/1.m3u8', 1), 'so that it may be told again');
  t.end();
});

t.test('a playlist that is too long by itself is not kept', (t) => {
  const order = new FollowingSegments();
  order.hear(
    orderOf(
      '/long.m3u8',
      Array.from({ length: 90_000 }, (_, n) => `/${n}`),
    ),
  );
  t.equal(order.next('/0'), undefined);
  order.hear(orderOf('/a.m3u8', ['1', '2']));
  t.equal(order.next('1'), '2');
  t.end();
});
