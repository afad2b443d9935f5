import t from 'tap';
import { type Ask, joinKeyOf, OpenAsks } from '../../../src/edge/reach/open-asks.js';
import { askFor } from '../../support/shard.js';

type Name = string;

class Bench {
  readonly open = new OpenAsks<Name>();

  /** Undefined: it joined another. */
  ask(leader: Name, key = '/a', joins = true): Ask<Name> | undefined {
    const request = askFor(key);
    const joinKey = joins ? joinKeyOf(request) : '';
    if (this.open.join(joinKey, leader)) return undefined;
    return this.open.begin({ shard: 0, request, sinceMs: 0, leader, joinKey });
  }

  begun(leader: Name, key = '/a', joins = true): Ask<Name> {
    const ask = this.ask(leader, key, joins);
    if (ask === undefined) throw new Error(`${leader} joined`);
    return ask;
  }
}

t.test('equal asks are one, until it is over', (t) => {
  const bench = new Bench();
  const ask = bench.begun('ann');
  t.equal(bench.ask('bob'), undefined);
  t.equal(bench.open.of('bob'), ask);
  t.ok(bench.ask('eve', '/b'), 'another key');
  t.equal(bench.open.size, 2);
  t.same(bench.open.end(ask), ['ann', 'bob']);
  t.equal(bench.open.of('ann'), undefined);
  t.equal(bench.open.find(ask.id), undefined);
  t.ok(bench.ask('joe'));
  t.end();
});

t.test('what does not join is found by nobody', (t) => {
  const bench = new Bench();
  bench.begun('ann', '/a', false);
  t.ok(bench.ask('bob'));
  t.equal(bench.ask('joe'), undefined);
  t.equal(bench.open.of('joe'), bench.open.of('bob'));
  t.end();
});

t.test('who leaves is waited for no more', (t) => {
  const bench = new Bench();
  const ask = bench.begun('ann');
  bench.ask('bob');
  t.equal(bench.open.leave('ann'), ask);
  t.same([...ask.members], ['bob']);
  t.equal(bench.open.leave('ann'), undefined);
  t.end();
});

t.test('relay() leaves the ask to its leader', (t) => {
  const bench = new Bench();
  const ask = bench.begun('ann');
  bench.ask('bob');
  t.same(bench.open.relay(ask), ['bob']);
  t.ok(ask.isRelaying);
  t.equal(bench.open.of('bob'), undefined);
  t.ok(bench.ask('joe'), 'nobody joins it');
  bench.open.end(ask);
  t.equal(bench.ask('eve'), undefined, 'the later one is there still');
  t.end();
});

t.test('after joinNoMore() who asks begins anew', (t) => {
  const bench = new Bench();
  const ask = bench.begun('ann');
  bench.open.joinNoMore();
  const later = bench.begun('bob');
  bench.open.end(ask);
  t.equal(bench.ask('joe'), undefined);
  t.equal(bench.open.of('joe'), later);
  t.end();
});
