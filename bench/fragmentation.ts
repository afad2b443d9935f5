/**
 * Question: how full of objects does an arena get before the buddy allocator refuses one, and what
 * does a limit on the pieces of an object cost?
 *
 * Setup: the traces of bench/eviction.ts at three tenths, one arena of 512 MiB, blocks of 4 KiB to
 * 4 MiB, S3-FIFO evicting until the new object fits. Per limit on extents: object bytes held at a
 * refusal as per cent of the arena (mean and first percentile), mean extents per object.
 *
 * Command: node dist/bench/fragmentation.js
 *
 * Results: AMD EPYC (2 virtual cores, shared), Node 20.20, 2026-11-21.
 *                8: full   p1   ext 16: full   p1   ext 32: full   p1   ext 64: full   p1   ext
 *   live           88.3  78.5  3.16    92.4  87.6  5.49    94.2  90.9 10.15    95.3  93.1 18.69
 *   vod            68.8  51.4  2.79    84.5  75.4  4.75    89.5  82.9  8.72    94.0  88.6 16.26
 *   vod+scan       62.7  44.9  2.89    82.8  72.8  5.04    88.9  81.6  9.45    93.7  88.5 17.82
 *   vod+flood      61.0  41.1  2.32    72.3  58.1  3.76    85.7  77.1  6.72    93.0  86.7 12.31
 *   mix            80.5  64.6  2.92    89.7  82.2  5.06    92.8  88.0  9.36    94.9  90.9 17.64
 *
 * Conclusion: charging sixteenths of a block and 16 extents use 72 to 92 % of the arena; 32 extents
 * use 86 to 94 % for twice the pieces. Making room takes 7 to 40 us a fill here, the evictions and
 * their frees included. src/arena/DESIGN.md compares other ways of charging.
 */
import { BuddyAllocator, type Extent } from '../src/arena/buddy.js';
import { createBooks } from '../src/arena/layout.js';
import { MAX_HITS, S3Fifo } from '../src/arena/eviction.js';
import { traces, type Trace } from './eviction-traces.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const ARENA = 512 * MIB;
const SLOTS = ARENA / (64 * KIB);

/** Replays the trace on one arena; prints how full of objects it was at each refusal. */
function measure(trace: Trace, maxExtents: number): void {
  const books = createBooks(ARENA / (4 * KIB));
  const sizes = { bankBytes: ARENA, minBlockBytes: 4 * KIB, maxBlockBytes: 4 * MIB };
  const allocator = new BuddyAllocator({ ...sizes, books, maxExtents });
  allocator.add(0);
  const hits = new Uint8Array(SLOTS);
  const policy = new S3Fifo({ slots: SLOTS, hits });
  const free = Array.from({ length: SLOTS }, (_, i) => i);
  const bodies: Extent[][] = [];
  const slotOf = new Map<number, number>();
  const objectIn: number[] = [];
  const extents: number[] = [];
  const fullness: number[] = [];
  let heldBytes = 0; // what the objects are, not what they are charged
  const evict = (): void => {
    const slot = policy.victim();
    heldBytes -= trace.sizes[objectIn[slot] ?? -1] ?? 0;
    allocator.free(bodies[slot] ?? []);
    slotOf.delete(objectIn[slot] ?? -1);
    free.push(slot);
  };
  let spentMs = 0;
  for (const object of trace.objects) {
    const held = slotOf.get(object);
    if (held !== undefined) {
      hits[held] = Math.min(MAX_HITS, (hits[held] ?? 0) + 1);
      continue;
    }
    const size = trace.sizes[object] ?? 0;
    if (free.length === 0) evict();
    const startMs = performance.now();
    let body = allocator.allocate(size);
    if (!body) fullness.push(heldBytes / ARENA);
    while (!body) {
      evict();
      body = allocator.allocate(size);
    }
    spentMs += performance.now() - startMs;
    const slot = free.pop() ?? -1;
    policy.insert(slot, size, Math.imul(object + 1, 0x9e3779b1));
    bodies[slot] = body;
    objectIn[slot] = object;
    heldBytes += size;
    slotOf.set(object, slot);
    if (fullness.length > 0) extents.push(body.length);
  }
  report(trace.name, { extents, fullness, spentMs });
}

interface Run {
  readonly extents: number[];
  readonly fullness: number[];
  readonly spentMs: number;
}

function report(name: string, { extents, fullness, spentMs }: Run): void {
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const share = (n: number): string => `${((100 * n) / extents.length).toFixed(1)} %`;
  extents.sort((a, b) => a - b);
  fullness.sort((a, b) => a - b);
  console.log(
    [
      name.padEnd(10),
      `full when refused: mean ${(100 * mean(fullness)).toFixed(1)} %`,
      `p1 ${(100 * (fullness[Math.floor(fullness.length / 100)] ?? 0)).toFixed(1)} %`,
      `one extent: ${share(extents.filter((n) => n === 1).length)}`,
      `extents: mean ${mean(extents).toFixed(2)}`,
      `p99 ${extents[Math.floor(extents.length * 0.99)] ?? 0} max ${extents.at(-1) ?? 0}`,
      `${((spentMs * 1e6) / extents.length).toFixed(0)} ns to make room`,
    ].join(', '),
  );
}

for (const maxExtents of [8, 16, 32, 64]) {
  console.log(`\nat most ${maxExtents} extents`);
  for (const trace of traces(1, 0.3)) measure(trace, maxExtents);
}
