/** What lies in one folder, as a stream's segments do, may use all of a node. */
import t from 'tap';
import { startGateway } from '../support/gateway.js';
import { outcome } from '../support/proxied.js';
import { rawGet } from '../support/raw-client.js';
import { httpServer } from '../support/upstream.js';

const SEGMENT = Buffer.alloc(262_144, 's');
const SEGMENTS = 160; // 40 MiB

t.test('a stream in one folder uses all of the memory, and every worker', async (t) => {
  let asked = 0;
  const origin = await httpServer(t, (_, response) => {
    asked += 1;
    response.setHeader('cache-control', 'max-age=600');
    response.setHeader('content-type', 'video/mp4');
    response.end(SEGMENT);
  });
  const gateway = await startGateway(t, {
    args: [origin, '--cache-memory', '64MiB', '--workers', '2', '--set', 'prefetch.enabled=false'],
  });
  const outcomes = async (): Promise<string[]> => {
    const all: string[] = [];
    for (let i = 0; i < SEGMENTS; i += 1) {
      const answer = await rawGet(gateway.port, `/live/channel/segment-${i}.m4s`);
      t.equal(answer.body.length, SEGMENT.length);
      all.push(outcome(answer));
    }
    return all;
  };
  await outcomes();
  t.equal(asked, SEGMENTS);
  const hits = (await outcomes()).filter((one) => one === 'hit').length;
  t.ok(hits > 0.6 * SEGMENTS, `${hits} of ${SEGMENTS} are hits`);

  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const requests = [0, 1].map((worker) => {
    const line = new RegExp(`^headgate_origin_requests_total\\{worker="${worker}"\\} (\\d+)$`, 'm');
    return Number(line.exec(metrics)?.[1]);
  });
  t.ok(Math.min(...requests) > SEGMENTS / 4, `fetched by worker: ${requests.join(' and ')}`);
});
