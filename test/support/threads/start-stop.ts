/**
 * Starts and stops a node in this process as often as the last argument says, serves a request each
 * time, and prints the number of open descriptors after each stop.
 */
import { readdirSync } from 'node:fs';
import { loadConfig } from '../../../src/config/load.js';
import { startHeadgate } from '../../../src/headgate.js';
import { createLogger } from '../../../src/telemetry/log.js';

const cycles = Number(process.argv.at(-1));
const flags = [
  { path: 'listen', value: '127.0.0.1:0', name: '--listen' },
  { path: 'admin.listen', value: '127.0.0.1:0', name: '--admin' },
  { path: 'workers', value: '2', name: '--workers' },
  { path: 'cache.memory', value: '16MiB', name: '--cache-memory' },
  // The connection that is kept for the next request would be waited for.
  { path: 'shutdown.idle', value: '0s', name: '--set' },
  { path: 'log.level', value: 'error', name: '--log-level' },
];
const { config } = loadConfig({ flags });
for (let cycle = 0; cycle < cycles; cycle += 1) {
  const node = await startHeadgate(config, { log: createLogger({ level: 'error', name: 'test' }) });
  const response = await fetch(new URL('/sample/master.m3u8', node.url));
  await response.text();
  await node.stop('test');
  const { exitCode } = await node.closed;
  if (response.status !== 200 || exitCode !== 0) process.exitCode = 1;
  process.stdout.write(`${readdirSync('/proc/self/fd').length}\n`);
}
