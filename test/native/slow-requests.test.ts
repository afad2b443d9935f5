import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import {
  shutdownSocket,
  unansweredConnections,
  type UnansweredConnection,
} from '../../native/addon.js';
import { SlowRequests } from '../../native/slow-requests.js';
import { loadUws } from '../../native/uws.js';

const LIMITS = { headersTimeoutMs: 10_000, headerBytes: 16_384 };

t.test('SlowRequests.judge() cuts what trickles for the whole time-out, and nothing else', (t) => {
  const rows = [
    [[10, 20, 30], 0, true, 'a few bytes at each look, no answer'],
    [[10, 10, 10], 0, false, 'complete, and waiting for its answer'],
    [[10, 20_000, 40_000], 0, false, 'more than any head: an upload'],
    [[10, 16_394, 16_394], 0, true, 'exactly the longest head there may be'],
    [[10, 16_395, 16_395], 0, false, 'one byte more'],
    [[10, 20, 30], 500, false, 'answered between two looks, so a request began anew'],
  ] as const;
  for (const [[first, second, third], answered, want, why] of rows) {
    const slow = new SlowRequests(LIMITS);
    t.same(slow.judge([row({ bytesReceived: first })], 0), [], 'never at the first look');
    const later = row({ bytesReceived: second, bytesSent: answered });
    t.same(slow.judge([later], 9_999), [], 'nor before the time is up');
    const last = row({ bytesReceived: third, bytesSent: answered });
    t.same(slow.judge([last], 10_000), want ? [last] : [], why);
  }
  t.end();
});

t.test('SlowRequests.judge() begins anew with a connection that was not listed meanwhile', (t) => {
  const slow = new SlowRequests(LIMITS);
  slow.judge([row({ bytesReceived: 10 })], 0);
  t.same(slow.judge([], 5_000), []);
  t.same(slow.judge([row({ bytesReceived: 20 })], 10_000), []);
  t.end();
});

t.test('SlowRequests.judge() leaves alone what stopped sending', (t) => {
  const slow = new SlowRequests(LIMITS);
  slow.judge([row({ bytesReceived: 10 })], 0);
  const stalled = row({ bytesReceived: 20, lastReceivedMs: 10_000 });
  t.same(slow.judge([stalled], 60_000), [], 'that is an idle connection, or one that waits');
  t.end();
});

t.test('a slow-loris on a real server is cut, a request that waits is not', async (t) => {
  const uws = loadUws();
  const app = uws.App();
  t.teardown(() => app.close());
  const waiting = new Promise<void>((resolve) => {
    app.get('/slow', (res) => {
      res.onAborted(() => undefined);
      resolve();
    });
  });
  let port = 0;
  app.listen('127.0.0.1', 0, (token) => {
    if (token) port = uws.us_socket_local_port(token);
  });
  const open = async (): Promise<net.Socket> => {
    const socket = net.connect(port, '127.0.0.1');
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  const [loris, patient] = [await open(), await open()];
  patient.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await waiting;

  const slow = new SlowRequests({ headersTimeoutMs: 100, headerBytes: 16_384 });
  const gone = new Promise((resolve) => loris.once('close', resolve));
  const cut: number[] = [];
  loris.on('error', () => undefined);
  loris.write('GET / HTTP/1.1\r\na: ');
  while (cut.length === 0) {
    loris.write('b');
    await delay(5); // the trickle itself: nothing waits for this
    for (const target of slow.judge(unansweredConnections(port, 0) ?? [], performance.now())) {
      cut.push(target.peerPort);
      t.equal(shutdownSocket(target), true);
    }
  }
  t.same(cut, [loris.localPort]);
  await gone;
  t.equal(patient.destroyed, false);
});

function row(facts: Partial<UnansweredConnection>): UnansweredConnection {
  return {
    fd: 30,
    inode: 4_711,
    peerPort: 50_000,
    bytesReceived: 0,
    bytesSent: 0,
    lastReceivedMs: 100,
    lastSentMs: 1_000,
    ...facts,
  };
}
