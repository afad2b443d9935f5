/** Threads that read, replace, purge and evict at once: not one torn, mixed or outdated body. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { metricsOf, startGateway } from '../support/gateway.js';
import { rawGet } from '../support/raw-client.js';
import { seededRandom } from '../support/random.js';
import { runStress, STRESS_ARGS, STRESS_GATEWAY, stressObjects } from '../support/stress.js';
import { httpServer } from '../support/upstream.js';
import { startVersionedOrigin } from '../support/versioned-origin.js';

const SECONDS = 10;
const MIB = 1_048_576;

t.test('every body is right while objects are replaced, purged and evicted', async (t) => {
  const seed = Date.now() % 1_000_000;
  t.comment(`seed ${seed}`);
  const random = seededRandom(seed);
  const objects = stressObjects();
  const workingSet = objects.reduce((sum, { size }) => sum + size, 0);
  t.ok(workingSet > 60 * MIB, `${workingSet} bytes want to be cached`);
  const origin = await startVersionedOrigin(objects, random);
  t.teardown(() => origin.stop());
  const gateway = await startGateway(t, { ...STRESS_GATEWAY, args: [origin.url, ...STRESS_ARGS] });
  const report = await runStress({ gateway, origin, objects, random, seconds: SECONDS });
  const metric = await metricsOf(gateway);
  const peakMib = await peakRssMib(gateway.pid);
  const { faults, refused, ...figures } = report;
  t.comment(JSON.stringify({ ...figures, refused: [...refused], peakMib }));

  t.strictSame(faults, []);
  t.ok(report.bodies > 300, `${report.bodies} bodies checked`);
  t.ok(report.ranges > 50, `${report.ranges} of them ranges`);
  t.ok(report.slow > 5, `${report.slow} of them read slowly`);
  t.ok(report.stalledMost > 0, 'slow readers held leases');
  t.ok(report.hardPurges > 50, `${report.hardPurges} hard purges`);
  t.equal(report.purgesRefused, 0, `the slowest took ${report.slowestPurgeMs} ms`);
  t.ok(report.softPurges > 10, `${report.softPurges} soft purges`);
  t.ok(report.checkedAfterPurge > 100, 'bodies were held against a purge');
  t.ok(report.seen > 20, `${report.seen} changes of version were seen`);
  t.ok(report.cut < report.bodies / 10, `${report.cut} bodies cut by a broken origin`);
  t.ok(metric('evictions_total') > 100, `${metric('evictions_total')} evictions`);
  t.ok(metric('purged_total') > 50, `${metric('purged_total')} objects purged`);
  t.ok(metric('collapsed_total') > 20, `${metric('collapsed_total')} requests collapsed`);
  t.ok(metric('revalidated_total') > 0, `${metric('revalidated_total')} revalidations`);
  t.equal(metric('handler_faults_total'), 0, 'no exception was caught');
  t.ok(peakMib < 512, `${peakMib} MiB of memory at most`);
  const log = gateway.log();
  t.equal(await gateway.stop(), 0, log.slice(-2_000));
});

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

async function peakRssMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1_024);
}
