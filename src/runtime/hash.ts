/** 32-bit FNV-1a over UTF-16 units: spreads keys over shards; not for anything an attacker gains from. */
export function hash32(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01_00_01_93);
  }
  // FNV's low bits are weak for short strings that differ at the end: fold the high ones in.
  return (hash ^ (hash >>> 15)) >>> 0;
}

const GOLDEN = 0x9e_37_79_b1;

/** Knuth's multiplicative hash: brings all bits of an integer into the high ones of 32. */
export function spread(n: number): number {
  return Math.imul(n, GOLDEN) >>> 0;
}

/**
 * The shard that decides about a key with that hash, on any node with that many shards. By the high bits of
 * a product: a shard's own table goes by the low bits of the hash, and would have most places empty.
 */
export function shardOf(hash: number, shards: number): number {
  return Math.floor((spread(hash) / 2 ** 32) * shards);
}

/** The worker on which a shard lives. */
export function workerOf(shard: number, workers: number): number {
  return shard % workers;
}

/** The shards that live on a worker. */
export function* shardsOn(worker: number, workers: number, shards: number): Generator<number> {
  for (let shard = 0; shard < shards; shard += 1) {
    if (workerOf(shard, workers) === worker) yield shard;
  }
}
