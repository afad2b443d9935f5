/** What the loader makes of the machine that it runs on. */
import path from 'node:path';
import t from 'tap';
import { ConfigError, type Fault } from '../../src/config/faults.js';
import { loadConfig, thisMachine, type Sources } from '../../src/config/load.js';
import { TEST_CERT, TEST_KEY } from '../support/tls.js';

const GIB = 2 ** 30;

function faultsOf(sources: Sources, memoryBytes = 2 * GIB): readonly Fault[] {
  try {
    loadConfig(sources, { ...thisMachine(), memoryBytes });
  } catch (reason) {
    if (reason instanceof ConfigError) return reason.faults;
    throw reason;
  }
  return [];
}

t.test('cache.memory that the machine does not have is refused, its default never', (t) => {
  const rows = [
    [['cache.memory=1GiB'], 2 * GIB, true, 'half of it'],
    [['cache.memory=2GiB'], 2 * GIB, false, 'all of it leaves nothing for books'],
    [['cache.memory=4TiB'], 24 * GIB, false, 'far more'],
    [[], 2 ** 20, true, 'a machine too small for the default'],
  ] as const;
  for (const [set, memoryBytes, good, why] of rows) {
    const faults = faultsOf({ set }, memoryBytes);
    t.strictSame(
      faults.map(({ path, from }) => [path, from]),
      good ? [] : [['cache.memory', '--set cache.memory']],
      why,
    );
  }
  t.end();
});

t.test('certificates are read and judged, those of a pair together', (t) => {
  const folder = t.testdir({ 'cert.pem': TEST_CERT, 'key.pem': TEST_KEY, 'page.html': '<p>no' });
  const set = (cert: string, key: string): string[] => [
    `tls.cert=${path.join(folder, cert)}`,
    `tls.key=${path.join(folder, key)}`,
  ];
  t.strictSame(faultsOf({ set: set('cert.pem', 'key.pem') }), []);
  t.match(faultsOf({ set: set('page.html', 'key.pem') }), [
    { path: 'tls.cert', from: '--set tls.cert' },
  ]);
  t.end();
});

t.test('checkMachine: false leaves files and memory to another machine', (t) => {
  const set = ['cache.memory=4TiB', 'origins=/no/such', 'tls.cert=/nope', 'tls.key=/nope'];
  t.equal(faultsOf({ set }).length, 4);
  t.strictSame(faultsOf({ set, checkMachine: false }), []);
  t.end();
});
