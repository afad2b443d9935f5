/** More clients than descriptors: the node serves those it has, refuses the rest, and does not turn. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { spawnGateway, startGateway } from '../support/gateway.js';
import { rawGet } from '../support/raw-client.js';

const ALLOWED = 400;

t.test('a node that has few descriptors takes as many clients as it has them for', async (t) => {
  const gateway = await startGateway(t, { openFiles: ALLOWED });
  t.match(gateway.log(), /"level":"warn".*"allowed":400.*too few file descriptors/);
  const sockets: Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  let closed = 0;
  for (let i = 0; i < ALLOWED * 2; i += 1) {
    const socket = connect(gateway.port, '127.0.0.1');
    socket.on('error', () => undefined).on('close', () => (closed += 1));
    socket.resume();
    sockets.push(socket);
  }
  while (closed < ALLOWED) await delay(20);
  const kept = sockets.length - closed;
  t.ok(kept > 100 && kept < ALLOWED, `${kept} of ${sockets.length} were kept`);
  const before = cpuMs(gateway.pid);
  await delay(1_000);
  t.ok(cpuMs(gateway.pid) - before < 400, `${cpuMs(gateway.pid) - before} ms of CPU in a second`);
  t.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 200, 'its health can be asked');
  for (const socket of sockets) socket.destroy();
  await delay(100);
  t.equal((await rawGet(gateway.port, '/')).status, 200, 'and when they have gone others come in');
  t.equal(await gateway.stop(), 0, gateway.log().slice(-1_000));
});

t.test('a node that has enough says nothing', async (t) => {
  const gateway = spawnGateway(t, { args: ['--set', 'limits.connections=100'] });
  while (!gateway.log().includes('serving')) await delay(20);
  t.notMatch(gateway.log(), 'descriptors');
});

/** Of all threads, in ticks of 10 ms. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
