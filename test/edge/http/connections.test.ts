import t from 'tap';
import type { HttpResponse } from '../../../native/uws.js';
import { Connections } from '../../../src/edge/http/connections.js';
import { createMetrics, readMetrics, WorkerMetrics } from '../../../src/telemetry/metrics.js';

class ConnectionsBench {
  closed = 0;
  readonly connections: Connections;
  readonly #metrics = createMetrics(1);

  constructor(limit: number) {
    const metrics = new WorkerMetrics(this.#metrics, 0);
    this.connections = new Connections({ connections: limit }, metrics);
  }

  /** As uWS does: what is closed has ended, and that is told at once. */
  open(): HttpResponse {
    const connection = {
      close: () => {
        this.closed += 1;
        this.connections.change(connection, -1);
      },
    } as HttpResponse;
    this.connections.change(connection, 1);
    return connection;
  }

  get counted(): { opened: number; refused: number } {
    const counters = readMetrics(this.#metrics)[0]?.counters;
    return { opened: counters?.connectionsOpened ?? NaN, refused: counters?.refused ?? NaN };
  }
}

t.test('as many as the limit may be open, the next is closed at once', (t) => {
  const bench = new ConnectionsBench(2);
  const first = bench.open();
  bench.open();
  t.equal(bench.closed, 0);
  t.same(bench.counted, { opened: 2, refused: 0 });
  bench.open();
  t.equal(bench.closed, 1);
  t.equal(bench.connections.open, 2, 'it counts no more');
  t.same(bench.counted, { opened: 3, refused: 1 });
  bench.connections.change(first, -1);
  t.equal(bench.connections.open, 1);
  bench.open();
  t.equal(bench.closed, 1, 'there was room again');
  t.same(bench.counted, { opened: 4, refused: 1 }, 'an end is counted as neither');
  t.end();
});

t.test('of a change the sign alone counts', (t) => {
  const bench = new ConnectionsBench(9);
  const connection = bench.open();
  bench.connections.change(connection, 5);
  t.equal(bench.connections.open, 2);
  bench.connections.change(connection, -7);
  t.equal(bench.connections.open, 1);
  t.end();
});
