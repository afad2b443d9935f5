import t from 'tap';
import { hostPrefix, splitHost } from '../../src/http/key.js';

t.test('a key begins with its host only where hosts are apart', (t) => {
  t.equal(hostPrefix(false, 'tv.example'), '');
  t.equal(hostPrefix(true, 'tv.example:81'), '//tv.example:81');
  t.same(splitHost(true, '//tv.example:81/v/1.m4s?a=/b'), {
    prefix: '//tv.example:81',
    target: '/v/1.m4s?a=/b',
  });
  t.same(splitHost(true, '///v/1.m4s'), { prefix: '//', target: '/v/1.m4s' }, 'no host');
  t.same(splitHost(false, '//v/1.m4s'), { prefix: '', target: '//v/1.m4s' });
  t.end();
});
