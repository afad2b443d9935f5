/** A node is stopped under load and started again: no request that it accepted goes without an answer. */
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Gateway, startGateway } from '../support/gateway.js';
import { RawClient } from '../support/raw-client.js';
import { httpServer } from '../support/upstream.js';

const BODY = Buffer.alloc(20_000, 'headgate');
const LARGE = Buffer.alloc(3_000_000, 'in pieces ');
const RESTARTS = 2;
/** RESTART_REQUESTS=20000 for the figure that is promised. */
const REQUESTS = Number(process.env['RESTART_REQUESTS'] ?? 2_000);

for (const workers of ['2', '0']) {
  t.test(`restarts under load lose no request with --workers ${workers}`, async (t) => {
    const origin = await httpServer(t, (request, response) => {
      const body = request.url?.includes('large') === true ? LARGE : BODY;
      const fresh = request.url?.includes('live') === true ? 'no-cache' : 'max-age=60';
      response.writeHead(200, { 'Content-Length': body.length, 'Cache-Control': fresh });
      response.end(body);
    });
    const crowd = new Crowd();
    let gateway = await start(t, origin, workers);
    const { port } = gateway;
    // Half of them keep their connections, a quarter ask rarely, a quarter come anew each time.
    const clients = Array.from({ length: 24 }, (_, n) => crowd.client(port, n));
    for (let i = 1; i <= RESTARTS; i += 1) {
      await crowd.answered((REQUESTS * i) / RESTARTS);
      t.equal(await gateway.stop(), 0, gateway.log().slice(-1_000));
      gateway = await start(t, origin, workers, port);
    }
    await crowd.answered(crowd.answers + 200);
    crowd.over = true;
    await Promise.all(clients);
    t.strictSame(
      crowd.lost,
      [],
      `of ${crowd.answers} answers, ${crowd.told} with Connection: close`,
    );
    t.ok(crowd.told >= 12, `those who keep connections were told: ${crowd.told}`);
    t.equal(await gateway.stop(), 0);
  });
}

class Crowd {
  over = false;
  answers = 0;
  told = 0;
  readonly lost: string[] = [];

  async answered(count: number): Promise<void> {
    while (this.answers < count) await delay(5);
  }

  async client(port: number, n: number): Promise<void> {
    let client: RawClient | undefined;
    for (let i = 0; !this.over; i += 1) {
      client ??= await connected(port);
      if (client === undefined) continue; // refused: another node would be asked
      const path = pathOf(n, i);
      const answer = await client.get(path);
      if (answer.status !== 200 || !answer.whole) {
        this.lost.push(`${path} by ${n}: ${answer.status}, ${answer.bytes} bytes`);
      }
      this.answers += 1;
      const last = answer.fields.get('connection') === 'close';
      if (last) this.told += 1;
      if (last || n % 4 === 3 || client.isClosed) {
        client.close();
        client = undefined;
      }
      if (n % 4 === 2) await delay(50);
    }
    client?.close();
  }
}

/** Hits, misses, what is asked for each time, and bodies that take several writes. */
function pathOf(n: number, i: number): string {
  if (i % 50 === 49) return `/large-${n % 3}.m4s`;
  if (i % 7 === 6) return `/live-${n}.bin`;
  return i % 5 === 4 ? `/stream-${n}/${i}.m4s` : `/stream-${i % 8}/hit.m4s`;
}

async function connected(port: number): Promise<RawClient | undefined> {
  try {
    return await RawClient.open(port);
  } catch {
    await delay(20);
    return undefined;
  }
}

function start(t: Test, origin: string, workers: string, port = 0): Promise<Gateway> {
  const settings = ['--workers', workers, '--listen', `127.0.0.1:${port}`, '--log-level', 'error'];
  return startGateway(t, { args: [origin, ...settings, '--set', 'shutdown.idle=5s'] });
}
