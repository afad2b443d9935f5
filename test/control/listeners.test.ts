import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import t from 'tap';
import { listenersOn, parseListeners } from '../../src/control/listeners.js';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid';

function table(...rows: readonly (readonly [local: string, state: string])[]): string {
  const lines = rows.map(
    ([local, state], i) => `   ${i}: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000`,
  );
  return [HEAD, ...lines, ''].join('\n');
}

t.test('parseListeners() reads addresses in the byte order of the machine', (t) => {
  const v6 = '0000000000000000FFFF00000200007F';
  const rows = [
    ['0200007F:1F90', '0A', 'LE', ['127.0.0.2']],
    ['7F000002:1F90', '0A', 'BE', ['127.0.0.2']],
    ['00000000:1F90', '0A', 'LE', ['0.0.0.0']],
    [
      '00000000000000000000000001000000:1F90',
      '0A',
      'LE',
      ['0000:0000:0000:0000:0000:0000:0000:0001'],
    ],
    [`${v6}:1F90`, '0A', 'LE', ['127.0.0.2']],
    ['0200007F:1F90', '01', 'LE', []],
    ['0200007F:1F91', '0A', 'LE', []],
    ['0200007F:01F90', '0A', 'LE', []],
  ] as const;
  for (const [local, state, endianness, want] of rows) {
    t.strictSame(parseListeners(table([local, state]), 0x1f90, endianness), want, local);
  }
  t.strictSame(parseListeners(table(['00000000:0050', '0A']), 80, 'LE'), ['0.0.0.0'], 'a low port');
  const two = table(['00000000:0050', '0A'], ['00000000:0050', '0A']);
  t.strictSame(parseListeners(two, 80, 'LE'), ['0.0.0.0'], 'who shares a port is named once');
  t.strictSame(parseListeners('', 80, 'LE'), []);
  t.end();
});

t.test('listenersOn() finds who listens, and nobody once he has gone', async (t) => {
  const server = createServer().listen(0, '127.0.0.3');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  t.strictSame(listenersOn(port), ['127.0.0.3']);
  server.close();
  await once(server, 'close');
  t.strictSame(listenersOn(port), []);
});
