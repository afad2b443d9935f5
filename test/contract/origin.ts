/** What every Origin must do, run on each implementation over one directory of files. */
import type { Test } from 'tap';
import { randomBytes } from 'node:crypto';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Origin } from '../../src/origin/origin.js';
import { ask, bodyOf, field, textOf } from '../support/origin.js';

const BIG_BYTES = 6 * 1024 * 1024; // more than a socket's buffers and the body queue hold
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade'];

/** `open` gives an origin whose content is the directory `root`; it tears down what it starts. */
export function originContract(
  t: Test,
  name: string,
  open: (t: Test, root: string) => Promise<Origin>,
): void {
  t.test(`${name} keeps the contract of an origin`, async (t) => {
    const root = t.testdir({
      'hello.txt': 'hello, world\n',
      'empty.txt': '',
      'a name with spaces.txt': 'spaces\n',
    });
    const big = randomBytes(BIG_BYTES);
    writeFileSync(join(root, 'big.bin'), big);
    utimesSync(join(root, 'hello.txt'), 1_700_000_000, 1_700_000_000);
    const origin = await open(t, root);
    t.teardown(() => origin.close());

    t.test('GET gives the file, its length and validators', async (t) => {
      const response = await ask(origin, '/hello.txt');
      t.equal(response.status, 200);
      t.equal(field(response.headers, 'content-length'), '13');
      t.equal(field(response.headers, 'last-modified'), 'Tue, 14 Nov 2023 22:13:20 GMT');
      t.match(field(response.headers, 'etag'), /^"/, 'a strong entity tag');
      t.equal(await textOf(response), 'hello, world\n');
      t.not(response.origin, '');
    });

    t.test('field names are lower case and none is hop-by-hop', async (t) => {
      const response = await ask(origin, '/hello.txt');
      await bodyOf(response);
      for (const [name] of response.headers) {
        t.equal(name, name.toLowerCase());
        t.notOk(HOP_BY_HOP.includes(name), name);
      }
    });

    t.test('HEAD gives the same fields and no body', async (t) => {
      const got = await ask(origin, '/hello.txt');
      await bodyOf(got);
      const head = await ask(origin, '/hello.txt', { method: 'HEAD' });
      t.equal(head.status, 200);
      t.equal((await bodyOf(head)).length, 0);
      for (const name of ['content-length', 'etag', 'last-modified', 'content-type']) {
        t.equal(field(head.headers, name), field(got.headers, name), name);
      }
    });

    t.test('an empty file is an empty body that ends', async (t) => {
      const response = await ask(origin, '/empty.txt');
      t.equal(response.status, 200);
      t.equal(field(response.headers, 'content-length'), '0');
      t.equal((await bodyOf(response)).length, 0);
    });

    t.test('percent-encoded names are found, with a query or without', async (t) => {
      t.equal(await textOf(await ask(origin, '/a%20name%20with%20spaces.txt')), 'spaces\n');
      t.equal(await textOf(await ask(origin, '/hello.txt?session=1')), 'hello, world\n');
    });

    t.test('a file that is not there is a 404', async (t) => {
      const response = await ask(origin, '/none.txt');
      t.equal(response.status, 404);
      await bodyOf(response);
    });

    t.test('a method it does not know of files is a 405', async (t) => {
      const response = await ask(origin, '/hello.txt', { method: 'DELETE' });
      t.equal(response.status, 405);
      await bodyOf(response);
    });

    t.test('one range gives 206 and just those bytes', async (t) => {
      const rows = [
        ['bytes=0-4', 'hello', 'bytes 0-4/13'],
        ['bytes=7-', 'world\n', 'bytes 7-12/13'],
        ['bytes=-6', 'world\n', 'bytes 7-12/13'],
        ['bytes=7-99', 'world\n', 'bytes 7-12/13'],
      ] as const;
      for (const [range, text, contentRange] of rows) {
        const response = await ask(origin, '/hello.txt', { headers: [['range', range]] });
        t.equal(response.status, 206, range);
        t.equal(field(response.headers, 'content-range'), contentRange, range);
        t.equal(field(response.headers, 'content-length'), String(text.length), range);
        t.equal(await textOf(response), text, range);
      }
    });

    t.test('a range past the end is a 416 that tells the length', async (t) => {
      const response = await ask(origin, '/hello.txt', { headers: [['range', 'bytes=13-']] });
      t.equal(response.status, 416);
      t.equal(field(response.headers, 'content-range'), 'bytes */13');
      await bodyOf(response);
    });

    t.test('a matching validator gives 304 without a body', async (t) => {
      const first = await ask(origin, '/hello.txt');
      await bodyOf(first);
      const rows = [
        ['if-none-match', field(first.headers, 'etag')],
        ['if-modified-since', field(first.headers, 'last-modified')],
      ] as const;
      for (const [name, value] of rows) {
        const response = await ask(origin, '/hello.txt', { headers: [[name, value ?? '']] });
        t.equal(response.status, 304, name);
        t.equal((await bodyOf(response)).length, 0, name);
      }
      const other = await ask(origin, '/hello.txt', { headers: [['if-none-match', '"other"']] });
      t.equal(other.status, 200);
      await bodyOf(other);
    });

    t.test('a long body arrives whole, many at once', async (t) => {
      const bodies = Array.from({ length: 12 }, async () => bodyOf(await ask(origin, '/big.bin')));
      for (const body of await Promise.all(bodies)) t.ok(body.equals(big));
    });

    t.test('readers that leave early cost nothing that lasts', async (t) => {
      for (let i = 0; i < 20; i += 1) {
        const response = await ask(origin, '/big.bin');
        for await (const chunk of response.body) {
          t.ok(chunk.length > 0);
          break;
        }
      }
      t.equal(await textOf(await ask(origin, '/hello.txt')), 'hello, world\n');
    });

    t.test('an aborted request is GW_CLIENT_ABORTED, before and in the body', async (t) => {
      const early = new AbortController();
      early.abort();
      await t.rejects(ask(origin, '/hello.txt', { signal: early.signal }), {
        code: 'GW_CLIENT_ABORTED',
      });
      for (let i = 0; i < 10; i += 1) {
        const abort = new AbortController();
        const response = await ask(origin, '/big.bin', { signal: abort.signal });
        const reading = (async () => {
          for await (const chunk of response.body) {
            if (chunk.length > 0) abort.abort();
          }
        })();
        await t.rejects(reading, { code: 'GW_CLIENT_ABORTED' });
      }
      t.equal(await textOf(await ask(origin, '/hello.txt')), 'hello, world\n');
    });

    t.test('an abort frees what a body nobody reads holds', async (t) => {
      for (let i = 0; i < 80; i += 1) {
        const abort = new AbortController();
        const response = await ask(origin, '/big.bin', { signal: abort.signal });
        if (response.status !== 200) t.fail(`status ${response.status}`);
        abort.abort();
      }
      t.equal(await textOf(await ask(origin, '/hello.txt')), 'hello, world\n');
    });
  });
}
