/** Thread entry: writes versions of a file over each other until it is told to stop, and says how many. */
import { closeSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { seededRandom } from '../../support/random.js';
import { told } from '../../support/told-file.js';

export type WriterMode = 'truncates' | 'overwrites' | 'renames' | 'grows' | 'halves';

const { path, mode, seed, pauseMs, stop } = workerData as {
  path: string;
  mode: WriterMode;
  seed: number;
  pauseMs: number;
  stop: SharedArrayBuffer;
};
const BLOCK = 16;
const random = seededRandom(seed);
const stopped = new Int32Array(stop);

/** Of one length where a version is to look like the one before. */
function nextBytes(): number {
  if (mode === 'overwrites') return 3_200;
  return BLOCK * (1 + Math.floor(random() * (random() < 0.8 ? 1_000 : 40_000)));
}

function write(version: number): void {
  const content = told(version, nextBytes());
  if (mode === 'renames') {
    writeFileSync(`${path}.next`, content);
    renameSync(`${path}.next`, path);
  } else if (mode === 'overwrites') {
    const fd = openSync(path, 'r+');
    writeSync(fd, content, 0, content.length / 2, 0);
    writeSync(fd, content, content.length / 2, content.length / 2, content.length / 2);
    closeSync(fd);
  } else if (mode === 'halves') {
    const fd = openSync(path, 'w');
    const half = BLOCK * Math.ceil(content.length / BLOCK / 2);
    writeSync(fd, content, 0, half);
    Atomics.wait(stopped, 0, 0, pauseMs * random());
    writeSync(fd, content, half);
    closeSync(fd);
  } else {
    writeFileSync(path, content);
  }
}

function grow(): void {
  const whole = told(0, 8 * 1024 * 1024);
  const fd = openSync(path, 'a');
  for (let at = 0; at < whole.length && Atomics.load(stopped, 0) === 0; at += 32_768) {
    writeSync(fd, whole, at, Math.min(32_768, whole.length - at));
    Atomics.wait(stopped, 0, 0, pauseMs * random());
  }
  closeSync(fd);
}

let version = 0;
if (mode !== 'grows') writeFileSync(path, told(version, 3_200));
parentPort?.postMessage('ready');
if (mode === 'grows') grow();
while (mode !== 'grows' && Atomics.load(stopped, 0) === 0) {
  version += 1;
  write(version);
  Atomics.wait(stopped, 0, 0, pauseMs * random());
}
parentPort?.postMessage(version);
