import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import type { Stored } from '../../../src/shard/holdings/entry.js';
import { hash32 } from '../../../src/runtime/hash.js';
import { askerOf, type Fill, type Waiter } from '../../../src/shard/intake/fill.js';
import { Relay } from '../../../src/shard/intake/relay.js';
import { Revalidation } from '../../../src/shard/intake/revalidation.js';
import { NO_DIRECTIVES } from '../../../src/rules/reuse.js';
import { IntakeBench, waiterOf } from '../../support/intake.js';

const KEY = '/v/1.m4s';
const KEPT: FieldLines = [
  ['cache-control', 'max-age=60, stale-if-error=600'],
  ['etag', '"a"'],
  ['x-build', '1'],
];
const COOKIE: FieldLines = [['cookie', 'a=b']];

class RevalidationBench extends IntakeBench {
  readonly redecided: number[] = [];
  readonly revalidation: Revalidation;
  readonly stored = this.keep(KEY, 'old', KEPT);

  constructor() {
    super();
    const relay = new Relay(this.context, this.answers, {
      release: () => undefined,
      redecide: ({ id }) => this.redecided.push(id),
    });
    this.revalidation = new Revalidation(this.context, this.answers, relay, {
      factsOf: (_, status) => ({ status }),
      redecide: ({ id }) => this.redecided.push(id),
    });
    this.nowMs += 61_000;
  }

  /** A fill that asks about what is stored. */
  about304(waiters: readonly [Waiter, ...Waiter[]], facts: Partial<Fill> = {}): Fill {
    return this.fill(waiters, { stored: this.stored, ...facts });
  }

  get held(): boolean {
    return this.context.holdings.index.isHeld(this.stored);
  }
}

t.test('isAbout() believes a 304 only of what is stored still, under its validators', (t) => {
  const bench = new RevalidationBench();
  const { revalidation } = bench;
  const fill = bench.about304([waiterOf(1)]);
  t.ok(revalidation.isAbout(fill, [['etag', '"a"']]));
  t.ok(revalidation.isAbout(fill, []), 'it can mean nothing else');
  t.notOk(revalidation.isAbout(fill, [['etag', '"b"']]), 'another version');
  t.notOk(revalidation.isAbout(bench.fill([waiterOf(1)]), []), 'nothing was asked about');
  t.notOk(revalidation.isAbout(bench.about304([waiterOf(1)], { outdated: true }), []), 'purged');
  bench.context.holdings.discard(bench.stored);
  bench.keep(KEY, 'new', KEPT);
  t.notOk(revalidation.isAbout(fill, [['etag', '"a"']]), 'replaced');
  t.end();
});

t.test('renew() gives what is stored the fields, and the lifetime, of the 304', (t) => {
  const bench = new RevalidationBench();
  const { stored } = bench;
  const before = stored.descriptor;
  stored.retryAtMs = bench.nowMs + 500;
  const joined = waiterOf(2, KEY, { worker: 1 });
  joined.collapsed = true;
  const fill = bench.about304([waiterOf(1), joined]);
  const told: FieldLines = [
    ['x-build', '2'],
    ['content-length', '999'],
    ['cache-control', 'max-age=120'],
  ];
  bench.revalidation.renew(fill, bench.arrival(304, told));
  const { descriptor, originFields } = stored;
  const named = (name: string): string[] =>
    originFields.flatMap(([one, value]) => (one === name ? [value] : []));
  t.same(['x-build', 'content-length', 'etag'].map(named), [['2'], [], ['"a"']]);
  t.equal(named('date').length, 1, 'a Date of its own, as the 304 had none');
  t.match(descriptor, { status: 200, storedBytes: 3, totalBytes: 3, extents: before.extents });
  t.match(descriptor.freshness, { ttlMs: 120_000, bornMs: bench.nowMs });
  t.not(descriptor.generation, before.generation, 'what workers have found is void');
  t.equal(stored.retryAtMs, 0, 'its origin is well again');
  const served = { hit: false, fwd: 'stale', fwdStatus: 304, stored: true };
  t.match(bench.about(1), [{ kind: 'object', descriptor, served }]);
  t.match(bench.about(2), [{ kind: 'object', descriptor, served: { collapsed: true } }]);
  t.equal(bench.counters.revalidated, 1);
  t.end();
});

t.test('a 304 that forbids to keep it is its leader’s alone, and what is stored goes', (t) => {
  const forbidding: FieldLines = [['cache-control', 'no-store']];
  for (const [headers, held] of [
    [[], false],
    [COOKIE, true],
  ] as const) {
    const bench = new RevalidationBench();
    const fill = bench.about304([waiterOf(1, KEY, { headers }), waiterOf(2)]);
    bench.revalidation.renew(fill, bench.arrival(304, forbidding));
    t.match(bench.about(1), [{ kind: 'object', served: { fwdStatus: 304 } }]);
    t.notMatch(bench.about(1), [{ served: { stored: true } }]);
    t.equal(bench.held, held, 'but not on the word to one with credentials');
    const sentOn = headers.length > 0 ? bench.redecided : bench.kinds(2);
    t.same(sentOn, headers.length > 0 ? [2] : ['bypass']);
    t.equal(bench.views[0]?.leases(bench.stored.body.slot), 1, 'its bytes stay for the leader');
  }
  t.end();
});

t.test('a 304 that forbids to keep it is nobody’s when its leader has left', (t) => {
  const bench = new RevalidationBench();
  const fill = bench.about304([waiterOf(1), waiterOf(2)]);
  fill.waiters.delete(askerOf(fill.leader));
  bench.revalidation.renew(fill, bench.arrival(304, [['cache-control', 'no-store']]));
  t.same(
    bench.sent.map(({ message }) => message.kind),
    ['bypass'],
  );
  t.end();
});

t.test('a manifest that a 304 confirms goes on in its rhythm', (t) => {
  const bench = new IntakeBench();
  const relay = new Relay(bench.context, bench.answers, {
    release: () => undefined,
    redecide: () => undefined,
  });
  const content = hash32('text');
  const seen: string[] = [];
  const revalidation = new Revalidation(bench.context, bench.answers, relay, {
    factsOf: ({ path }, status, body) => {
      seen.push(path, Buffer.from(body as Uint8Array).toString());
      return { status, content };
    },
    redecide: () => undefined,
  });
  const stored: Stored = { ...bench.keep('/v/a.m3u8', 'text', KEPT), kind: 'playlist' };
  stored.rhythm = { content, sinceMs: 1, seenMs: 2, afterMs: NaN };
  const fill = bench.fill([waiterOf(1, '/v/a.m3u8')], { stored });
  revalidation.renew(fill, bench.arrival(304, []));
  t.same(seen, ['/v/a.m3u8', 'text'], 'the body that there is is looked into');
  t.match(stored.rhythm, { content, sinceMs: 1, seenMs: bench.nowMs });
  t.end();
});

t.test('serveStale() answers all while the origin fails, and gives it a second', (t) => {
  const bench = new RevalidationBench();
  const fill = bench.about304([waiterOf(1), waiterOf(2, KEY, { worker: 1 })]);
  t.ok(bench.revalidation.serveStale(fill, 'status-503'));
  const served = { hit: true, detail: 'status-503' } as const;
  for (const id of [1, 2]) t.match(bench.about(id), [{ kind: 'object', served }]);
  t.equal(bench.stored.retryAtMs, bench.nowMs + 1_000);
  t.equal(fill.waiters.size, 0);
  t.end();
});

t.test('serveStale() gives nothing that may not stand in', (t) => {
  const wish = { ...NO_DIRECTIVES, staleIfErrorMs: 3_600_000 };
  const wishing = waiterOf(1, KEY, { directives: wish });
  const rows: [(bench: RevalidationBench) => Fill, number, boolean, string][] = [
    [(bench) => bench.about304([waiterOf(1)]), 598_999, true, 'the last moment of its window'],
    [(bench) => bench.about304([waiterOf(1)]), 599_000, false, 'its window has passed'],
    [(bench) => bench.about304([wishing]), 599_000, true, 'its reader gives it longer'],
    [(bench) => bench.about304([wishing, waiterOf(2)]), 599_000, false, 'another does not'],
    [(bench) => bench.about304([waiterOf(1)], { outdated: true }), 0, false, 'it was purged'],
    [(bench) => bench.fill([waiterOf(1)]), 0, false, 'there is nothing'],
  ];
  for (const [make, laterMs, want, why] of rows) {
    const bench = new RevalidationBench();
    bench.nowMs += laterMs;
    const fill = make(bench);
    t.equal(bench.revalidation.serveStale(fill, ''), want, why);
    t.equal(bench.sent.length > 0, want);
    t.equal(bench.stored.retryAtMs > 0, want);
  }
  const bench = new RevalidationBench();
  const fill = bench.about304([waiterOf(1)]);
  bench.context.holdings.discard(bench.stored);
  t.notOk(bench.revalidation.serveStale(fill, ''), 'it has gone meanwhile');
  t.end();
});

t.test('serveStale() spares the origin after a refresh that nobody waited for', (t) => {
  const bench = new RevalidationBench();
  const fill = bench.about304([waiterOf(1, KEY, { background: true })]);
  fill.waiters.clear();
  t.ok(bench.revalidation.serveStale(fill, ''));
  t.same(bench.sent, []);
  t.equal(bench.stored.retryAtMs, bench.nowMs + 1_000);
  bench.nowMs += 600_000;
  t.notOk(bench.revalidation.serveStale(fill, ''), 'its window has passed');
  t.end();
});
