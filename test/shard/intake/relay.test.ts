import t from 'tap';
import type { FieldLines } from '../../../src/http/fields.js';
import type { OriginResponse } from '../../../src/origin/origin.js';
import { askerOf, type Fill, type Waiter, wakeFill } from '../../../src/shard/intake/fill.js';
import { Relay } from '../../../src/shard/intake/relay.js';
import { answered, IntakeBench, waiterOf } from '../../support/intake.js';
import { until } from '../../support/shard.js';

const KEY = '/v/1.m4s';
const COOKIE: FieldLines = [['cookie', 'a=b']];
const MIB = 1_048_576;

class RelayBench extends IntakeBench {
  readonly released: number[] = [];
  readonly redecided: Waiter[] = [];
  readonly relay = new Relay(this.context, this.answers, {
    release: ({ id }) => this.released.push(id),
    redecide: (waiter) => this.redecided.push(waiter),
  });

  /** Relays an answer to the first of the waiters. */
  async run(fill: Fill, status: number, facts: Partial<Relayed> = {}): Promise<OriginResponse> {
    const { fields = [], chunks = [], detail = 'no-store' } = facts;
    const response = answered(status, fields, chunks);
    await this.relay.run(fill, response, detail);
    return response;
  }
}

interface Relayed {
  readonly fields: FieldLines;
  readonly chunks: readonly string[];
  readonly detail: string;
}

t.test('the leader gets head, body and end, and hears why it is not kept', async (t) => {
  const bench = new RelayBench();
  const fill = bench.fill([waiterOf(1)]);
  const fields = [['x-a', 'b']] as const;
  await bench.run(fill, 200, { fields, chunks: ['one', 'two'], detail: 'private' });
  t.same(bench.kinds(1), ['head', 'chunk', 'chunk', 'end']);
  const said = bench.about(1).flatMap((message) => {
    return message.kind === 'chunk' ? [Buffer.from(message.bytes).toString()] : [];
  });
  t.same(said, ['one', 'two'], 'though the origin lent its bytes');
  t.same(bench.newest('head'), {
    ...{ kind: 'head', id: 1, head: { status: 200, fields } },
    served: { hit: false, fwd: 'uri-miss', fwdStatus: 200, detail: 'private' },
    others: 'bypass',
  });
  t.equal(bench.newest('end').code, undefined);
  t.equal(bench.counters.originBytes, 6);
  t.equal(fill.phase, 'relaying');
});

t.test('a leader who has left gets nothing, and his body is let go', async (t) => {
  const bench = new RelayBench();
  const fill = bench.fill([waiterOf(1), waiterOf(2)]);
  fill.waiters.delete(askerOf(fill.leader));
  await bench.run(fill, 403, { chunks: ['secret'] });
  t.same(bench.sent, [], 'nobody gets it in his place');
  t.same(
    bench.redecided.map(({ id }) => id),
    [2],
  );
  t.not(fill.phase, 'relaying');
});

t.test('those who waited go their own way, each as the answer teaches', async (t) => {
  type Row = [status: number, detail: string, asked: FieldLines, others: string[], why: string];
  const rows: Row[] = [
    [200, 'no-store', [], ['bypass', 'bypass'], 'nobody may share it'],
    [200, 'private', COOKIE, ['redecided', 'bypass'], 'it was made for one with credentials'],
    [200, 'too-large', COOKIE, ['bypass', 'bypass'], 'it is for all, but too large'],
    [403, 'status', [], ['redecided', 'redecided'], 'it is about his request'],
    [503, 'status', [], ['redecided', 'redecided'], 'it may be'],
  ];
  for (const [status, detail, headers, others, why] of rows) {
    const bench = new RelayBench();
    const [anonymous, credentialed] = [waiterOf(2), waiterOf(3, KEY, { headers: COOKIE })];
    const fill = bench.fill([waiterOf(1, KEY, { headers }), anonymous, credentialed]);
    await bench.run(fill, status, { detail });
    const fate = ({ id }: Waiter): string =>
      bench.redecided.some((one) => one.id === id) ? 'redecided' : bench.kinds(id).join();
    t.same([anonymous, credentialed].map(fate), others, `${status} ${detail}: ${why}`);
    t.same(bench.released, [2, 3]);
    t.same([...fill.waiters.keys()], [askerOf(fill.leader)]);
    t.equal(fill.among.find(''), undefined, 'who asks from now on finds another fill');
  }
});

t.test('who is sent on has one more election behind him, and is refused in the end', (t) => {
  const bench = new RelayBench();
  const patient = waiterOf(2, KEY, { elections: 1 });
  patient.collapsed = true;
  const fill = bench.fill([waiterOf(1), patient, waiterOf(3, KEY, { elections: 2 })]);
  const failed = { credentialed: 'elect-or-refuse', anonymous: 'elect-or-refuse' } as const;
  bench.relay.partOthers(fill, failed, 'it failed');
  t.match(patient, { elections: 2, collapsed: false });
  t.same(bench.redecided, [patient]);
  t.match(bench.about(3), [{ kind: 'refused', code: 'GW_ORIGIN_STATUS', detail: 'it failed' }]);
  t.end();
});

t.test('a stored response goes when the answer shows that it is outdated', async (t) => {
  const rows: [status: number, headers: FieldLines, held: boolean, why: string][] = [
    [404, [], false, 'it is gone'],
    [200, [], false, 'there is another'],
    [200, COOKIE, true, 'for him'],
    [403, [], true, 'he may not'],
    [500, [], true, 'it may come back'],
  ];
  for (const [status, headers, held, why] of rows) {
    const bench = new RelayBench();
    const stored = bench.keep(KEY, 'old');
    await bench.run(bench.fill([waiterOf(1, KEY, { headers })], { stored }), status);
    t.equal(bench.context.holdings.index.isHeld(stored), held, `${status}: ${why}`);
    t.equal(bench.newest('head').served.fwd, 'stale');
  }
});

t.test('what an answer teaches of its key is remembered', async (t) => {
  const none = { everybody: false, somebody: false, large: false, end: undefined };
  const told: FieldLines = [['content-range', 'bytes */9']];
  const rows: [Partial<Relayed> & { status: number }, Partial<Waiter['request']>, object][] = [
    [{ status: 200 }, {}, { ...none, everybody: true, somebody: true }],
    [{ status: 200 }, { headers: COOKIE }, { ...none, somebody: true }],
    [{ status: 200, detail: 'too-large' }, {}, { ...none, large: true }],
    [{ status: 200, detail: 'no-room' }, {}, none],
    [{ status: 416, fields: told }, { beyond: true }, { ...none, end: 9 }],
    [{ status: 416, fields: told }, {}, none],
    [{ status: 416 }, { beyond: true }, none],
    [{ status: 403, fields: told }, { beyond: true }, none],
    [{ status: 416, fields: [['content-range', 'bytes 0-8/9']] }, { beyond: true }, none],
  ];
  for (const [answer, request, want] of rows) {
    const bench = new RelayBench();
    await bench.run(bench.fill([waiterOf(1, KEY, request)]), answer.status, answer);
    const { memory, nowMs } = bench;
    const learnt = {
      everybody: memory.isUnshared(KEY, false, nowMs),
      somebody: memory.isUnshared(KEY, true, nowMs),
      large: memory.isPassing(KEY, nowMs),
      end: memory.endOf(KEY, nowMs),
    };
    t.same(learnt, want, JSON.stringify([answer, request]));
  }
});

t.test('a mebibyte goes ahead of the reader, and the rest as he gives credit', async (t) => {
  const bench = new RelayBench();
  const fill = bench.fill([waiterOf(1)]);
  const chunks = ['x'.repeat(MIB - 1), 'yy', 'z'];
  const running = bench.run(fill, 200, { chunks });
  const count = (): number => bench.kinds(1).filter((kind) => kind === 'chunk').length;
  await until(() => fill.wake !== undefined);
  t.equal(count(), 2, 'one byte of credit lets a whole chunk go');
  wakeFill(fill);
  await until(() => fill.wake !== undefined);
  t.equal(count(), 2, 'to be woken is no credit');
  fill.credit += 2;
  wakeFill(fill);
  await running;
  t.equal(count(), 3);
});

t.test('a relay that waits for credit ends as it is given up', async (t) => {
  const bench = new RelayBench();
  const fill = bench.fill([waiterOf(1)]);
  const running = bench.run(fill, 200, { chunks: ['x'.repeat(MIB), 'y'] });
  await until(() => fill.wake !== undefined);
  fill.abort.abort();
  wakeFill(fill);
  await t.rejects(running, { code: 'GW_FILL_CANCELLED' });
});

t.test('a relay whose chunk is lost fails rather than go on behind a hole', async (t) => {
  const bench = new RelayBench();
  const fill = bench.fill([waiterOf(1)]);
  bench.deaf.add(0);
  await t.rejects(bench.run(fill, 200, { chunks: ['x', 'y'] }), { code: 'GW_WORKER_LOST' });
});
