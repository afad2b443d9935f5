/**
 * Question: which policy, of those a reader on another thread can feed with a byte, keeps the most
 * bytes and the most requests away from the origin, on traffic shaped like segments?
 *
 * Setup: five seeded traces of two hours (bench/eviction-traces.ts), about half a million requests
 * each, sizes from 4 KiB (init segment) to some 3 MB (4 s at 6 Mbit/s) as the arena charges them.
 * live: 24 channels, viewers near the edge, 5 % time-shifted. vod: Zipf titles, viewers drop off.
 * scan: every rung of many titles read once. flood: small documents read once. mix: live, vod, scan.
 * Cache of 1, 5 and 10 % of the footprint; a slot table of four slots per object of mean size. LRU,
 * GDSF and FIFO are yardsticks; Belady sees the future (with sizes: near a bound, not a proven one).
 *
 * Command: node dist/bench/eviction.js [seed] [scale]
 *
 * Results: AMD EPYC (2 virtual cores, shared: the times, left out here, are only rough), Node 20.20,
 * 2026-11-21, seed 1; per cent of bytes and of requests served from the cache.
 *   live: 569952 requests, 151914 objects, 182 GB
 *                      1 %: byte    req 5 %: byte    req10 %: byte    req
 *   FIFO                    62.6   70.4      63.6   71.6      64.1   72.2
 *   LRU                     62.6   70.4      63.6   71.6      64.2   72.5
 *   GDSF                    56.0   70.2      63.9   73.1      64.9   73.6
 *   SIEVE                   59.5   68.0      63.0   71.3      64.5   72.6
 *   S3-FIFO, paper          59.7   68.5      64.0   72.3      65.1   73.2
 *   S3-FIFO, 1 hit          61.0   69.6      63.8   72.1      64.9   72.9
 *     and 20 %              62.6   70.5      63.7   72.0      64.9   72.9
 *     and tiny: ours        62.6   71.0      63.7   72.7      64.9   73.3
 *   Belady                  65.5   73.7      66.0   74.0      66.0   74.0
 *
 *   vod: 469648 requests, 256188 objects, 266 GB
 *                      1 %: byte    req 5 %: byte    req10 %: byte    req
 *   FIFO                     3.4    5.8      11.3   15.9      16.6   22.4
 *   LRU                      3.7    6.7      12.8   18.2      18.3   25.2
 *   GDSF                     1.7   17.3       8.4   31.8      17.7   39.4
 *   SIEVE                    4.4   10.6      15.7   23.5      23.3   31.1
 *   S3-FIFO, paper           7.7   14.4      17.2   25.1      22.2   30.1
 *   S3-FIFO, 1 hit           7.9   15.2      18.0   26.0      23.8   32.1
 *     and 20 %               8.0   14.8      18.0   25.9      24.1   32.1
 *     and tiny: ours         7.8   17.5      17.7   31.0      23.9   37.6
 *   Belady                  19.7   27.2      32.6   40.6      37.7   46.1
 *
 *   vod+scan: 613648 requests, 396648 objects, 426 GB
 *                      1 %: byte    req 5 %: byte    req10 %: byte    req
 *   FIFO                     2.7    4.8       8.3   12.5      12.2   17.3
 *   LRU                      3.0    5.5       9.4   14.2      13.4   19.5
 *   GDSF                     1.5   14.6       7.7   25.7      14.0   30.6
 *   SIEVE                    4.2    9.4      13.4   20.1      17.7   24.7
 *   S3-FIFO, paper           6.7   12.2      13.8   20.3      16.7   23.7
 *   S3-FIFO, 1 hit           6.9   12.7      14.7   21.6      18.3   25.6
 *     and 20 %               6.8   12.6      14.8   21.6      18.3   25.6
 *     and tiny: ours         6.5   15.3      14.6   26.0      18.3   30.7
 *   Belady                  16.0   22.8      25.8   33.5      28.6   36.7
 *
 *   vod+flood: 619648 requests, 406188 objects, 268 GB
 *                      1 %: byte    req 5 %: byte    req10 %: byte    req
 *   FIFO                     3.4    4.2      11.3   11.7      16.4   16.4
 *   LRU                      3.7    4.8      12.7   13.4      18.1   18.4
 *   GDSF                     1.5   10.5       6.3   18.9      14.6   24.6
 *   SIEVE                    4.3    7.7      15.7   17.2      23.3   22.8
 *   S3-FIFO, paper           7.7   10.6      17.3   18.5      22.2   22.1
 *   S3-FIFO, 1 hit           7.9   11.1      18.1   19.2      23.8   23.6
 *     and 20 %               8.0   10.8      18.1   19.0      24.1   23.6
 *     and tiny: ours         7.7   12.4      17.8   21.8      23.8   26.8
 *   Belady                  19.5   19.9      32.7   30.0      38.0   34.1
 *
 *   mix: 548468 requests, 304730 objects, 331 GB
 *                      1 %: byte    req 5 %: byte    req10 %: byte    req
 *   FIFO                    24.5   30.0      26.6   33.5      28.3   35.8
 *   LRU                     24.5   30.2      26.9   34.3      28.8   36.7
 *   GDSF                    23.2   34.4      26.1   40.1      28.6   42.5
 *   SIEVE                   22.6   29.3      27.3   35.3      29.1   37.9
 *   S3-FIFO, paper          23.1   30.3      27.8   36.4      29.4   38.0
 *   S3-FIFO, 1 hit          23.7   30.7      28.0   36.4      29.7   38.4
 *     and 20 %              24.5   31.6      28.1   36.4      29.8   38.6
 *     and tiny: ours        24.6   33.5      28.1   38.9      29.9   41.1
 *   Belady                  31.8   40.6      36.2   45.5      36.2   45.5
 *
 * Conclusion: S3-FIFO in bytes, promoting at one hit, small queue 20 %, tiny objects straight to the
 * main queue. Against LRU on vod: 7.8 for 3.7 % of bytes at 1 %, 23.9 for 18.3 at 10 %, and 11 to 13
 * points more requests; equal or better on live. SIEVE keeps half of that at 1 % on vod, and loses
 * to LRU at the live edge there. As published (two hits, 10 %), S3-FIFO loses 3 points to LRU at the
 * live edge of a small cache, and wins by 0.2 of a large one. The tiny rule costs up to 0.3 points of
 * bytes and gives 0.4 to 5.5 of requests. GDSF serves 0.3 to 1.8 more requests at 10 % on live, vod
 * and mix for 0.0 to 6.2 fewer bytes. Seed 2 gives the same winner.
 */
import { MAX_HITS, S3Fifo, Sieve, type Eviction } from '../src/arena/eviction.js';
import { traces, type Trace } from './eviction-traces.js';
import { Belady, Fifo, Gdsf, Lru, type HeardEviction } from './eviction-yardsticks.js';

const SLOTS_PER_MEAN = 4; // slots for each object of mean size that fits
const SHARES = [0.01, 0.05, 0.1];
type Policy = Eviction & Partial<HeardEviction>;
type MakePolicy = (slots: number, hits: Uint8Array) => Policy;
const POLICIES: Record<string, MakePolicy> = {
  FIFO: (slots) => new Fifo(slots),
  LRU: (slots) => new Lru(slots),
  GDSF: (slots) => new Gdsf(slots),
  SIEVE: (slots, hits) => new Sieve({ slots, hits }),
  'S3-FIFO, paper': (slots, hits) =>
    new S3Fifo({ slots, hits, smallShare: 0.1, promoteAt: 2, tinyBelow: 0 }),
  'S3-FIFO, 1 hit': (slots, hits) =>
    new S3Fifo({ slots, hits, smallShare: 0.1, promoteAt: 1, tinyBelow: 0 }),
  '  and 20 %': (slots, hits) =>
    new S3Fifo({ slots, hits, smallShare: 0.2, promoteAt: 1, tinyBelow: 0 }),
  '  and tiny: ours': (slots, hits) => new S3Fifo({ slots, hits }),
  Belady: (slots) => new Belady(slots),
};

interface Score {
  byteHit: number;
  requestHit: number;
}

/** When each request's object is asked for again; Infinity: never. */
function nextUses(trace: Trace): Float64Array {
  const next = new Float64Array(trace.objects.length);
  const seen = new Float64Array(trace.sizes.length).fill(Infinity);
  for (let i = trace.objects.length - 1; i >= 0; i--) {
    const object = trace.objects[i] ?? 0;
    next[i] = seen[object] ?? Infinity;
    seen[object] = i;
  }
  return next;
}

/** A cache without bytes: which object is in which slot, and how full it is. */
class Shelf {
  readonly #slotOf: Int32Array;
  readonly #objectIn: Int32Array;
  readonly #free: number[];
  readonly #trace: Trace;
  readonly #capacity: number;
  #used = 0;

  constructor(trace: Trace, capacity: number, slots: number) {
    this.#trace = trace;
    this.#capacity = capacity;
    this.#slotOf = new Int32Array(trace.sizes.length).fill(-1);
    this.#objectIn = new Int32Array(slots);
    this.#free = Array.from({ length: slots }, (_, i) => slots - 1 - i);
  }

  slotOf(object: number): number {
    return this.#slotOf[object] ?? -1;
  }

  store(object: number, policy: Policy): void {
    const size = this.#trace.sizes[object] ?? 0;
    while (this.#used + size > this.#capacity || this.#free.length === 0) {
      this.#drop(policy.victim());
    }
    const slot = this.#free.pop() ?? -1;
    this.#slotOf[object] = slot;
    this.#objectIn[slot] = object;
    this.#used += size;
    policy.insert(slot, size, Math.imul(object + 1, 0x9e3779b1));
  }

  #drop(slot: number): void {
    const object = this.#objectIn[slot];
    if (object === undefined) throw new Error(`${slot} is no slot: the policy lost an object`);
    this.#slotOf[object] = -1;
    this.#free.push(slot);
    this.#used -= this.#trace.sizes[object] ?? 0;
  }
}

/** Replays the trace. The first tenth of the requests warms the cache up and is not counted. */
function replay(trace: Trace, capacity: number, make: MakePolicy): Score {
  const mean = trace.sizes.reduce((a, b) => a + b, 0) / trace.sizes.length;
  const slots = Math.ceil((SLOTS_PER_MEAN * capacity) / mean);
  const hits = new Uint8Array(new SharedArrayBuffer(slots));
  const policy = make(slots, hits);
  const future = policy instanceof Belady ? policy : undefined;
  const next = future ? nextUses(trace) : new Float64Array(0);
  const shelf = new Shelf(trace, capacity, slots);
  const all = { bytes: 0, requests: 0 };
  const hit = { bytes: 0, requests: 0 };
  const warmUp = trace.objects.length / 10;
  trace.objects.forEach((object, i) => {
    const slot = shelf.slotOf(object);
    if (i >= warmUp) {
      tally(all, trace, object);
      if (slot >= 0) tally(hit, trace, object);
    }
    if (future) future.nextUse = next[i] ?? Infinity;
    if (slot >= 0) {
      hits[slot] = Math.min(MAX_HITS, (hits[slot] ?? 0) + 1);
      policy.touch?.(slot);
    } else if (next[i] !== Infinity) {
      shelf.store(object, policy); // Belady alone passes by what never comes back
    }
  });
  return { byteHit: hit.bytes / all.bytes, requestHit: hit.requests / all.requests };
}

function tally(sum: { bytes: number; requests: number }, trace: Trace, object: number): void {
  sum.bytes += trace.sizes[object] ?? 0;
  sum.requests++;
}

function percent(share: number): string {
  return (100 * share).toFixed(1).padStart(7);
}

const [seed = '1', scale = '1'] = process.argv.slice(2);
for (const trace of traces(Number(seed), Number(scale))) {
  const footprint = trace.sizes.reduce((a, b) => a + b, 0);
  const gigabytes = Math.round(footprint / 1e9);
  console.log(
    `\n${trace.name}: ${trace.objects.length} requests, ${trace.sizes.length} objects, ${gigabytes} GB`,
  );
  const heads = SHARES.map((share) => `${share * 100} %: byte    req`.padStart(17)).join('');
  console.log(`${''.padEnd(18)}${heads}   ns/request`);
  for (const [name, make] of Object.entries(POLICIES)) {
    const startMs = performance.now();
    const scores = SHARES.map((share) => replay(trace, footprint * share, make));
    const ns = ((performance.now() - startMs) * 1e6) / (SHARES.length * trace.objects.length);
    const cells = scores.map((s) => `   ${percent(s.byteHit)}${percent(s.requestHit)}`).join('');
    console.log(`${name.padEnd(18)}${cells}${ns.toFixed(0).padStart(9)}`);
  }
}
