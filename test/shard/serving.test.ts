/** What is served of what is stored, with an origin's failure, a client's word and the time in play. */
import t from 'tap';
import type { FieldLines } from '../../src/http/fields.js';
import { fieldValue } from '../../src/http/fields.js';
import type { Descriptor } from '../../src/protocol/descriptor.js';
import type { AskRequest, Served } from '../../src/protocol/messages.js';
import { type Freshness, requestDirectives } from '../../src/rules/reuse.js';
import {
  newEntry,
  NO_ENCODINGS,
  type Stored,
  type Variant,
} from '../../src/shard/holdings/entry.js';
import type { Answers } from '../../src/shard/intake/answers.js';
import type { ShardContext } from '../../src/shard/intake/context.js';
import type { Waiter } from '../../src/shard/intake/fill.js';
import type { Flights } from '../../src/shard/intake/flights.js';
import { KeyMemory } from '../../src/shard/intake/key-memory.js';
import { Serving } from '../../src/shard/serving.js';
import { describedAs, FRESHNESS } from '../support/descriptor.js';
import { askFor, testConfig } from '../support/shard.js';

const KEY = '/v/1.m4s';
/** Fresh for 60 s; then usable for 30 s while it is refreshed, for 100 s while its origin fails. */
const LIFE: Freshness = { ...FRESHNESS, ttlMs: 60_000, swrMs: 30_000, sieMs: 100_000 };
const FRESH_MS = 59_999;
const STALE_MS = 60_000;
const OLD_MS = 90_000;

const STALE: Served = { hit: true, detail: 'stale-while-revalidate' };
const FAILING: Served = { hit: true, detail: 'origin-error' };

class ServingBench {
  /** What came of it: the object and how it was served, a refusal, a refresh, a hit. */
  readonly heard: unknown[] = [];
  readonly memory = new KeyMemory(100);
  readonly #serving: Serving;

  constructor(clientRefresh: 'damp' | 'honour' | 'ignore' = 'damp') {
    const config = testConfig({ cache: { clientRefresh } });
    const answers: Pick<Answers, 'object' | 'refuse'> = {
      object: (_, descriptor, served) => this.heard.push(descriptor.slot, served),
      refuse: (_, { code }) => this.heard.push(code),
    };
    const flights: Pick<Flights, 'join'> = {
      join: ({ request, worker, id }, variant) => {
        this.heard.push({ refresh: request.key, lane: request.lane, worker, id, variant });
        this.heard.push(request.background);
        return 'began';
      },
    };
    this.#serving = new Serving({
      context: { config, memory: this.memory } as unknown as ShardContext,
      answers: answers as Answers,
      flights: flights as Flights,
      onHit: ({ id }) => this.heard.push(`hit ${id}`),
    });
  }

  serve(variant: Variant, nowMs: number, request: Partial<AskRequest> = {}): boolean {
    return this.#serving.serve(waiterOf(request), variant, nowMs);
  }
}

function waiterOf(more: Partial<AskRequest>): Waiter {
  const request = askFor(KEY, more);
  const cacheControl = fieldValue(request.headers, 'cache-control');
  const directives = requestDirectives({ cacheControl });
  return { worker: 1, id: 7, request, directives, collapsed: false, elections: 0, follows: false };
}

function storedAs(facts: Partial<Descriptor> = {}, retryAtMs = 0): Stored {
  const descriptor = describedAs({ key: KEY, slot: 3, freshness: LIFE, ...facts });
  const { slot, generation, extents, storedBytes: bytes } = descriptor;
  return {
    ...{ entry: newEntry(KEY), secondary: '', kind: 'segment', encodings: NO_ENCODINGS },
    ...{ body: { slot, generation, extents, bytes }, originFields: [], descriptor, retryAtMs },
  };
}

function wholeAs(facts: Partial<Descriptor> = {}, retryAtMs = 0): Variant {
  return { whole: storedAs(facts, retryAtMs), parts: [] };
}

function said(cacheControl: string): { headers: FieldLines } {
  return { headers: [['cache-control', cacheControl]] };
}

t.test('Serving gives what is fresh, and says that it was a hit', (t) => {
  const bench = new ServingBench();
  t.ok(bench.serve(wholeAs(), FRESH_MS));
  t.same(bench.heard, [3, { hit: true }, 'hit 7']);
  const refreshing = new ServingBench();
  t.ok(refreshing.serve(wholeAs(), FRESH_MS, { background: true }));
  t.same(refreshing.heard, [], 'nobody waits, and there is nothing to do');
  t.end();
});

t.test('Serving serves nothing where nothing is stored, or not those bytes', (t) => {
  const bench = new ServingBench();
  const part = storedAs({ status: 206, firstByte: 100, storedBytes: 50, totalBytes: 400 });
  const parts: Variant = { whole: undefined, parts: [part] };
  t.notOk(bench.serve({ whole: undefined, parts: [] }, FRESH_MS));
  for (const range of ['', 'bytes=99-120', 'bytes=100-150', 'bytes=-50']) {
    t.notOk(bench.serve(parts, FRESH_MS, { range }), range);
  }
  t.same(bench.heard, []);
  t.ok(bench.serve(parts, FRESH_MS, { range: 'bytes=100-149' }));
  t.same(bench.heard, [3, { hit: true }, 'hit 7']);
  t.end();
});

t.test('Serving gives what is just stale at once, and has it refreshed in the background', (t) => {
  const bench = new ServingBench();
  const variant = wholeAs();
  t.ok(bench.serve(variant, STALE_MS, { lane: 0 }));
  const refresh = { refresh: KEY, lane: 2, worker: 1, id: 7, variant };
  t.same(bench.heard, [refresh, true, 3, STALE]);
  const background = new ServingBench();
  t.ok(background.serve(variant, STALE_MS, { background: true }));
  t.same(background.heard, [refresh, true], 'as a worker asked for that serves it itself');
  t.notOk(bench.serve(variant, OLD_MS), 'not when it is older than that');
  t.end();
});

t.test('Serving leaves an origin that failed a refresh alone for a while', (t) => {
  const bench = new ServingBench();
  const variant = wholeAs({}, STALE_MS + 1_000);
  t.ok(bench.serve(variant, STALE_MS + 999));
  t.same(bench.heard, [3, STALE]);
  t.ok(bench.serve(variant, STALE_MS + 1_000));
  t.equal(bench.heard.length, 6, 'now it is asked');
  t.end();
});

t.test(
  'Serving stands in for an origin that has just failed, as long as the response lets it',
  (t) => {
    const rows: readonly (readonly [string, number, number, Partial<Freshness>, boolean])[] = [
      ['it may be stale so long', OLD_MS, OLD_MS + 1, {}, true],
      ['the pause is over', OLD_MS, OLD_MS, {}, false],
      ['it is too old', 160_000, 160_001, {}, false],
      ['it must not be stale', OLD_MS, OLD_MS + 1, { mustRevalidate: true }, false],
      ['each use must be asked for', OLD_MS, OLD_MS + 1, { alwaysRevalidate: true }, false],
    ];
    for (const [why, nowMs, retryAtMs, life, served] of rows) {
      const bench = new ServingBench();
      const variant = wholeAs({ freshness: { ...LIFE, ...life } }, retryAtMs);
      t.equal(bench.serve(variant, nowMs), served, why);
      t.same(bench.heard, served ? [3, FAILING] : [], why);
    }
    const wished = new ServingBench();
    t.ok(wished.serve(wholeAs({}, 2_000), 1_000, said('no-cache')));
    t.same(wished.heard, [3, FAILING], 'against the word of a client, too');
    t.end();
  },
);

t.test('Serving refuses who wants nothing but what is cached, when that will not do', (t) => {
  const bench = new ServingBench();
  t.ok(bench.serve(wholeAs(), OLD_MS, said('only-if-cached')));
  t.same(bench.heard, ['GW_ONLY_IF_CACHED']);
  t.notOk(bench.serve({ whole: undefined, parts: [] }, 0, said('only-if-cached')));
  t.end();
});

t.test(
  'Serving heeds a client that wants what is fresh refreshed, as often as is configured',
  (t) => {
    const rows = [
      ['honour', [false, false, false]],
      ['ignore', [true, true, true]],
      ['damp', [false, true, false]],
    ] as const;
    for (const [clientRefresh, served] of rows) {
      const bench = new ServingBench(clientRefresh);
      const variant = wholeAs();
      const serve = (nowMs: number): boolean => bench.serve(variant, nowMs, said('no-cache'));
      t.same([serve(1_000), serve(1_999), serve(2_000)], served, clientRefresh);
      const hits = served.filter(Boolean).flatMap(() => [3, { hit: true }, 'hit 7']);
      t.same(bench.heard, hits, clientRefresh);
    }
    const stale = new ServingBench('ignore');
    t.notOk(
      stale.serve(wholeAs(), OLD_MS, said('no-cache')),
      'it is not the client alone who says so',
    );
    t.end();
  },
);

t.test('Serving asks for what may lie behind what is stored', (t) => {
  const old: Partial<Descriptor> = { lastModifiedMs: 0, dateMs: 3_600_000 };
  const rows: readonly (readonly [string, Partial<Descriptor>, number | undefined, boolean])[] = [
    ['nobody knows where it ends', old, undefined, false],
    ['it ended there a moment ago', old, 100, true],
    ['it was longer', old, 101, false],
    ['it is being written', { lastModifiedMs: 0, dateMs: 1_000 }, 100, false],
  ];
  for (const [why, facts, endBytes, served] of rows) {
    const bench = new ServingBench();
    if (endBytes !== undefined) bench.memory.noteEnd(KEY, endBytes, 0);
    const range = 'bytes=90-110';
    t.equal(bench.serve(wholeAs(facts), 999, { range, beyond: true }), served, why);
    t.ok(
      bench.serve(wholeAs(facts), 999, { range }),
      'who does not ask for that gets what there is',
    );
  }
  const bench = new ServingBench();
  bench.memory.noteEnd(KEY, 100, 0);
  const beyond = { range: 'bytes=90-110', beyond: true };
  t.notOk(bench.serve(wholeAs(old), 1_000, beyond), 'it ended there a while ago');
  t.end();
});

t.test('Serving gives a slice whatever its age is: the head is what ages', (t) => {
  const slice = { validator: '"v1"', first: 0, last: 99, total: 1_000 };
  const bench = new ServingBench();
  t.ok(bench.serve(wholeAs(), 999_999, { slice, ...said('no-cache') }));
  t.same(bench.heard, [3, { hit: true }, 'hit 7']);
  t.end();
});
