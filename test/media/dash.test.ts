import t from 'tap';
import fc from 'fast-check';
import { mpdTtlMs, parseMpd } from '../../src/media/dash.js';

const TTLS = { playlist: 60_000, livePlaylistFactor: 0.5 };

t.test('parseMpd() reads the root element', (t) => {
  const rows = [
    ['<MPD/>', { type: 'static' }, 'static is the default'],
    [
      '<MPD type="static" mediaPresentationDuration="PT1M2.5S"></MPD>',
      { mediaPresentationDurationMs: 62_500 },
      '',
    ],
    [
      `<?xml version="1.0"?>\n<!-- <MPD type="static"> -->\n<mpd:MPD\n type='dynamic' minimumUpdatePeriod = "PT2S">`,
      { type: 'dynamic', minimumUpdatePeriodMs: 2_000 },
      'declaration, comment, prefix, single quotes',
    ],
    [
      '\uFEFF<!DOCTYPE MPD><MPD minimumUpdatePeriod="PT0S">',
      { minimumUpdatePeriodMs: 0 },
      'zero is said',
    ],
    [
      '<MPD timeShiftBufferDepth="P1DT1H">',
      { timeShiftBufferDepthMs: 90_000_000 },
      'days and hours',
    ],
    ['<MPD maxSegmentDuration="PT2.002S">', { maxSegmentDurationMs: 2_002 }, 'fractions'],
    ['<MPD a="x > y" type="dynamic">', { type: 'dynamic' }, 'a bracket inside a value'],
  ] as const;
  for (const [text, want, why] of rows) t.match(parseMpd(text), { kind: 'mpd', ...want }, why);
  t.end();
});

t.test('parseMpd() leaves out periods it cannot read', (t) => {
  for (const period of ['', 'P', 'PT', '2', '-PT2S', 'PT2', 'PT1e9S', `PT${'1'.repeat(99)}S`]) {
    t.strictSame(
      parseMpd(`<MPD minimumUpdatePeriod="${period}">`),
      { kind: 'mpd', type: 'static' },
      period,
    );
  }
  t.end();
});

t.test('parseMpd() names what is no manifest', (t) => {
  const rows = [
    ['', 'empty'],
    ['#EXTM3U', 'a playlist'],
    ['<html><MPD></html>', 'another root'],
    ['<MPDX>', 'a longer name'],
    ['<MPD type="dynamic"', 'truncated'],
    ['<MPD type=dynamic>', 'no quotes'],
    ['<MPD type="dyn<amic">', 'bracket in a value'],
    ['<!-- never closed', 'unclosed comment'],
    ['<!DOCTYPE x [ <!ENTITY a "b"> ]><MPD/>', 'entities are not for us'],
    [`${' '.repeat(70_000)}<MPD/>`, 'too much before the root'],
    [`<MPD ${'a="b" '.repeat(40_000)}>`, 'too many attributes'],
  ] as const;
  for (const [text, why] of rows) t.match(parseMpd(text), { error: /\S/ }, why);
  t.end();
});

t.test('mpdTtlMs() is short for what still changes', (t) => {
  const rows = [
    ['<MPD minimumUpdatePeriod="PT2S">', 60_000, 'static'],
    ['<MPD type="dynamic" minimumUpdatePeriod="PT8S">', 4_000, 'a share of the update period'],
    [
      '<MPD type="dynamic" minimumUpdatePeriod="PT0S" maxSegmentDuration="PT4S">',
      2_000,
      'each segment',
    ],
    ['<MPD type="dynamic">', 1_000, 'nothing said'],
  ] as const;
  for (const [text, want, why] of rows) {
    const facts = parseMpd(text);
    if ('error' in facts) throw new Error(facts.error);
    t.equal(mpdTtlMs(facts, TTLS), want, why);
  }
  t.end();
});

t.test('parseMpd() survives any text', (t) => {
  const piece = fc.oneof(
    fc.constantFrom('<MPD', ' type="dynamic"', '>', '/>', '<!--', '-->', '<?', '?>', '"', '=', ' '),
    fc.string({ maxLength: 12 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const facts = parseMpd(pieces.join(''));
      return 'error' in facts ? facts.error !== '' : mpdTtlMs(facts, TTLS) >= 0;
    }),
    { numRuns: 1_000 },
  );
  t.end();
});

t.test('parseMpd() takes linear time on hostile text', (t) => {
  const rows = [
    [`<MPD ${'a'.repeat(4_000_000)}`, 'a name without end'],
    [`<MPD${' '.repeat(4_000_000)}`, 'blanks without end'],
    [`<MPD ${'a="'.repeat(1_000_000)}`, 'quotes'],
    ['<!>'.repeat(1_000_000), 'empty declarations'],
    [`<MPD minimumUpdatePeriod="${'P1'.repeat(1_000_000)}">`, 'a long period'],
  ] as const;
  for (const [text, why] of rows) {
    const before = process.cpuUsage();
    parseMpd(text);
    const { user } = process.cpuUsage(before);
    t.ok(user < 1_000_000, `${why}: ${Math.round(user / 1_000)} ms of CPU`);
  }
  t.end();
});
