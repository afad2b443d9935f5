/**
 * The thread entry of an edge worker with faults built in, by the last part of the path asked for:
 *
 *   /fault/before         the handler throws before it has answered
 *   /fault/after          it throws behind its answer, in the same call
 *   /fault/timer          a timer throws
 *   /fault/rejection      a promise is rejected and nobody looks
 *   /fault/exit           process.exit()
 *   /fault/block          the thread stands still for 500 ms
 *   /fault/pause          the same for 3 s
 *   /fault/hang           a loop without end
 *   /fault/back           the wall clock of the thread goes back by 20 s
 *   /fault/ahead          it goes ahead by an hour
 *
 * Every answer but those of the hit path says in X-Worker which worker gave it; a query keeps a
 * request off the hit path. In the environment, WORKER_DIES=<index> ends that worker as it starts
 * again, WORKER_HANGS=<where> has one hang as it starts ('start') or is to end ('stop', 'end'), and SEND_BUFFER=<bytes> has the kernel take little off slow readers' hands.
 */
import { writeSync } from 'node:fs';
import type { EdgeBoot } from '../../../src/worker/edge-boot.js';
import runEdgeWorker from '../../../workers/edge.js';
import { setListenSocketBuffers } from '../../../native/addon.js';
import { EdgeServer } from '../../../src/edge/http/edge-server.js';
import { HitPath } from '../../../src/edge/http/hit-path.js';
import { Lookup } from '../../../src/edge/reach/lookup.js';
import { Responder } from '../../../src/edge/http/answer/responder.js';

let throwBehindAnswer = false;

const FAULTS: Readonly<Record<string, () => void>> = {
  before: () => {
    throw new Error('fault: before the answer');
  },
  after: () => {
    throwBehindAnswer = true;
  },
  timer: () => {
    setTimeout(() => {
      throw new Error('fault: in a timer');
    }, 0);
  },
  rejection: () => {
    void Promise.reject(new Error('fault: rejection'));
  },
  exit: () => {
    setImmediate(() => process.exit(3));
  },
  block: () => {
    standStill(500);
  },
  pause: () => {
    standStill(3_000);
  },
  hang: () => {
    for (;;) standStill(1_000);
  },
  back: () => {
    stepClock(-20_000);
  },
  ahead: () => {
    stepClock(3_600_000);
  },
};

function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function stepClock(ms: number): void {
  const { now } = Date;
  Date.now = () => now() + ms;
}

export default async function run(boot: EdgeBoot): Promise<void> {
  if (process.env['WORKER_HANGS'] === 'start' && boot.index === 0) {
    writeSync(2, 'worker 0 hangs\n'); // a stream would go by the thread's loop
    FAULTS['hang']?.();
  }
  if (process.env['WORKER_DIES'] === String(boot.index) && boot.restarted) {
    throw new Error('fault: at start');
  }
  breakAtWill(boot.index);
  await runEdgeWorker(boot);
  if (process.env['WORKER_HANGS'] === 'end') FAULTS['hang']?.();
}

/* eslint-disable @typescript-eslint/unbound-method -- called with their own `this` below */

/** Wraps methods of the edge's classes in this thread. */
function breakAtWill(index: number): void {
  const { serve } = HitPath.prototype;
  HitPath.prototype.serve = function (response, request, earlier) {
    if (request.getUrl() === '/fault/hit-path') throw new Error('fault: on the hit path');
    return serve.call(this, response, request, earlier);
  };
  const { listen } = EdgeServer.prototype;
  EdgeServer.prototype.listen = async function (host, port) {
    const localPort = await listen.call(this, host, port);
    const sendBufferBytes = Number(process.env['SEND_BUFFER'] ?? 0);
    if (sendBufferBytes > 0) setListenSocketBuffers({ localPort, sendBufferBytes });
    return localPort;
  };
  if (process.env['WORKER_HANGS'] === 'stop' && index === 0) {
    EdgeServer.prototype.stop = () => new Promise(() => undefined);
  }
  const { find } = Lookup.prototype;
  Lookup.prototype.find = function (key, headers) {
    FAULTS[/^\/fault\/(\w+)/.exec(key)?.[1] ?? '']?.();
    return find.call(this, key, headers);
  };
  const { head, end, tryEnd, text } = Responder.prototype;
  Responder.prototype.head = function (status, lines, date) {
    head.call(this, status, `${lines}\r\nX-Worker: ${index}`, date);
  };
  Responder.prototype.end = function (body) {
    end.call(this, body);
    throwOnce();
  };
  Responder.prototype.tryEnd = function (chunk, total) {
    const result = tryEnd.call(this, chunk, total);
    if (result.complete) throwOnce();
    return result;
  };
  Responder.prototype.text = function (...answer: Parameters<typeof text>) {
    text.apply(this, answer);
    throwOnce();
  };
}

function throwOnce(): void {
  if (!throwBehindAnswer) return;
  throwBehindAnswer = false;
  throw new Error('fault: behind the answer');
}
