/** How an answer ends, and who hears of it. */
import t from 'tap';
import { Responder } from '../../../../src/edge/http/answer/responder.js';
import { FakeResponse, fakeResponder } from '../../../support/fake-response.js';

t.test('Responder answers, and tells all who wait for that, whoever of them fails', (t) => {
  const ends: readonly (readonly [string, FakeResponse['state'], (r: Responder) => void])[] = [
    [
      'end',
      'complete',
      (r) => {
        r.end('abc');
      },
    ],
    [
      'endWithoutBody',
      'bodyless',
      (r) => {
        r.endWithoutBody(3);
      },
    ],
    [
      'tryEnd',
      'complete',
      (r) => {
        t.ok(r.tryEnd(Buffer.from('abc'), 3).complete);
      },
    ],
  ];
  for (const [why, state, finish] of ends) {
    const fake = new FakeResponse();
    const faults: unknown[] = [];
    const guard = (run: () => void): void => {
      try {
        run();
      } catch (reason) {
        faults.push(reason);
      }
    };
    const responder = new Responder(fake.asUws, { nowMs: 0, guard });
    const seen: string[] = [];
    responder.whenGone(() => {
      seen.push(fake.state);
      throw new Error('a defect');
    });
    responder.whenGone(() => seen.push(fake.state));
    finish(responder);
    t.same(seen, [state, state], `${why}: when it is with uWS, whose memory it may be`);
    t.equal(faults.length, 1, why);
    t.notOk(responder.left, why);
  }
  t.end();
});

t.test('Responder tells its client leaving from all other ends', (t) => {
  const ends: Readonly<Record<string, (fake: FakeResponse, r: Responder) => void>> = {
    left: (fake) => {
      fake.leave();
    },
    closed: (_fake, r) => {
      r.close();
    },
    whole: (_fake, r) => {
      r.end('x');
    },
  };
  for (const [end, finish] of Object.entries(ends)) {
    const fake = new FakeResponse();
    const responder = fakeResponder(fake);
    const told: boolean[] = [];
    responder.whenGone(() => told.push(responder.left));
    finish(fake, responder);
    t.same(told, [end === 'left'], end);
  }
  t.end();
});
