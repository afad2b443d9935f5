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
