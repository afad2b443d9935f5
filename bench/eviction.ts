import { MAX_HITS, S3Fifo, Sieve, type Eviction } from '../src/cache/eviction.js';
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
