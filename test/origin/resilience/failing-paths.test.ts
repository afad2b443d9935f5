import t from 'tap';
import { openFailingPaths } from '../../../src/origin/resilience/failing-paths.js';
import type { Origin } from '../../../src/origin/origin.js';
import { ask } from '../../support/origin.js';
import { failingBody, outcome, scripted } from '../../support/scripted-origin.js';

function remembering(origin: Origin): { origin: Origin; time: { ms: number } } {
  const time = { ms: 0 };
  return { origin: openFailingPaths(origin, { now: () => time.ms }), time };
}

t.test(
  'openFailingPaths() asks a failing path ever more seldom, up to every two seconds',
  async (t) => {
    const script = scripted('o', 'GW_ORIGIN_IO');
    const { origin, time } = remembering(script);
    const askedAt: number[] = [];
    for (; time.ms < 8_000; time.ms += 200) {
      const before = script.requests.length;
      t.equal(await outcome(ask(origin, '/x')), 'GW_ORIGIN_IO', 'the same error, asked or not');
      if (script.requests.length > before) askedAt.push(time.ms);
    }
    t.same(askedAt, [0, 600, 1_600, 3_600, 5_600, 7_600]);
  },
);

t.test('openFailingPaths() lets a path through again as soon as it was whole once', async (t) => {
  const script = scripted('o', 'GW_ORIGIN_IO', 'GW_ORIGIN_IO', 200, 'GW_ORIGIN_IO', 200);
  const { origin, time } = remembering(script);
  for (const ms of [0, 500, 1_500]) {
    time.ms = ms;
    await outcome(ask(origin, '/x'));
  }
  t.equal(await outcome(ask(origin, '/x')), 'GW_ORIGIN_IO');
  time.ms = 2_000;
  t.equal(await outcome(ask(origin, '/x')), 'o 200', 'half a second, as after a first failure');
});

t.test('openFailingPaths() remembers what a path does, not what the origin or we do', async (t) => {
  const rows = [
    ['GW_ORIGIN_TIMEOUT', 1, 'hangs'],
    ['GW_ORIGIN_PROTOCOL', 1, 'contradicts itself'],
    ['GW_ORIGIN_IO', 1, 'hangs up'],
    ['GW_ORIGIN_CONNECT', 2, 'the origin is not there'],
    ['GW_ORIGIN_BREAKER_OPEN', 2, 'and is left alone'],
    ['GW_ORIGIN_BUSY', 2, 'our own limit'],
    ['GW_CLIENT_ABORTED', 2, 'the client left'],
    [503, 2, 'an answer is an answer'],
  ] as const;
  for (const [step, want, why] of rows) {
    const script = scripted('o', step);
    const { origin } = remembering(script);
    const first = await outcome(ask(origin, '/x'));
    t.equal(await outcome(ask(origin, '/x')), first);
    t.equal(script.requests.length, want, `${step}: ${why}`);
  }
});

t.test('openFailingPaths() counts bodies that are cut', async (t) => {
  let asked = 0;
  const cut = failingBody('GW_ORIGIN_BODY_SHORT');
  const { origin } = remembering({
    ...cut,
    fetch: (request, signal) => {
      asked += 1;
      return cut.fetch(request, signal);
    },
  });
  for (let i = 0; i < 5; i += 1) t.equal(await outcome(ask(origin, '/x')), 'GW_ORIGIN_BODY_SHORT');
  t.equal(asked, 1);
});

t.test('openFailingPaths() makes nobody pay for what another one sent', async (t) => {
  const script = scripted('o', 'GW_ORIGIN_IO', 200);
  const { origin } = remembering(script);
  t.equal(
    await outcome(ask(origin, '/x', { headers: [['user-agent', 'sqlmap']] })),
    'GW_ORIGIN_IO',
  );
  const rows = [
    ['/x', { headers: [['user-agent', 'browser']] }],
    [
      '/x',
      {
        headers: [
          ['user-agent', 'sqlmap'],
          ['cookie', 'a=1'],
        ],
      },
    ],
    ['/x', { method: 'HEAD', headers: [['user-agent', 'sqlmap']] }],
    ['/y', { headers: [['user-agent', 'sqlmap']] }],
  ] as const;
  for (const [target, asked] of rows) t.equal(await outcome(ask(origin, target, asked)), 'o 200');
  t.equal(
    await outcome(ask(origin, '/x', { headers: [['user-agent', 'sqlmap']] })),
    'GW_ORIGIN_IO',
  );
});

t.test(
  'openFailingPaths() sends what must not be repeated, and holds a bounded number',
  async (t) => {
    const script = scripted('o', 'GW_ORIGIN_IO');
    const { origin } = remembering(script);
    for (let i = 0; i < 2; i += 1) await outcome(ask(origin, '/x', { method: 'POST' }));
    t.equal(script.requests.length, 2);
    for (let i = 0; i < 4_097; i += 1) await outcome(ask(origin, `/${i}`));
    const before = script.requests.length;
    await outcome(ask(origin, '/4096'));
    t.equal(script.requests.length, before, 'the newest is known');
    await outcome(ask(origin, '/0'));
    t.equal(script.requests.length, before + 1, 'the oldest has made room');
  },
);
