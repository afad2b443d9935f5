/** Bodies in pieces, over a kernel that takes little: every byte arrives. */
import t from 'tap';
import { startGateway } from '../support/gateway.js';
import { rawGet } from '../support/raw-client.js';
import { STRESS_GATEWAY } from '../support/stress.js';
import { httpServer } from '../support/upstream.js';

t.test('bodies of unknown length reach slow readers whole', async (t) => {
  const size = 3_000_000;
  const whole = Buffer.alloc(size);
  for (let at = 0; at < size; at += 4) whole.writeUInt32LE(at, at);
  const url = await httpServer(t, (request, response) => {
    const stored = request.url?.includes('stored') === true;
    response.writeHead(200, { 'Cache-Control': stored ? 'max-age=60' : 'no-store' });
    for (let at = 0; at < size; at += 375_000) response.write(whole.subarray(at, at + 375_000));
    response.end();
  });
  const gateway = await startGateway(t, { ...STRESS_GATEWAY, args: [url, '--log-level', 'error'] });
  const answers = Array.from({ length: 24 }, async (_, n) => {
    const path = n % 2 === 0 ? `/stored-${n % 3}.ts` : `/passed-${n % 3}.ts`;
    const answer = await rawGet(gateway.port, path, [], { rate: [0, 2e6, 3e6, 6e6][n % 4] ?? 0 });
    return `${path}: ${answer.status}, whole ${answer.whole}, same ${answer.body.equals(whole)}`;
  });
  for (const answer of await Promise.all(answers)) t.match(answer, ': 200, whole true, same true');
  t.equal(await gateway.stop(), 0);
});
