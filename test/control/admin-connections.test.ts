import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import { AdminConnections } from '../../src/control/admin-connections.js';

t.test('AdminConnections lets the oldest of the address with most make room', (t) => {
  const connections = new AdminConnections(4);
  const [probe] = join(connections, '10.0.0.1', 1);
  const crowd = join(connections, '10.0.0.2', 5);
  t.equal(connections.count, 4);
  t.equal(probe?.destroyed, false, 'who is alone stays, however old');
  t.strictSame(
    crowd.map(({ destroyed }) => destroyed),
    [true, true, false, false, false],
  );
  t.end();
});

t.test('AdminConnections forgets who has left', (t) => {
  const connections = new AdminConnections(2);
  const sockets = join(connections, '10.0.0.1', 2);
  for (const socket of sockets) socket.emit('close');
  t.equal(connections.count, 0);
  const [next] = join(connections, '10.0.0.1', 2);
  t.equal(next?.destroyed, false);
  t.end();
});

interface FakeSocket extends EventEmitter {
  destroyed: boolean;
}

function join(connections: AdminConnections, remoteAddress: string, count: number): FakeSocket[] {
  return Array.from({ length: count }, () => {
    const fake = Object.assign(new EventEmitter(), {
      remoteAddress,
      destroyed: false,
      destroy: () => {
        fake.destroyed = true;
      },
    });
    connections.add(fake as unknown as Socket);
    return fake;
  });
}
