/** The wall clock of a running node is set: what is stored ages on as if nothing had happened. */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { FAULTY_CLI, startGateway } from '../support/gateway.js';
import { rawGet } from '../support/raw-client.js';
import { httpServer } from '../support/upstream.js';

const QUIET = ['--log-level', 'error', '--set', 'cache.staleWhileRevalidate=0s'] as const;

for (const [step, by] of [
  ['back', '20 s back'],
  ['ahead', 'an hour ahead'],
] as const) {
  t.test(`a live playlist runs on when the wall clock is set ${by}`, async (t) => {
    let version = 0;
    const origin = await httpServer(t, (request, response) => {
      const live = request.url === '/live.m3u8';
      if (live) version += 1;
      response.writeHead(200, { 'Cache-Control': live ? 'max-age=1' : 'max-age=600' });
      response.end(live ? `#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:${version}\n` : 'a segment');
    });
    const args = [origin, ...QUIET, '--workers', '1'];
    const gateway = await startGateway(t, { entry: FAULTY_CLI, args });
    await rawGet(gateway.port, '/live.m3u8');
    await rawGet(gateway.port, '/segment.m4s');
    const before = version;
    await rawGet(gateway.port, `/fault/${step}?x`);
    await delay(1_100);
    const late = await rawGet(gateway.port, '/live.m3u8');
    t.match(late.body.toString(), `MEDIA-SEQUENCE:${before + 1}`, 'its lifetime was over');
    const old = await rawGet(gateway.port, '/segment.m4s');
    t.match(old.fields.get('cache-status'), /hit; ttl=59\d/, 'its lifetime goes on');
    const ageS = Number(old.fields.get('age'));
    t.ok(ageS >= 1 && ageS < 60, `Age: ${ageS}`);
    t.equal(await gateway.stop(), 0);
  });
}
