/** A redirect that lost its prefix, a FIFO whose writer was killed, bytes that were read once only. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { openBundledOrigin } from '../../../src/origin/bundled.js';
import { isVouched } from '../../../src/origin/files/file-opening.js';
import { openUnder } from '../../../src/origin/files/safe-open.js';
import { ask, field } from '../../support/origin.js';

t.test('the redirect of a bundled folder stays under its prefix', async (t) => {
  const base = t.testdir({ sample: { deep: { 'index.html': 'page' } } });
  const prefixes = { '/sample/': join(base, 'sample') };
  const clock = { wall: () => Date.now() + 60_000 };
  const origin = openBundledOrigin({ name: 'bundled', clock, routes: {}, prefixes });
  const { status, headers } = await ask(origin, '/sample/deep');
  t.strictSame([status, field(headers, 'location')], [301, '/sample/deep/']);
});

t.test('who asks for a FIFO does not end the one that writes to it', async (t) => {
  const root = t.testdir({});
  execFileSync('mkfifo', [join(root, 'pipe')]);
  const writer = spawn('sh', ['-c', 'echo; exec yes > pipe'], { cwd: root });
  t.teardown(() => writer.kill());
  await once(writer.stdout, 'data');
  const ended = once(writer, 'exit').then(() => true);
  for (let i = 0; i < 10; i += 1) {
    t.strictSame(await openUnder(root, ['pipe']), { kind: 'absent' });
    t.equal(await Promise.race([ended, delay(20, false)]), false);
  }
});

t.test('isVouched() of bytes that the reading before did not have is false', (t) => {
  const reading = (text: string) => {
    const size = BigInt(text.length);
    const state = { ino: 1n, size, mtimeNs: 1n, ctimeNs: 1n, nlink: 1n };
    const first = Buffer.from(text);
    return { start: 0, length: text.length, state, after: state, first, tail: undefined };
  };
  t.equal(isVouched(reading('abcd'), { hidden: true, before: reading('ab') }), false);
  t.end();
});
