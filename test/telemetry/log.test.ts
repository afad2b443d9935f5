import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { createLogger, type LogLevel } from '../../src/telemetry/log.js';

function capture(
  level: LogLevel,
  worker?: number,
): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  const destination = { write: (line: string): void => void lines.push(line) };
  const place = worker === undefined ? {} : { worker };
  return { lines, log: createLogger({ level, name: 'headgate', destination, ...place }) };
}

t.test('createLogger() writes JSON lines with level, time, name and worker', (t) => {
  const { lines, log } = capture('info', 3);
  log.info({ shard: 2 }, 'hello');
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  t.match(line, { level: 'info', name: 'headgate', worker: 3, shard: 2, msg: 'hello' });
  t.equal(typeof line['time'], 'string');
  t.end();
});

t.test(
  'createLogger() leaves out what is below its level, and the worker on the main thread',
  (t) => {
    const { lines, log } = capture('warn');
    log.info('quiet');
    log.warn('loud');
    t.equal(lines.length, 1);
    t.notMatch(lines[0], 'worker');
    const silent = capture('silent');
    silent.log.error('nothing');
    t.equal(silent.lines.length, 0);
    t.end();
  },
);

t.test(
  'createLogger() makes a count of warnings and errors that repeat, by what they say',
  async (t) => {
    const { lines, log } = capture('info');
    for (let i = 0; i < 100; i += 1)
      log.warn({ code: 'GW_ORIGIN_IO', path: `/${i}` }, 'fill failed');
    for (let i = 0; i < 10; i += 1) log.warn({ code: 'GW_ORIGIN_CONNECT' }, 'fill failed');
    for (let i = 0; i < 10; i += 1) log.error({ err: new TypeError(`${i}`) }, 'callback failed');
    for (let i = 0; i < 10; i += 1) log.info({ path: `/${i}` }, 'request');
    t.equal(lines.length, 1 + 1 + 1 + 10, 'information is not counted');
    log.error({ worker: 1 }, 'worker died');
    log.error({ worker: 2 }, 'worker died');
    t.equal(lines.length, 15, 'two that died are two');
    while (lines.length < 18) await new Promise((resolve) => setTimeout(resolve, 10));
    const last = JSON.parse(lines.find((line) => line.includes('"repeated":99')) ?? '{}') as object;
    t.match(last, { level: 'warn', code: 'GW_ORIGIN_IO', path: '/99', msg: 'fill failed' });
  },
);

t.test('createLogger() redacts fields that hold secrets', (t) => {
  const { lines, log } = capture('info');
  log.info({ token: 's3cret', headers: { authorization: 's3cret', cookie: 's3cret', via: 'x' } });
  t.notMatch(lines[0], 's3cret');
  t.match(lines[0], 'via');
  t.end();
});

t.test('the last line before an abrupt end is not lost', async (t) => {
  const module = new URL('../../src/telemetry/log.js', import.meta.url).href;
  const script = `import(${JSON.stringify(module)}).then(({ createLogger }) => {
    createLogger({ level: 'info', name: 'w', worker: 1 }).info('last words');
    process.kill(process.pid, 'SIGKILL');
  });`;
  const child = spawn(process.execPath, [...process.execArgv, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  await once(child, 'close');
  t.match(JSON.parse(out), { name: 'w', worker: 1, msg: 'last words' });
});
