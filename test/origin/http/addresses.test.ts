import t from 'tap';
import { Addresses } from '../../../src/origin/http/addresses.js';

function scripted(answers: (readonly string[] | Error)[]): {
  addresses: Addresses;
  asked: () => number;
  pass: (ms: number) => void;
} {
  let nowMs = 0;
  let asked = 0;
  const resolve = (): Promise<readonly string[]> => {
    const answer = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  return {
    addresses: new Addresses('origin.example', { now: () => nowMs, resolve }),
    asked: () => asked,
    pass: (ms) => {
      nowMs += ms;
    },
  };
}

t.test('each connection begins with the next address', async (t) => {
  const { addresses, asked } = scripted([['a', 'b', 'c']]);
  t.strictSame(await addresses.inTurn(), ['a', 'b', 'c']);
  t.strictSame(await addresses.inTurn(), ['b', 'c', 'a']);
  t.strictSame(await addresses.inTurn(), ['c', 'a', 'b']);
  t.equal(asked(), 1, 'the name is looked up once');
});

t.test('what failed a moment ago comes last, for a while', async (t) => {
  const { addresses, pass } = scripted([['a', 'b']]);
  addresses.failed('a');
  t.strictSame(await addresses.inTurn(), ['a', 'b'], 'nothing is known before the look-up');
  addresses.failed('a');
  t.strictSame(await addresses.inTurn(), ['b', 'a']);
  t.strictSame(await addresses.inTurn(), ['b', 'a']);
  addresses.connected('a');
  t.strictSame(await addresses.inTurn(), ['b', 'a'], 'its turn');
  t.strictSame(await addresses.inTurn(), ['a', 'b']);
  addresses.failed('b');
  pass(10_001);
  t.strictSame(await addresses.inTurn(), ['b', 'a'], 'forgiven');
});

t.test('names are looked up again, and kept where nobody knows better', async (t) => {
  const { addresses, asked, pass } = scripted([['a'], new Error('no name server'), ['b']]);
  t.strictSame(await addresses.inTurn(), ['a']);
  pass(10_001);
  const both = await Promise.all([addresses.inTurn(), addresses.inTurn()]);
  t.strictSame(both, [['a'], ['a']], 'the name server fails');
  t.equal(asked(), 2, 'once for both');
  pass(10_001);
  t.strictSame(await addresses.inTurn(), ['b']);
});

t.test('a name that nobody knows is an error', async (t) => {
  const { addresses } = scripted([new Error('ENOTFOUND')]);
  await t.rejects(addresses.inTurn(), /ENOTFOUND/);
});

t.test('an address is looked up by nobody', async (t) => {
  const resolve = (): Promise<readonly string[]> => Promise.reject(new Error('asked'));
  t.strictSame(await new Addresses('127.0.0.1', { resolve }).inTurn(), ['127.0.0.1']);
  t.strictSame(await new Addresses('[::1]', { resolve }).inTurn(), ['::1']);
});
