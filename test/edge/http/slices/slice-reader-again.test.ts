/** What a reader of a slice does when it does not get it. */
import t from 'tap';
import { SLICE } from '../../../support/film.js';
import { BROKEN, NUMBER, part, ReaderBench, viewed } from '../../../support/slice-readers.js';

const GONE = { generation: 99 };
const FRENCH = { vary: ['accept-language'], secondary: 'accept-language=fr' };

t.test('SliceReader asks four times in all, and then tells what the last had to say', (t) => {
  const rows: readonly (readonly [string, string, (bench: ReaderBench) => void])[] = [
    [
      'broken off',
      'GW_ORIGIN_IO',
      (b) => {
        b.progress(b.fill(NUMBER, 10), 10, BROKEN);
      },
    ],
    [
      'a lost worker',
      'GW_WORKER_LOST',
      (b) => {
        b.refuse(NUMBER, 'GW_WORKER_LOST');
      },
    ],
    [
      "another's variant",
      'GW_ORIGIN_STATUS',
      (b) => {
        b.answer(NUMBER, { hit: true }, FRENCH);
      },
    ],
    [
      'gone as it is told',
      'GW_ARENA_FULL',
      (b) => {
        b.answer(NUMBER, { hit: true }, GONE);
      },
    ],
    [
      'cut as too slow',
      'GW_ORIGIN_IO',
      (b) => {
        b.cut(b.fill(NUMBER, 10));
      },
    ],
    ["a fill of another's", 'GW_ORIGIN_STATUS', (b) => void b.fill(NUMBER, 10, FRENCH)],
  ];
  for (const [why, code, fail] of rows) {
    const bench = new ReaderBench(t);
    bench.open();
    for (let asks = 1; asks <= 4; asks += 1) {
      t.equal(bench.asked.length, asks, why);
      t.notOk(bench.heard.includes(code), why);
      fail(bench);
    }
    t.equal(bench.asked.length, 4, why);
    t.equal(bench.heard.at(-1), code, why);
    t.equal(bench.leases(NUMBER), 0, why);
  }
  t.end();
});

t.test('SliceReader tells at once what asking again would not mend', (t) => {
  for (const code of ['GW_ORIGIN_CHANGED', 'GW_MAILBOX_FULL', 'GW_ONLY_IF_CACHED'] as const) {
    const bench = new ReaderBench(t);
    bench.open();
    bench.refuse(NUMBER, code);
    t.same([bench.heard, bench.asked.length], [[code], 1]);
  }
  t.end();
});

t.test('SliceReader waits with others for a slice, until it got what was not for it', (t) => {
  const bench = new ReaderBench(t);
  const readers = [bench.open(), bench.open()];
  t.equal(bench.asked.length, 1);
  bench.answer(NUMBER, { hit: true }, FRENCH);
  t.equal(bench.asked.length, 3, 'each for itself');
  bench.open();
  t.equal(bench.asked.length, 4, 'nor does anybody join them');
  for (const reader of readers) reader.close();
  t.equal(bench.worker.kinds().filter((kind) => kind === 'cancel').length, 2);
  t.end();
});

t.test('SliceReader elects another leader for what was for one alone', (t) => {
  const bench = new ReaderBench(t);
  bench.open();
  const joined = bench.open();
  const head = { status: 503, fields: [] };
  const { id } = bench.ask(NUMBER);
  bench.worker.hear({
    kind: 'head',
    id,
    head,
    served: { hit: false },
    others: 'elect',
  });
  t.same(bench.worker.kinds(), ['ask', 'cancel', 'ask'], 'the body is not wanted');
  t.equal(bench.origin.requests.length, 1, 'its leader fetches it for itself');
  bench.answer(NUMBER);
  t.strictSame(viewed(joined, 0), part(0, SLICE));
  t.end();
});
