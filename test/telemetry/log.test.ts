import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { createLogger, type LogLevel } from '../../src/telemetry/log.js';

const MODULE = new URL('../../src/telemetry/log.js', import.meta.url).href;

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

t.test('a log that nobody takes ends nothing', async (t) => {
  const script = `import(${JSON.stringify(MODULE)}).then(({ createLogger }) => {
    const log = createLogger({ level: 'info', name: 'w' });
    const write = () => { for (let i = 0; i < 100; i += 1) log.info({ i, text: 'x'.repeat(5_000) }, 'lost'); };
    process.stdout.on('error', () => undefined); // as the command line does
    process.stdin.once('data', () => {
      write();
      setImmediate(() => { write(); console.error('goes on'); process.exit(); });
    });
  });`;
  const full = openSync('/dev/full', 'w');
  t.teardown(() => {
    closeSync(full);
  });
  for (const where of ['full', 'closed', 'not read'] as const) {
    const child = spawn(process.execPath, [...process.execArgv, '-e', script], {
      stdio: ['pipe', where === 'full' ? full : 'pipe', 'pipe'],
    });
    if (where === 'closed') child.stdout?.destroy();
    let told = '';
    child.stderr?.on('data', (chunk: Buffer) => (told += chunk.toString()));
    child.stdin?.end('go');
    const closed = once(child, 'close');
    await once(child, 'exit');
    child.stdout?.resume();
    const [code] = (await closed) as [number | null];
    t.equal(code, 0, where);
    t.equal(told, 'goes on\n', where);
  }
});

t.test('createLogger() says how many lines were lost', async (t) => {
  const folder = t.testdir();
  const file = path.join(folder, 'log');
  spawnSync('mkfifo', [file]);
  const fd = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  t.teardown(() => {
    closeSync(fd);
  });
  const log = createLogger({ level: 'info', name: 'w', worker: 1, fd });
  const lines = 3 * 1_024;
  for (let i = 0; i < lines; i += 1) log.info({ i, text: 'x'.repeat(1_000) }, 'many');
  let text = '';
  const piece = Buffer.alloc(65_536);
  while (!text.includes('"lost":')) {
    await new Promise((resolve) => setImmediate(resolve));
    try {
      text += piece.toString('utf8', 0, readSync(fd, piece));
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code !== 'EAGAIN') throw reason;
    }
  }
  const read = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const { lost, ...line } = read.pop() ?? {};
  t.match(line, { level: 'warn', worker: 1, msg: /^log lines were lost/ });
  t.equal(read.length + Number(lost), lines);
  t.ok(Number(lost) > 0);
  t.same(
    read.map(({ i }) => i),
    read.map((_, i) => i),
    'whole and in order',
  );
});

t.test('the last line before an abrupt end is not lost', async (t) => {
  const script = `import(${JSON.stringify(MODULE)}).then(({ createLogger }) => {
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
