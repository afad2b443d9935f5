/**
 * Readers at a few KB/s (a script, see script.ts): each takes one small read a tick and then leaves
 * the rest to the kernel and, when that is full, to the server.
 */
import { bodyOf, objectPath } from './bodies.js';
import { openAll, RawConnection, renderRequest } from './raw-connection.js';
import { serveCalls } from './script.js';
import type { SlowPlan, SlowState } from './slow-plan.js';

const TICKS_PER_SECOND = 2; // of each reader
const SLICES = 10; // readers take turns within a tick

let readers: RawConnection[] = [];
let timer: NodeJS.Timeout | undefined;
let slow = true;
const state = { started: 0, failures: 0, lastReason: '', bytes: 0, whole: 0 };

serveCalls({
  open: async (plan: SlowPlan) => {
    const buffer = Buffer.allocUnsafeSlow(Math.floor(plan.bytesPerSecond / TICKS_PER_SECOND));
    readers = await openAll(plan.readers, (index, onOpen) => open(plan, buffer, { index, onOpen }));
    let slice = 0;
    timer = setInterval(
      () => {
        slice = (slice + 1) % SLICES;
        for (let r = slice; r < readers.length; r += SLICES) readers[r]?.resume();
      },
      1_000 / TICKS_PER_SECOND / SLICES,
    );
  },
  ask: (plan: SlowPlan) => {
    readers.forEach((reader, index) => {
      reader.send(renderRequest(objectPath(plan.size, index % plan.objects)));
    });
  },
  state: (): SlowState => state,
  /** From now on all read as fast as they can. */
  hurry: () => {
    clearInterval(timer);
    slow = false;
    for (const reader of readers) reader.resume();
  },
  close: () => {
    for (const reader of readers) reader.close();
  },
});

function open(
  plan: SlowPlan,
  buffer: Buffer,
  { index, onOpen }: { index: number; onOpen: () => void },
): RawConnection {
  const body = bodyOf(plan.size, index % plan.objects);
  let right = true;
  return new RawConnection(
    { port: plan.port, buffer },
    {
      onHead: (status, length) => {
        state.started += 1;
        right = status === 200 && length === plan.size;
      },
      onBody: (chunk, offset) => {
        state.bytes += chunk.length;
        if (chunk.compare(body, offset, offset + chunk.length) !== 0) right = false;
        return !slow;
      },
      onDone: () => {
        if (right) state.whole += 1;
        else state.failures += 1;
      },
      onFailure: (reason) => {
        state.failures += 1;
        state.lastReason = reason;
      },
    },
    onOpen,
  );
}
