import t from 'tap';
import { readAssignments, readEnvironment } from '../../src/config/sources.js';
import { nameIn } from '../../src/config/unknown.js';
import { readYaml } from '../../src/config/yaml-file.js';

t.test('a setting that is gone is called that, with what took its place, in every source', (t) => {
  const readings = [
    readYaml('cache: { nearIndex: 1MiB }', '/a.yaml'),
    readEnvironment({ HEADGATE_CACHE_NEAR_INDEX: '1MiB' }, '/'),
    readAssignments(['cache.nearIndex=1MiB'], '/'),
  ];
  for (const { entries, faults } of readings) {
    t.strictSame(entries, []);
    t.match(faults, [{ got: 'a setting that is gone', want: /shared memory/ }]);
    t.notOk(faults[0]?.hint, 'nothing else is meant');
  }
  t.end();
});

t.test('nameIn() ends where no name goes on', (t) => {
  const rows = [
    ['cache.memory', 'cache.memory'],
    ['cache.max_object', 'cache.max_object'],
    ['origin-timeout', 'origin-timeout'],
    ['admin.token: x', 'admin.token…'],
    ['é', '…'],
    ['', ''],
  ] as const;
  for (const [text, want] of rows) t.equal(nameIn(text), want);
  t.end();
});
