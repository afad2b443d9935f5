import fc from 'fast-check';
import t from 'tap';
import {
  formatDuration,
  formatListen,
  formatSize,
  isLoopback,
  parseDuration,
  parseListen,
  parseSize,
} from '../../src/config/units.js';

t.test('parseSize() reads bytes with binary, decimal and bare units', (t) => {
  const rows = [
    ['64MiB', 67_108_864, 'binary unit'],
    ['1GB', 1_000_000_000, 'decimal unit'],
    ['4k', 4096, 'a bare letter is binary'],
    ['4K', 4096, 'case does not matter'],
    ['1.5 MiB', 1_572_864, 'fraction and one space'],
    ['2KiB/s', 2048, 'a rate'],
    ['512', 512, 'plain bytes as text'],
    [512, 512, 'plain bytes as a number'],
    ['0', 0, 'nothing'],
    [-1, undefined, 'negative number'],
    ['-1k', undefined, 'negative text'],
    [1.5, undefined, 'half a byte'],
    ['4x', undefined, 'unknown unit'],
    ['k', undefined, 'no amount'],
    ['', undefined, 'empty'],
    ['9999999TiB', undefined, 'not a safe integer'],
    [Number.NaN, undefined, 'NaN'],
    [null, undefined, 'null'],
    [true, undefined, 'boolean'],
  ] as const;
  for (const [raw, want, why] of rows) t.equal(parseSize(raw), want, why);
  t.end();
});

t.test('parseDuration() wants a unit on everything but zero', (t) => {
  const rows = [
    ['250ms', 250, 'milliseconds'],
    ['3s', 3_000, 'seconds'],
    ['1m', 60_000, 'm is minutes, not milliseconds'],
    ['1h', 3_600_000, 'hours'],
    ['1d', 86_400_000, 'days'],
    ['1.5s', 1_500, 'fraction'],
    ['1h30m', 5_400_000, 'two units'],
    ['0', 0, 'zero as text'],
    [0, 0, 'zero as a number'],
    ['30', undefined, 'thirty of what'],
    [30, undefined, 'thirty of what, as a number'],
    ['-1s', undefined, 'negative'],
    ['1w', undefined, 'unknown unit'],
    ['s', undefined, 'no amount'],
    ['1 s', undefined, 'space'],
    [undefined, undefined, 'absent'],
  ] as const;
  for (const [raw, want, why] of rows) t.equal(parseDuration(raw), want, why);
  t.end();
});

t.test('parseListen() fills in the host and refuses what is no address', (t) => {
  const rows = [
    ['8080', { host: 'h', port: 8080 }, 'port alone'],
    [8080, { host: 'h', port: 8080 }, 'port as a number'],
    [':8080', { host: 'h', port: 8080 }, 'colon and port'],
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }, 'any free port'],
    ['[::1]:80', { host: '::1', port: 80 }, 'IPv6 literal'],
    [{ port: 1 }, { host: 'h', port: 1 }, 'pair without a host'],
    [{ host: 'x', port: 1 }, { host: 'x', port: 1 }, 'pair'],
    ['65536', undefined, 'port too large'],
    ['::1:80', undefined, 'IPv6 without brackets could mean two things'],
    ['a b:80', undefined, 'space in the host'],
    ['host', undefined, 'no port'],
    [{ host: 'x' }, undefined, 'pair without a port'],
    [{ port: 1, prot: 2 }, undefined, 'pair with a stranger'],
    [1.5, undefined, 'half a port'],
    [false, undefined, 'boolean'],
  ] as const;
  for (const [raw, want, why] of rows) t.strictSame(parseListen(raw, 'h'), want, why);
  t.end();
});

t.test('what the formatters write, the parsers read back', (t) => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 40 }), (value) => {
      return (
        parseSize(formatSize(value)) === value && parseDuration(formatDuration(value)) === value
      );
    }),
  );
  for (const address of [
    { host: '::1', port: 1 },
    { host: 'a.example', port: 2 },
  ]) {
    t.strictSame(parseListen(formatListen(address), ''), address);
  }
  t.equal(formatSize(67_108_864), '64MiB');
  t.equal(formatDuration(5_400_000), '90m');
  t.end();
});

t.test('isLoopback() knows the addresses only this machine reaches', (t) => {
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost', '::ffff:127.0.0.1']) {
    t.equal(isLoopback(host), true, host);
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', 'example']) {
    t.equal(isLoopback(host), false, host);
  }
  t.end();
});
