import t from 'tap';
import { reachable } from '../../src/commands/purge.js';
import { runCli } from '../../src/commands/program.js';
import { startAdmin } from '../../src/control/admin.js';
import { createLogger } from '../../src/telemetry/log.js';
import { FakeControl } from '../support/fake-control.js';
import { fakeTerminal } from '../support/fake-terminal.js';

const TOKEN = 'correct-horse-battery';

t.test('purge sends its order to the admin port of the configuration', async (t) => {
  const control = new FakeControl();
  const log = createLogger({ level: 'silent', name: 'test' });
  const listen = { host: '127.0.0.1', port: 0 };
  const admin = await startAdmin({ listen, token: TOKEN, maxUrl: 8_192, control, log });
  t.teardown(() => admin.close());
  const { host } = new URL(admin.url);
  const rows = [
    [['/a?b=c'], { scope: 'exact', path: '/a?b=c', soft: false }],
    [
      ['http://cdn.example:81/a/b?c', '--soft'],
      { scope: 'exact', path: '/a/b?c', soft: true, host: 'cdn.example:81' },
    ],
    [['/a', '--host', 'b.tv'], { scope: 'exact', path: '/a', soft: false, host: 'b.tv' }],
    [['--all', '--host', 'b.tv'], { scope: 'all', path: '', soft: false, host: 'b.tv' }],
    [['/live/', '--prefix'], { scope: 'prefix', path: '/live/', soft: false }],
    [['--all'], { scope: 'all', path: '', soft: false }],
  ] as const;
  for (const [args, order] of rows) {
    const terminal = fakeTerminal({ HEADGATE_ADMIN_TOKEN: TOKEN });
    t.equal(await runCli(['purge', ...args, '--admin', host], terminal), 0, args.join(' '));
    t.equal(terminal.stdout.text, 'purged 7 objects\n');
    t.strictSame(control.orders.at(-1), order);
  }
  const stranger = fakeTerminal({ HEADGATE_ADMIN_LISTEN: host });
  t.equal(await runCli(['purge', '--all'], stranger), 1);
  t.match(stranger.stderr.text, /^headgate: GW_ADMIN_UNAUTHORIZED: .*\n$/);
});

t.test('purge does not mind files that only the gateway can read', async (t) => {
  const env = { HEADGATE_TLS_CERT: '/no', HEADGATE_TLS_KEY: '/no', HEADGATE_ADMIN_LISTEN: '1' };
  t.equal(await runCli(['purge', '--all'], fakeTerminal(env)), 1, 'unreachable, not a bad config');
});

t.test('reachable() turns the wildcard addresses into loopback', (t) => {
  const rows = [
    ['0.0.0.0', '127.0.0.1'],
    ['::', '::1'],
    ['10.0.0.1', '10.0.0.1'],
  ] as const;
  for (const [host, want] of rows) t.equal(reachable({ host, port: 1 }).host, want);
  t.end();
});
