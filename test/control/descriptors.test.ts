import t from 'tap';
import type { Config } from '../../src/config/config.js';
import { loadConfig } from '../../src/config/load.js';
import { allowedDescriptors, shareDescriptors } from '../../src/control/descriptors.js';

const { config } = loadConfig({ env: {} });

function of(workers: number, connections: number, origins: readonly string[] = []): Config {
  return { ...config, workers, origins: [...origins], limits: { ...config.limits, connections } };
}

t.test('clients get what others surely do not need', (t) => {
  const rows = [
    [of(2, 15_000), 1_000_000, 15_000, 'all that is configured'],
    [of(2, 15_000), 20_000, 9_616, 'the rest, shared evenly'],
    [of(0, 15_000), 20_000, 15_000, 'one worker with --workers 0'],
    [of(2, 15_000, ['http://a', 'http://b']), 20_000, 9_552, 'less what each origin may take'],
    [of(2, 15_000), 1_024, 256, 'half where others would take nearly all'],
    [of(64, 15_000), 256, 2, 'of hardly any'],
    [of(64, 15_000), 10, 1, 'or none'],
  ] as const;
  for (const [given, allowed, connections, why] of rows) {
    t.match(shareDescriptors(given, allowed), { connections, allowed }, why);
  }
  t.equal(shareDescriptors(of(2, 15_000), 20_000).wanted, 30_768);
  t.end();
});

t.test('the limit is that of the process', (t) => {
  t.ok((allowedDescriptors() ?? 0) > 100);
  t.end();
});
