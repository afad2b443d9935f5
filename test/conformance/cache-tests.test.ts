/**
 * The public HTTP caching test suite against the built gateway (`npm run build` first).
 * CACHE_TESTS_FOLDER: folder of another edition of the suite. CACHE_TESTS_TARGET: 'model'
 * to judge the rules without the gateway, 'nginx' to score that, with nothing asserted.
 */
import t from 'tap';
import type { Test } from 'tap';
import { startNginx } from '../support/nginx.js';
import { freePort } from '../support/ports.js';
import { startModelGateway } from './model-gateway.js';
import { knownDeviations } from './known-deviations.js';
import { loadSuite, outcomes, startProcess, startSuiteOrigin } from './suite.js';
import type { CaseKind, Outcome } from './suite.js';

const CONCURRENCY = 80; // cases at a time; each sleeps 3 s or more, so four rounds take a minute
const CLI = 'dist/src/cli.js';
const READY_MS = 30_000;

/** Each starts a cache in front of the origin on that port and gives its address. */
const STARTERS = new Map([
  ['headgate', headgate],
  ['model', model],
  ['nginx', nginx],
]);

t.setTimeout(170_000); // half a minute when nothing else runs

t.test('Headgate passes the public HTTP caching tests, but for the listed', async (t) => {
  const suite = await loadSuite(process.env['CACHE_TESTS_FOLDER']);
  const origin = await startSuiteOrigin(suite);
  t.teardown(origin.stop);
  const target = process.env['CACHE_TESTS_TARGET'] ?? 'headgate';
  const base = await (STARTERS.get(target) ?? headgate)(t, origin.port);

  const all = outcomes(suite, await suite.run(base, CONCURRENCY));
  for (const kind of ['required', 'optimal', 'check'] as const) t.comment(score(all, kind));
  const unusual = all.filter(({ kind, passed }) => kind === 'check' && !passed);
  t.comment(`answered no: ${unusual.map(({ id }) => id).join(', ')}`);
  if (target === 'nginx') {
    for (const one of all) if (!one.passed) t.comment(`${one.kind} ${one.id}: ${one.seen}`);
    t.pass('scored');
    return;
  }
  const listed = knownDeviations(suite.edition, target);
  const judged = all.filter(({ kind }) => kind !== 'check');
  for (const { id, passed, seen } of judged) {
    const reason = listed.get(id);
    if (reason === undefined) t.ok(passed, `${id} ${seen}`);
    else t.notOk(passed, `${id} is a listed deviation (${reason}); if it passes, strike it`);
  }
  const ids = new Set(judged.map(({ id }) => id));
  t.same(
    [...listed.keys()].filter((id) => !ids.has(id)),
    [],
    'every listed case exists',
  );
});

function score(all: readonly Outcome[], kind: CaseKind): string {
  const ofKind = all.filter((one) => one.kind === kind);
  return `${kind}: ${ofKind.filter(({ passed }) => passed).length} of ${ofKind.length}`;
}

async function headgate(t: Test, originPort: number): Promise<string> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const gateway = startProcess(process.execPath, [
    ...[CLI, 'serve', `http://127.0.0.1:${originPort}/`, '--workers', '2'],
    ...['--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${adminPort}`],
    // This origin fails and hangs up on purpose, and counts every request it sees.
    ...['--set', 'origin.breaker.failures=1000', '--set', 'origin.retries=0'],
  ]);
  t.teardown(gateway.stop);
  gateway.output.resume();
  const deadline = Date.now() + READY_MS;
  while (!(await answers(port))) {
    if (gateway.child.exitCode !== null) throw new Error('the gateway ended before it listened');
    if (Date.now() > deadline) throw new Error(`nothing listens on ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50)); // a port tells nobody that it opens
  }
  return `http://127.0.0.1:${port}`;
}

async function model(t: Test, originPort: number): Promise<string> {
  const gateway = await startModelGateway(originPort);
  t.teardown(gateway.stop);
  return gateway.url;
}

async function nginx(t: Test, originPort: number): Promise<string> {
  const server = await startNginx({
    http: 'proxy_cache_path cache keys_zone=c:8m;',
    config: `location / {
      proxy_pass http://127.0.0.1:${originPort};
      proxy_cache c;
      proxy_cache_revalidate on;
    }`,
  });
  t.teardown(() => server.stop());
  return server.url;
}

/** Whether a gateway answers there: that something accepts may be its look whether the port is free. */
async function answers(port: number): Promise<boolean> {
  const headers = { 'access-control-request-method': 'GET' }; // a preflight, which no origin sees
  const request = fetch(`http://127.0.0.1:${port}/`, { method: 'OPTIONS', headers });
  return await request.then(
    ({ status }) => status === 204,
    () => false,
  );
}
