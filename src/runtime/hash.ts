/** 32-bit FNV-1a over UTF-16 units: spreads keys over shards; not for anything an attacker gains from. */
export function hash32(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01_00_01_93);
  }
  // FNV's low bits are weak for short strings that differ at the end: fold the high ones in.
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** What a request path hashes to, in one walk: as a key, and as the stream it belongs to. */
export interface PathHashes {
  key: number; // hash32 of the path
  stream: number; // hash32 of the path up to its last '/'
}

/** Fills in `into`: the hit path makes no object per request. */
export function hashPath(path: string, into: PathHashes): void {
  let hash = 0x81_1c_9d_c5;
  let stream = hash;
  for (let i = 0; i < path.length; i += 1) {
    const code = path.charCodeAt(i);
    hash = Math.imul(hash ^ code, 0x01_00_01_93);
    if (code === SLASH) stream = hash;
  }
  into.key = (hash ^ (hash >>> 15)) >>> 0;
  into.stream = (stream ^ (stream >>> 15)) >>> 0;
}

const SLASH = 0x2f;

/** The shard that owns a stream, on any node with that many shards. */
export function shardOf(stream: string, shards: number): number {
  return hash32(stream) % shards;
}
