import t from 'tap';
import type { Descriptor } from '../../../../src/protocol/descriptor.js';
import type { EncodeOrder } from '../../../../src/protocol/messages.js';
import { Codings } from '../../../../src/edge/http/answer/codings.js';
import { describedAs } from '../../../support/descriptor.js';

const TEXT = describedAs({
  ...{ key: '/a/list.m3u8', shard: 3, slot: 5, generation: 2, codable: true },
  contentType: 'text/plain',
});
const BR = { coding: 'br', slot: 7, generation: 3, extents: [], bytes: 50 } as const;

class CodingsBench {
  nowMs = 1_000_000;
  full = false;
  readonly sent: { readonly worker: number; readonly order: EncodeOrder }[] = [];
  readonly codings = new Codings({
    shards: 16,
    workers: 2,
    now: () => this.nowMs,
    send: (worker, order) => {
      if (!this.full) this.sent.push({ worker, order });
      return !this.full;
    },
  });

  hit(descriptor: Descriptor, accept: string): void {
    this.codings.miss(descriptor, this.codings.preferred(accept));
  }

  /** The shard's answer to the newest order. */
  answer(descriptor: Descriptor | undefined): void {
    const last = this.sent.at(-1);
    if (last === undefined) throw new Error('nothing was ordered');
    const { shard, body, coding } = last.order;
    this.codings.receive({ kind: 'coded', of: { ...body, shard }, coding, descriptor });
  }
}

t.test('a hit that could use a coding has it made by its shard, once', (t) => {
  const bench = new CodingsBench();
  for (let i = 0; i < 3; i += 1) bench.hit(TEXT, 'gzip, br');
  const body = { slot: 5, generation: 2 };
  t.same(bench.sent, [{ worker: 1, order: { kind: 'encode', shard: 3, body, coding: 'br' } }]);
  bench.hit(TEXT, 'gzip');
  t.equal(bench.sent.length, 2, 'another coding is another matter');
  bench.hit({ ...TEXT, generation: 3 }, 'br');
  t.equal(bench.sent.length, 3, 'and so is another version');
  t.end();
});

t.test('nothing is ordered that nobody wants, has been made or is not worth it', (t) => {
  const rows: readonly (readonly [Partial<Descriptor>, string, string | undefined, string])[] = [
    [{}, '', undefined, 'identity only'],
    [{}, 'identity, gzip;q=0.5', undefined, 'rather identity'],
    [{}, 'br;q=0.1, gzip', 'gzip', 'the one it likes best'],
    [{ codable: false }, 'br', undefined, 'never coded'],
    [{ encodings: [BR] }, 'br, gzip', undefined, 'there'],
    [{ encodings: [BR] }, 'gzip, br;q=0.9', 'gzip', 'a better one is not'],
    [{ unworthy: ['br'] }, 'br, gzip', 'gzip', 'the next best'],
    [{ unworthy: ['br'], encodings: [{ ...BR, coding: 'gzip' }] }, 'br, gzip', undefined, 'there'],
    [{ unworthy: ['br', 'gzip'] }, 'br, gzip', undefined, 'none is worth it'],
  ];
  for (const [facts, accept, coding, why] of rows) {
    const bench = new CodingsBench();
    bench.hit({ ...TEXT, ...facts }, accept);
    t.equal(bench.sent[0]?.order.coding, coding, why);
  }
  t.end();
});

t.test('only a whole body is a reason to make a coding', (t) => {
  const whole = {
    ...{ status: 200, lines: '', pieces: [], total: 100 },
    ...{ bodyless: false, encoded: undefined },
  };
  const rows = [
    [whole, [], 1, 'a whole answer'],
    [{ ...whole, bodyless: true }, [], 0, 'HEAD'],
    [{ ...whole, status: 206 }, [], 0, 'a range'],
    [{ ...whole, status: 304, bodyless: true }, [], 0, 'not modified'],
    [whole, [['cache-control', 'no-transform'] as const], 0, 'the request forbids it'],
  ] as const;
  for (const [plan, more, orders, why] of rows) {
    const bench = new CodingsBench();
    bench.codings.served(TEXT, plan, [['accept-encoding', 'br'], ...more]);
    t.equal(bench.sent.length, orders, why);
  }
  t.end();
});

t.test('what was made is not sought any more', (t) => {
  const bench = new CodingsBench();
  bench.hit(TEXT, 'br');
  bench.answer({ ...TEXT, encodings: [BR] });
  t.equal(bench.codings.sought, 0);
  bench.answer({ ...TEXT, encodings: [BR] });
  t.equal(bench.codings.sought, 0, 'nor is an answer that was not waited for');
  t.end();
});

t.test('a shard that has no room for it now is asked again after a pause', (t) => {
  const bench = new CodingsBench();
  bench.hit(TEXT, 'br');
  bench.answer(TEXT);
  bench.hit(TEXT, 'br');
  t.equal(bench.sent.length, 1);
  bench.nowMs += 1_000;
  bench.hit(TEXT, 'br');
  t.equal(bench.sent.length, 2);
  bench.answer(undefined);
  bench.hit(TEXT, 'br');
  t.equal(bench.sent.length, 3, 'gone: the next one is another body');
  t.end();
});

t.test('an order that is lost or cannot be sent is given up in time', (t) => {
  const bench = new CodingsBench();
  bench.full = true;
  bench.hit(TEXT, 'br');
  bench.full = false;
  bench.hit(TEXT, 'br');
  t.equal(bench.sent.length, 0, 'it could not be sent just now');
  bench.nowMs += 1_000;
  bench.hit(TEXT, 'br');
  t.equal(bench.sent.length, 1);
  bench.nowMs += 30_000;
  bench.codings.tick();
  t.equal(bench.codings.sought, 0);
  bench.hit(TEXT, 'br');
  t.equal(bench.sent.length, 2, 'its worker may have been lost');
  t.end();
});

t.test('what is sought is bounded', (t) => {
  const bench = new CodingsBench();
  for (let slot = 0; slot < 3_000; slot += 1) bench.hit({ ...TEXT, slot }, 'br');
  t.equal(bench.codings.sought, 1_024);
  t.equal(bench.sent.length, 1_024);
  t.end();
});
