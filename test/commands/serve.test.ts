import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { runCli } from '../../src/commands/program.js';
import { GatewayError } from '../../src/errors.js';
import { fakeTerminal } from '../support/fake-terminal.js';

const QUIET = ['--log-level', 'silent'];

t.test('serve is the default command, its argument the first origin', async (t) => {
  const folder = new URL('.', import.meta.url).pathname.replace(/\/$/, '');
  const rows = [
    [[], [], 'nothing: the sample'],
    [['serve'], [], 'by name'],
    [[folder], [folder], 'a folder'],
    [['http://o:1/'], ['http://o:1/'], 'a URL'],
    [
      ['http://o/', '--origin', 'http://p/', '--origin', 'http://q/'],
      ['http://o/', 'http://p/', 'http://q/'],
      'and more',
    ],
    [['serve', '--origin', 'http://p/'], ['http://p/'], 'flags alone'],
  ] as const;
  for (const [args, origins, why] of rows) {
    const terminal = fakeTerminal();
    const exit = runCli([...args, ...QUIET], terminal);
    await once(terminal.gateway.events, 'started');
    t.strictSame(terminal.gateway.config?.origins, origins, why);
    terminal.process.emit('SIGTERM', 'SIGTERM');
    t.equal(await exit, 0, why);
  }
});

t.test('serve says where to look, without the credentials of origins', async (t) => {
  const terminal = fakeTerminal();
  const exit = runCli(['http://u:s3cret@origin:8000/', ...QUIET], terminal);
  await once(terminal.gateway.events, 'started');
  const { text } = terminal.stderr;
  for (const part of ['http://localhost:8080/', 'http://127.0.0.1:9090', 'origin:8000']) {
    t.ok(text.includes(part), part);
  }
  t.notMatch(text, 's3cret');
  t.equal(terminal.stdout.text, '', 'stdout is for the log');
  terminal.gateway.end();
  t.equal(await exit, 0);
});

t.test('SIGTERM and SIGINT stop the gateway, and its exit code is ours', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    const terminal = fakeTerminal();
    terminal.gateway.exitCode = 3;
    const exit = runCli(QUIET, terminal);
    await once(terminal.gateway.events, 'started');
    const stopped = once(terminal.gateway.events, 'stop');
    terminal.process.emit(signal, signal);
    t.strictSame(await stopped, [signal]);
    t.equal(await exit, 3);
    t.equal(terminal.process.ended, 0, 'no force was needed');
    t.strictSame(terminal.process.eventNames(), [], 'no listener is left');
  }
});

t.test('a second signal ends the process at once; the echo of the first is none', async (t) => {
  const terminal = fakeTerminal();
  terminal.gateway.endsOnStop = false;
  const exit = runCli(QUIET, terminal);
  await once(terminal.gateway.events, 'started');
  terminal.process.emit('SIGINT', 'SIGINT'); // by the terminal
  terminal.process.emit('SIGINT', 'SIGINT'); // by npm
  t.equal(terminal.process.ended, 0);
  await delay(600);
  terminal.process.emit('SIGINT', 'SIGINT');
  t.equal(terminal.process.ended, 1);
  terminal.gateway.end();
  await exit;
});

t.test('SIGHUP stops nothing', async (t) => {
  const terminal = fakeTerminal();
  const exit = runCli(QUIET, terminal);
  await once(terminal.gateway.events, 'started');
  let stops = 0;
  terminal.gateway.events.on('stop', () => (stops += 1));
  t.equal(terminal.process.emit('SIGHUP', 'SIGHUP'), true, 'somebody listens');
  t.equal(stops, 0);
  terminal.process.emit('SIGTERM', 'SIGTERM');
  t.equal(await exit, 0);
  t.equal(stops, 1);
});

t.test('a signal that comes while the gateway starts stops it as soon as it is up', async (t) => {
  const terminal = fakeTerminal();
  const { gateway } = terminal;
  const stopped = once(gateway.events, 'stop');
  const exit = runCli(QUIET, {
    ...terminal,
    loadGateway: () =>
      Promise.resolve((config, deps) => {
        terminal.process.emit('SIGTERM', 'SIGTERM');
        return gateway.start(config, deps);
      }),
  });
  t.strictSame(await stopped, ['SIGTERM']);
  t.equal(await exit, 0);
  t.equal(terminal.stderr.text, '', 'it was never announced');
});

t.test(
  'an uncaught exception on the main thread stops the gateway in order and ends with 1',
  async (t) => {
    const terminal = fakeTerminal();
    const exit = runCli(QUIET, terminal);
    await once(terminal.gateway.events, 'started');
    const stopped = once(terminal.gateway.events, 'stop');
    terminal.process.emit('uncaughtException', new Error('a defect'));
    t.strictSame(await stopped, ['uncaughtException']);
    t.equal(await exit, 1);
  },
);

t.test('a gateway that cannot start is one line with its code, and 1', async (t) => {
  const terminal = fakeTerminal();
  const code = await runCli(QUIET, {
    ...terminal,
    loadGateway: () =>
      Promise.resolve(() => Promise.reject(new GatewayError('GW_PORT_IN_USE', '0.0.0.0:8080'))),
  });
  t.equal(code, 1);
  t.equal(terminal.stderr.text, 'headgate: GW_PORT_IN_USE: 0.0.0.0:8080\n');
  t.strictSame(terminal.process.eventNames(), [], 'no listener is left');
});
