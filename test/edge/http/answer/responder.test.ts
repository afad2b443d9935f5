import t from 'tap';
import { Responder } from '../../../../src/edge/http/answer/responder.js';
import { FakeResponse, fakeResponder } from '../../../support/fake-response.js';

t.test('Responder writes head and body once, and tells those who wait for the end', (t) => {
  const fake = new FakeResponse();
  const responder = fakeResponder(fake);
  const order: string[] = [];
  responder.whenGone(() => order.push('gone'));
  responder.cork(() => {
    responder.head(206, 'headgate; hit\r\nAge: 3\r\nX-Café: é');
    t.equal(responder.headSent, true);
    responder.end(Buffer.from('abc'));
  });
  t.equal(fake.head, '206 Partial Content\r\nCache-Status: headgate; hit\r\nAge: 3\r\nX-Café: é');
  t.equal(fake.body.toString(), 'abc');
  t.same([responder.status, responder.bytesSent, responder.cacheStatus], [206, 3, 'headgate; hit']);
  t.same(order, ['gone']);
  responder.whenGone(() => order.push('late'));
  t.same(order, ['gone', 'late'], 'who comes late hears at once');
  t.end();
});

t.test('Responder does nothing once it is over, however it ended', (t) => {
  const ends: readonly (readonly [string, (fake: FakeResponse, r: Responder) => void])[] = [
    [
      'complete',
      (_fake, r) => {
        r.end('x');
      },
    ],
    [
      'without body',
      (_fake, r) => {
        r.endWithoutBody(5);
      },
    ],
    [
      'by tryEnd',
      (_fake, r) => {
        r.tryEnd(Buffer.from('ab'), 2);
      },
    ],
    [
      'refused',
      (_fake, r) => {
        r.text(503, 'a; b', 'no', true);
      },
    ],
    [
      'closed by us',
      (_fake, r) => {
        r.close();
      },
    ],
    [
      'left by the client',
      (fake) => {
        fake.leave();
      },
    ],
  ];
  for (const [why, finish] of ends) {
    const fake = new FakeResponse();
    const responder = fakeResponder(fake);
    let told = 0;
    responder.whenGone(() => {
      told += 1;
    });
    finish(fake, responder);
    t.ok(responder.gone, why);
    t.equal(told, 1, why);
    const before = fake.body.length;
    responder.cork(() => t.fail(`corked after ${why}`));
    responder.head(200, 'x\r\n');
    responder.end('more');
    responder.endWithoutBody(3);
    t.same(responder.tryEnd(Buffer.from('more'), 9), { ok: false, complete: true }, why);
    t.equal(responder.write(Buffer.from('more')), false, why);
    responder.text(200, 'x\r\n', 'more', false);
    responder.close();
    t.equal(responder.offset(), 0, why);
    t.equal(fake.body.length, before, why);
    t.equal(told, 1, why);
  }
  t.end();
});

t.test('Responder counts the bytes that the kernel took', (t) => {
  const fake = new FakeResponse();
  const responder = fakeResponder(fake);
  fake.room = 5;
  const body = Buffer.from('abcdefgh');
  t.same(responder.tryEnd(body, 8), { ok: false, complete: false });
  t.same([responder.bytesSent, responder.offset()], [5, 5]);
  fake.room = 100;
  t.same(responder.tryEnd(body.subarray(5), 8), { ok: true, complete: true });
  t.equal(responder.bytesSent, 8);
  t.equal(fake.body.toString(), 'abcdefgh');
  t.end();
});

t.test('Responder sends 1xx responses ahead of the final head', (t) => {
  const fake = new FakeResponse();
  const responder = fakeResponder(fake);
  responder.interim({ status: 103, fields: [['link', '</a>']] });
  responder.head(200, 'x\r\n');
  t.equal(fake.statusLine, '103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK');
  responder.interim({ status: 103, fields: [] });
  t.equal(fake.statusLine.match(/103/g)?.length, 1, 'too late');
  t.end();
});

t.test('Responder.text() gives a HEAD the length and no body', (t) => {
  for (const closing of [false, true]) {
    const fake = new FakeResponse();
    const responder = fakeResponder(fake);
    responder.forHead = true;
    responder.text(502, 'headgate\r\nX: y', 'the text', closing);
    t.equal(fake.body.length, 0);
    t.same(fake.headers.slice(1), ['Content-Length: 8']);
    t.equal(fake.closing, closing);
    t.equal(responder.bytesSent, 0);
  }
  t.end();
});

t.test('Responder ends the connection behind its answer, and says so once', (t) => {
  const whole = Buffer.from('abc');
  const rows: readonly (readonly [string, boolean, (r: Responder) => void])[] = [
    [
      'end',
      true,
      (r) => {
        r.end(whole);
      },
    ],
    [
      'the whole by tryEnd',
      true,
      (r) => {
        r.tryEnd(whole, 3);
      },
    ],
    [
      'no body of a length',
      true,
      (r) => {
        r.endWithoutBody(3);
      },
    ],
    // In the binary nothing but a whole body makes uWS end the connection.
    [
      'no body',
      false,
      (r) => {
        r.endWithoutBody(undefined);
      },
    ],
    [
      'a part by tryEnd',
      false,
      (r) => {
        r.tryEnd(whole, 4);
        r.tryEnd(whole.subarray(2), 4);
      },
    ],
    [
      'chunks',
      false,
      (r) => {
        r.write(whole);
        r.write(whole);
        r.end('');
      },
    ],
  ];
  for (const [why, byUws, answer] of rows) {
    for (const ending of ['none', 'uws', 'ours'] as const) {
      const fake = new FakeResponse();
      const responder = fakeResponder(fake);
      responder.ending = ending;
      responder.head(200, 'x\r\nA: b');
      answer(responder);
      const told = fake.head.match(/Connection: close/g)?.length ?? 0;
      t.equal(fake.closing, ending === 'ours' && byUws, `${why}, ${ending}: uWS is told`);
      const want = ending === 'uws' || (ending === 'ours' && !byUws) ? 1 : 0; // else uWS writes it
      t.equal(told, want, `${why}, ${ending}: the client is told by us`);
    }
  }
  t.end();
});

t.test('Responder sends 1xx in the bytes they came in, and none that is between two hops', (t) => {
  const fake = new FakeResponse();
  const responder = fakeResponder(fake);
  for (const status of [0, 99, 100, 101, 200]) responder.interim({ status, fields: [] });
  responder.interim({ status: 103, fields: [['link', '<\xe9>']] });
  responder.head(200, 'x\r\n');
  t.equal(fake.statusLine, '103 Early Hints\r\nlink: <\xe9>\r\n\r\nHTTP/1.1 200 OK');
  t.end();
});

t.test('Responder lets no exception reach uWS', (t) => {
  const fake = new FakeResponse();
  const faults: unknown[] = [];
  const responder = new Responder(fake.asUws, {
    nowMs: 0,
    guard: (run) => {
      try {
        run();
      } catch (reason) {
        faults.push(reason);
      }
    },
  });
  const fail = (): never => {
    throw new Error('a defect');
  };
  responder.cork(fail);
  responder.onWritable(fail, false);
  fake.drain(10);
  responder.whenGone(fail);
  fake.leave();
  t.equal(faults.length, 3);
  t.end();
});

t.test('Responder says that the connection ends, once, in each of the ways to answer', (t) => {
  const told = 'Connection: close';
  const guard = (run: () => void): void => {
    run();
  };
  const piece = Buffer.from('a');
  interface Way {
    readonly why: string;
    readonly closing: boolean; // by uWS, which says so, too
    readonly answer: (r: Responder) => void;
  }
  const ways: readonly Way[] = [
    {
      why: 'at once',
      closing: true,
      answer: (r) => {
        r.end('x');
      },
    },
    {
      why: 'with a length alone',
      closing: true,
      answer: (r) => {
        r.endWithoutBody(5);
      },
    },
    {
      why: 'with nothing',
      closing: false,
      answer: (r) => {
        r.endWithoutBody(undefined);
      },
    },
    {
      why: 'in pieces',
      closing: false,
      answer: (r) => {
        r.tryEnd(piece, 2);
        r.tryEnd(piece, 2);
      },
    },
    {
      why: 'in chunks',
      closing: false,
      answer: (r) => {
        r.write(piece);
        r.write(piece);
        r.end('');
      },
    },
  ];
  for (const { why, answer, closing } of ways) {
    const fake = new FakeResponse();
    let last = false;
    const responder = new Responder(fake.asUws, { nowMs: 0, guard, isLast: () => last });
    last = true; // after it came, before it is answered
    responder.head(200, 'x\r\n');
    answer(responder);
    t.equal(fake.closing, closing, why);
    t.equal(fake.headers.filter((line) => line === told).length, closing ? 0 : 1, why);
  }
  t.end();
});

t.test('Responder sets the Date of its answer just before the body begins, and once', (t) => {
  const bytes = Buffer.from('x');
  const ways: readonly ((r: Responder) => void)[] = [
    (r) => {
      r.end(bytes);
    },
    (r) => {
      r.endWithoutBody(5);
    },
    (r) => {
      r.tryEnd(bytes, 2);
      r.tryEnd(bytes, 2);
    },
    (r) => {
      r.write(bytes);
      r.write(bytes);
    },
  ];
  for (const answer of ways) {
    const set: [date: number, bodyBytes: number][] = [];
    const fake = new FakeResponse();
    const responder = new Responder(fake.asUws, {
      nowMs: 0,
      guard: (run) => {
        run();
      },
      answers: {
        setDate: (_response, seconds) => {
          set.push([seconds, fake.body.length]);
        },
        sendBody: () => 0,
      },
    });
    responder.head(200, 'x\r\n', 1_800_000_000);
    t.same(set, [], 'another answer may begin in between');
    answer(responder);
    t.same(set, [[1_800_000_000, 0]]);
  }
  t.end();
});
