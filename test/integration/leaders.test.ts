/** Answers that are one requester's own, with real sockets: nobody else ever gets them. */
import { request as httpRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Gateway, startGateway, untilMetric } from '../support/gateway.js';
import { type HeldOrigin, heldOrigin } from '../support/held-origin.js';

const ROUNDS = 30;

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly cookies: readonly string[];
  readonly hints: readonly string[];
}

interface Asked {
  readonly answer: Promise<Answer | undefined>; // undefined: cut, or left
  leave(): void;
}

function ask({ port }: Gateway, path: string, user: string): Asked {
  const hints: string[] = [];
  const headers = { cookie: `session=${user}`, connection: 'close' };
  const sent = httpRequest({ port, path, headers, agent: false, timeout: 20_000 });
  sent.on('information', ({ headers: fields }) => hints.push(String(fields['link'])));
  const answer = new Promise<Answer | undefined>((resolve) => {
    sent.on('error', () => {
      resolve(undefined);
    });
    sent.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        const cookies = response.headers['set-cookie'] ?? [];
        resolve({ status: response.statusCode ?? 0, body, cookies, hints });
      });
      response.on('error', () => {
        resolve(undefined);
      });
    });
  });
  sent.end();
  return { answer, leave: () => void sent.destroy() };
}

const KINDS: readonly (readonly [string, number, Record<string, string>])[] = [
  ['private', 200, { 'cache-control': 'private, max-age=60' }],
  ['no-store', 200, { 'cache-control': 'no-store' }],
  ['set-cookie', 200, { 'cache-control': 'max-age=60' }],
  ['forbidden', 403, {}],
  ['unspoken', 200, { 'content-type': 'application/json' }],
];

function start(t: Test, origin: HeldOrigin): Promise<Gateway> {
  return startGateway(t, { args: [origin.url, '--log-level', 'silent'] });
}

t.test('the answer to one who left reaches nobody else', async (t) => {
  const origin = await heldOrigin(t);
  const gateway = await start(t, origin);
  let leaks = 0;
  let round = 0;
  for (const [kind, status, fields] of KINDS) {
    for (let i = 0; i < ROUNDS / KINDS.length; i += 1) {
      round += 1;
      const path = `/${kind}/${round}`;
      const alice = ask(gateway, path, 'alice');
      const first = await origin.next();
      const bob = ask(gateway, path, 'bob');
      const before = round * 2;
      await untilMetric(gateway, (metric) => metric('connections_total') >= before);
      await delay(20);
      alice.leave();
      await delay(20);
      if (round % 2 === 0) first.response.writeEarlyHints({ link: '</alice>; rel=preload' });
      respond(first, status, fields);
      const second = await origin.next();
      respond(second, status, fields);
      const got = await bob.answer;
      const all = JSON.stringify(got);
      if (all.includes('alice')) leaks += 1;
      t.match(got, { status, body: 'for session=bob' }, `${kind} ${round}`);
    }
  }
  t.equal(leaks, 0);
});

function respond(
  held: Awaited<ReturnType<HeldOrigin['next']>>,
  status: number,
  fields: Record<string, string>,
): void {
  const { cookie = 'nobody' } = held.request.headers;
  if (held.response.destroyed) return;
  held.response.writeHead(status, {
    ...fields,
    ...(held.request.url?.startsWith('/set-cookie') === true ? { 'set-cookie': cookie } : {}),
  });
  held.response.end(`for ${cookie}`);
}

t.test('a crowd with a leader whose answer is his own gets its own answers', async (t) => {
  const origin = await heldOrigin(t, (request, response) => {
    setTimeout(() => {
      response.writeHead(200, { 'cache-control': 'private' });
      response.end(`for ${request.headers.cookie}`);
    }, 50);
  });
  const gateway = await start(t, origin);
  const asked = Array.from({ length: 40 }, (_, i) => ask(gateway, '/me', `user${i}`));
  const answers = await Promise.all(asked.map(({ answer }) => answer));
  t.same(
    answers.map((answer) => answer?.body),
    asked.map((_, i) => `for session=user${i}`),
  );
  t.ok(origin.count() <= 120, `${origin.count()} requests`);
});

t.test('a 204 that gives a length costs each client a few requests at most', async (t) => {
  const origin = await heldOrigin(t, (_request, response) => {
    const { socket } = response;
    socket?.end('HTTP/1.1 204 No Content\r\nContent-Length: 100\r\nConnection: close\r\n\r\n');
  });
  const gateway = await start(t, origin);
  const asked = Array.from({ length: 20 }, () => ask(gateway, '/v/1.m4s', 'x'));
  for (const { answer } of asked) t.equal((await answer)?.status, 204);
  await delay(500);
  t.ok(origin.count() <= 60, `${origin.count()} requests for 20 clients`);
});
