/** What a shard takes beside its arena, whatever it is asked for. Sizes are small; `bench/memory.ts` has the large ones. */
import t from 'tap';
import { FloodBench, heapBytes } from '../support/flood.js';

const MIB = 1_048_576;
/** Room for what is under way and for what the process itself does meanwhile. */
const SLACK_BYTES = 3 * MIB;
const LONG = 'x'.repeat(8_000);

/** Three small ones whose heap would be many times the arena, were it not in there. */
const FLOODS: readonly [
  what: string,
  count: number,
  ask: (bench: FloodBench, i: number) => void,
  answer: Parameters<FloodBench['answerWith']>,
][] = [
  [
    'URLs of 8 KB that nobody has',
    2_000,
    (bench, i) => {
      bench.ask(`/v/missing.m4s?${i}${LONG}`);
    },
    [404, [['content-type', 'text/html']], 'not found'],
  ],
  [
    'answers with 30 KB of fields',
    1_000,
    (bench, i) => {
      bench.ask(`/v/${i}.m4s`);
    },
    [
      200,
      [
        ['cache-control', 'max-age=600'],
        ...Array.from({ length: 30 }, (_, n) => [`x-${n}`, 'y'.repeat(1_000)] as const),
      ],
      'body',
    ],
  ],
  [
    'variants over one key',
    4_000,
    (bench, i) => {
      bench.ask('/v/list.json', [['user-agent', `agent ${i} ${LONG.slice(0, 200)}`]]);
    },
    [
      200,
      [
        ['cache-control', 'max-age=600'],
        ['vary', 'user-agent'],
      ],
      'body',
    ],
  ],
  [
    'variants over many keys',
    4_000,
    (bench, i) => {
      bench.ask(`/v/${i % 400}.json`, [['user-agent', `agent ${i} ${LONG.slice(0, 200)}`]]);
    },
    [
      200,
      [
        ['cache-control', 'max-age=600'],
        ['vary', 'user-agent'],
      ],
      'body',
    ],
  ],
];

for (const [what, count, ask, answer] of FLOODS) {
  t.test(`a shard that is flooded with ${what} takes no heap for them`, async (t) => {
    const bench = new FloodBench(13 * MIB);
    bench.answerWith(...answer);
    await bench.run(64, (i) => {
      ask(bench, -1 - i); // what is made once
    });
    const before = heapBytes();
    await bench.run(count, (i) => {
      ask(bench, i);
    });
    bench.shard.tick();
    const grown = heapBytes() - before;
    t.ok(grown < SLACK_BYTES, `${(grown / MIB).toFixed(1)} MiB of heap`);
    t.ok(bench.shard.store.count > 0, `${bench.shard.store.count} are stored`);
  });
}

t.test('EntryIndex.heapBytes is near to what is resident', async (t) => {
  const rows = [
    { lines: 8, value: 40, key: 60, most: 1.4 },
    { lines: 30, value: 1_000, key: 60, most: 1.4 },
    // The key is charged though whoever asks may hold the same text.
    { lines: 1, value: 20, key: 8_000, most: 5 },
  ];
  for (const { lines, value, key, most } of rows) {
    const bench = new FloodBench(64 * MIB);
    const fields = Array.from({ length: lines }, (_, n) => [`x-${n}`, 'y'.repeat(value)] as const);
    bench.answerWith(200, [['cache-control', 'max-age=600'], ...fields], 'body');
    const keys = Array.from({ length: 300 }, (_, i) => `/v/${i}.m4s?${'k'.repeat(key)}`);
    await bench.run(keys.length, (i) => {
      bench.ask(keys[i] ?? '');
    });
    bench.shard.tick();
    const { index } = bench.shard;
    t.equal(index.heapBytes, 0);
    let ratio = NaN;
    // The collector has its own time: one look in three must show it.
    for (let look = 0; look < 3 && !(ratio > 0.7 && ratio < most); look += 1) {
      index.sweep();
      const before = heapBytes();
      for (const name of keys) index.get(name)?.variants.values();
      ratio = index.heapBytes / (heapBytes() - before);
    }
    t.ok(ratio > 0.7 && ratio < most, `${lines} lines: ${ratio.toFixed(2)} of what it is`);
  }
});
