/** The parts around the bytes of a multipart/byteranges answer (RFC 9110 section 14.6). */
import { formatContentRange, type ByteRange } from './range.js';

/** Send `partHeads[i]`, then the bytes of `ranges[i]`, for every range, and `tail` at the end. */
export interface ByterangesBody {
  readonly partHeads: readonly Uint8Array[];
  readonly tail: Uint8Array;
  readonly length: number; // of the whole body in bytes, for Content-Length
}

const encoder = new TextEncoder();

/**
 * Part heads for `ranges` of a representation of `total` bytes. `contentType` is the
 * representation's own (the answer's is `multipart/byteranges; boundary=…`). `boundary` is up to
 * 70 characters of letters and digits, random enough not to occur in the bytes.
 */
export function byterangesBody(
  ranges: readonly ByteRange[],
  total: number,
  contentType: string | undefined,
  boundary: string,
): ByterangesBody {
  const typeLine = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`;
  const tail = encoder.encode(`\r\n--${boundary}--\r\n`);
  let length = tail.length;
  const partHeads = ranges.map((range, i) => {
    const rangeLine = `Content-Range: ${formatContentRange(range, total)}\r\n`;
    const lead = i === 0 ? '' : '\r\n';
    const head = encoder.encode(`${lead}--${boundary}\r\n${typeLine}${rangeLine}\r\n`);
    length += head.length + range[1] - range[0] + 1;
    return head;
  });
  return { partHeads, tail, length };
}
