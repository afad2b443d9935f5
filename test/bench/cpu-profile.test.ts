import t from 'tap';
import { hotFunctions } from '../../bench/support/cpu-profile.js';

const frame = (
  functionName: string,
  url: string,
): { functionName: string; url: string; lineNumber: number } => ({
  functionName,
  url,
  lineNumber: 9,
});

t.test('hotFunctions() ranks by own time, leaving idle time out', (t) => {
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('(idle)', '') },
      { id: 2, callFrame: frame('onRequest', 'file:///a/b/edge/routes.js') },
      { id: 3, callFrame: frame('', 'file:///a/b/edge/routes.js') },
      { id: 4, callFrame: frame('onRequest', 'file:///a/b/edge/routes.js') },
    ],
    samples: [1, 2, 3, 4, 1],
    timeDeltas: [900, 10, 40, 50, 900],
  };
  t.same(hotFunctions(profile, 5), [
    { name: 'onRequest edge/routes.js:10', share: 0.6 },
    { name: '(anonymous) edge/routes.js:10', share: 0.4 },
  ]);
  t.equal(hotFunctions(profile, 1).length, 1, 'no more than asked for');
  t.end();
});
