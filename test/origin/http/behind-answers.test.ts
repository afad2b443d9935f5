/** What an origin sends behind an answer is nobody's answer. */
import t from 'tap';
import { ask, textOf } from '../../support/origin.js';
import { openUpstream, rawServer } from '../../support/upstream.js';

const READ_BYTES = 72 * 1_024; // what a connection reads at a time

function answerOf(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

t.test('bytes that lie behind an answer in the kernel are not the next one’s', async (t) => {
  // The answer ends where a read ends, so that the rest is read in the same turn, by the next exchange.
  const head = answerOf('x'.repeat(70_000)).length - 70_000;
  const first = answerOf('a'.repeat(READ_BYTES - head));
  t.equal(first.length, READ_BYTES);
  const server = await rawServer(t, ({ socket, head: request }) => {
    const [, path = ''] = request.split(' ');
    if (path === '/w')
      socket.write(answerOf('w'.repeat(3_000_000))); // opens the window
    else socket.write(path === '/a' ? first + answerOf('SMUGGLED') : answerOf('mine'));
  });
  for (let round = 0; round < 5; round += 1) {
    const origin = openUpstream(t, server.url, { connections: 1 });
    await textOf(await ask(origin, '/w'));
    const [, second] = await Promise.all(
      ['/a', '/b'].map(async (path) => textOf(await ask(origin, path))),
    );
    t.equal(second, 'mine');
  }
});

t.test('a body where there can be none is not the next answer', async (t) => {
  const body = answerOf('EVIL');
  for (const [method, head] of [
    ['HEAD', `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`],
    ['GET', `HTTP/1.1 304 Not Modified\r\nContent-Length: ${body.length}\r\n\r\n`],
  ] as const) {
    const server = await rawServer(t, ({ socket, head: request }) => {
      if (request.includes(' /b ')) {
        socket.write(answerOf('mine'));
        return;
      }
      socket.write(head);
      setImmediate(() => socket.write(body));
    });
    const origin = openUpstream(t, server.url, { connections: 1 });
    const [, second] = await Promise.all([
      ask(origin, '/a', { method }).then(textOf),
      ask(origin, '/b').then(textOf),
    ]);
    t.equal(second, 'mine', method);
  }
});
