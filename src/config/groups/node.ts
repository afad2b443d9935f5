/** Limits of one node against its clients, its log, how it stops, and its memory. */
import { choice, count, duration, ratio, size, toggle } from '../kinds.js';
import { group } from './group.js';

export const limits = group({
  header: size('16KiB', ['4KiB', '1MiB'], 'Largest request head.'),
  url: size('8KiB', ['256', '64KiB'], 'Longest request target.'),
  body: size('1GiB', ['0', '1TiB'], 'Largest request body; bodies are streamed, never held.'),
  headersTimeout: duration(
    '15s',
    ['5s', '4m'],
    'Longest time a request head may take, to about 4 s.',
  ),
  idleTimeout: duration(
    '75s',
    ['5s', '4m'],
    'How long an idle connection is kept open, to about 4 s.',
  ),
  bodyMinRate: size(
    '1KiB',
    ['0', '1GiB'],
    'Slowest upload that is let live, after minRateGrace; 0: any.',
    'bytes per second',
  ),
  minRate: size(
    '2KiB',
    ['0', '1GiB'],
    'Slowest reader that is let live, after minRateGrace; 0: any.',
    'bytes per second',
  ),
  minRateGrace: duration('20s', ['1s', '1h'], 'How long a transfer may stay under its rate.'),
  connections: count(15_000, [1, 1_000_000], 'connections', 'Open connections for each worker.'),
  fills: count(
    256,
    [1, 65_536],
    'fills',
    'Fetches from origins under way at a time in each shard.',
  ),
  queue: count(
    1024,
    [16, 65_536],
    'messages',
    'Messages each lane of a mailbox holds before it sheds; more rides out bursts, less caps delay.',
  ),
  waiters: count(
    50_000,
    [1, 1_000_000],
    'requests',
    'Requests of one worker that may wait for fills at a time.',
  ),
  ranges: count(16, [1, 1024], 'ranges', 'Ranges one request may ask for.'),
});

export const log = group({
  level: choice(
    ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    'info',
    'Least severity that is logged.',
  ),
  access: ratio(0.01, [0, 1], 'Share of requests that are logged; logging all of them costs CPU.'),
});

export const shutdown = group({
  deadline: duration(
    '10s',
    ['0s', '10m'],
    'How long requests in flight may take to finish after a signal to stop.',
  ),
  idle: duration(
    '5s',
    ['0s', '10m'],
    'How long idle connections may then send one more request, which ends them, before they are closed.',
  ),
  hang: duration(
    '10s',
    ['2s', '1h'],
    'How long a worker may hang before the process ends with a failure, to be started again.',
  ),
});

export const arena = group({
  hugePages: toggle(true, 'Ask the kernel for huge pages for the arenas: fewer TLB misses.'),
  pretouch: toggle(
    false,
    'Touch all cache memory at start: slower start, no page faults while serving.',
  ),
  pinWorkers: toggle(false, 'Pin each worker to a core; only for machines that do nothing else.'),
});
