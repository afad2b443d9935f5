/** Starting and stopping over and over, in one process. */
import t from 'tap';
import { spawnGateway } from '../support/gateway.js';

t.test('starting and stopping leaves no descriptor behind', async (t) => {
  const script = spawnGateway(t, {
    entry: 'dist/test/support/threads/start-stop.js',
    args: ['10'],
  });
  t.equal(await script.exited, 0, script.log());
  const counts = script.log().trim().split('\n').map(Number);
  t.equal(counts.length, 10, script.log());
  const [early = 0, last = Infinity] = [counts[3], counts.at(-1)];
  t.ok(last <= early + 2, `open descriptors after each cycle: ${counts.join(' ')}`);
});
