/** 32-bit FNV-1a over UTF-16 units: spreads keys over shards; not for anything an attacker gains from. */
export function hash32(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01_00_01_93);
  }
  // FNV's low bits are weak for short strings that differ at the end: fold the high ones in.
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** The shard that owns a stream, on any node with that many shards. */
export function shardOf(stream: string, shards: number): number {
  return hash32(stream) % shards;
}
