/** How V8 sizes the heaps of the threads that serve. */
import { setFlagsFromString } from 'node:v8';

const SEMI_SPACE_MIB = 16; // V8's own upper limit for it
const GROWTH_PERCENT = 80;

/**
 * Threads started from here on keep a nursery of full size and little garbage.
 *
 * V8 shrinks the nursery of an idle thread to 1 MiB and grows it again only when much survives, which
 * nothing does in serving hits: a thread that was idle once scavenges every 1,500 hits instead of every
 * 25,000, and a scavenge takes a millisecond for every 250 MB of heap, whatever it finds.
 *
 * V8 lets an old heap grow to as much as four times what lives in it before it looks for garbage.
 * Most of what we keep lies in arenas, so looking costs little and memory is what we promised to bound.
 */
export function sizeHeaps(): void {
  setFlagsFromString(`--min-semi-space-size=${SEMI_SPACE_MIB}`);
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
