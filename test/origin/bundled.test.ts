/** Routes and prefixes; what lies under one is the directory's to answer, and tested there. */
import { join } from 'node:path';
import t from 'tap';
import { openBundledOrigin } from '../../src/origin/bundled.js';
import { ask, field, textOf } from '../support/origin.js';

const clock = { wall: () => Date.now() + 60_000 }; // so that all that lies there has settled

t.test('a route wins over a prefix, a longer prefix over a shorter', async (t) => {
  const base = t.testdir({
    page: { 'a.html': 'routed' },
    short: { 'a.html': 'short', deep: { 'b.html': 'short' }, 'index.html': 'index' },
    long: { 'b.html': 'long' },
  });
  const prefixes = { '/s/': join(base, 'short'), '/s/deep/': join(base, 'long') };
  const routes = { '/s/a.html': join(base, 'page/a.html'), '/s/x': join(base, 'long/b.html') };
  for (const order of [prefixes, Object.fromEntries(Object.entries(prefixes).toReversed())]) {
    const origin = openBundledOrigin({ name: 'bundled', clock, routes, prefixes: order });
    const rows: [target: string, status: number, text: string][] = [
      ['/s/a.html', 200, 'routed'],
      ['/s/a.html?', 200, 'routed'],
      ['/s/x?y=/s/deep/b.html', 200, 'long'],
      ['/s/deep/b.html', 200, 'long'],
      ['/s/', 200, 'index'],
      ['/s/?a', 200, 'index'],
      ['/s/a.html/', 404, 'Not found\n'],
      ['/s', 404, 'Not found\n'],
      ['/S/a.html', 404, 'Not found\n'],
      ['/x/s/a.html', 404, 'Not found\n'],
      ['/s/deep/../a.html', 404, 'Not found\n'],
      ['/', 404, 'Not found\n'],
      ['', 404, 'Not found\n'],
    ];
    for (const [target, status, text] of rows) {
      const response = await ask(origin, target);
      t.strictSame([response.status, await textOf(response)], [status, text], target);
    }
  }
});

t.test('a routed file may be named in any way that a URL would have to encode', async (t) => {
  const names = ['a b?.html', '100%.txt', 'ü#.txt', 'a%2fb.txt'];
  const base = t.testdir(Object.fromEntries(names.map((name) => [name, name])));
  const routes = Object.fromEntries(names.map((name, n) => [`/${n}`, join(base, name)]));
  const origin = openBundledOrigin({ name: 'bundled', clock, routes, prefixes: {} });
  for (const [n, name] of names.entries()) {
    const response = await ask(origin, `/${n}`);
    t.equal(response.status, 200, name);
    t.equal(await textOf(response), Buffer.from(name).toString('latin1'), name);
  }
});

t.test('what is not there is a 404 that HEAD gets without its text', async (t) => {
  const origin = openBundledOrigin({ name: 'bundled', clock, routes: {}, prefixes: {} });
  for (const method of ['GET', 'HEAD', 'POST']) {
    const response = await ask(origin, '/', { method });
    t.equal(response.status, 404);
    t.equal(field(response.headers, 'content-length'), '10');
    t.equal(await textOf(response), method === 'HEAD' ? '' : 'Not found\n');
    t.equal(response.forEveryone, true);
    t.equal(response.origin, 'bundled');
  }
});

t.test('a request is handed on as it is but for its target', async (t) => {
  const base = t.testdir({ 'a.txt': 'content' });
  const routes = { '/r': join(base, 'a.txt') };
  const origin = openBundledOrigin({ name: 'bundled', clock, routes, prefixes: { '/p/': base } });
  for (const target of ['/r', '/p/a.txt']) {
    const part = await ask(origin, target, { headers: [['range', 'bytes=0-2']] });
    t.strictSame([part.status, await textOf(part)], [206, 'con'], target);
    const post = await ask(origin, target, { method: 'POST' });
    t.strictSame([post.status, field(post.headers, 'allow')], [405, 'GET, HEAD'], target);
    const signal = AbortSignal.abort();
    await t.rejects(ask(origin, target, { signal }), { code: 'GW_CLIENT_ABORTED' }, target);
  }
  await origin.close();
});

t.test('a folder that is not there is told at once', (t) => {
  const gone = join(t.testdir(), 'gone');
  const rows = [
    { routes: { '/': join(gone, 'a.html') }, prefixes: {} },
    { routes: {}, prefixes: { '/p/': gone } },
  ];
  for (const content of rows) {
    t.throws(() => openBundledOrigin({ name: 'bundled', clock, ...content }), {
      code: 'GW_CONFIG_INVALID',
    });
  }
  t.end();
});
