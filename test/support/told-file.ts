/** File contents whose every 16 bytes say of which version they are, how long that is and where they stand. */

const BLOCK = 16;
const LENGTH_UNIT = BLOCK; // lengths are whole blocks

/** `version` below 2^20; `bytes` a multiple of 16 below 2^24. */
export function told(version: number, bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += BLOCK)
    content.write(blockOf(version, bytes, at), at, 'latin1');
  return content;
}

function blockOf(version: number, bytes: number, at: number): string {
  const hex = (value: number): string => value.toString(16).padStart(5, '0');
  return `${hex(version)}${hex(bytes / LENGTH_UNIT)}${hex(at / BLOCK)}\n`;
}

export interface Reading {
  readonly version: number;
  readonly length: number; // of the whole version
}

/** What a body from `start` on is part of, or what is wrong with it. */
export function readTold(body: Buffer, start = 0): Reading | string {
  if (body.length === 0) return { version: -1, length: 0 }; // a file between its truncation and its first byte
  const [version, blocks] = [0, 5].map((at) => parseInt(body.toString('latin1', at, at + 5), 16));
  if (version === undefined || blocks === undefined) return 'unreadable';
  const length = blocks * LENGTH_UNIT;
  for (let at = 0; at < body.length; at += BLOCK) {
    const want = blockOf(version, length, start + at).slice(0, body.length - at);
    const got = body.toString('latin1', at, at + BLOCK);
    if (got !== want) return `at ${start + at}: ${JSON.stringify(got)} in version ${version}`;
  }
  return { version, length };
}
