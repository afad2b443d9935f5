/**
 * What a client has sent, byte for byte, or that nobody can know it. uWS shows fields up to the first
 * empty name, decodes them as UTF-8 (what is none becomes U+FFFD), and takes bytes above ASCII off both
 * ends of a value. With the addon we read its memory instead where that matters; without it what is
 * lost for certain is refused, and README's limits tell the rest.
 */
import { HEAD, type HeadReader } from '../../../../native/addon.js';
import type { HttpRequest } from '../../../../native/uws.js';
import type { FieldLine } from '../../../http/fields.js';
import { parseRequestHead, type RequestHead } from '../../../http/request-head.js';

const ABOVE_ASCII = /[^\x00-\x7f]/;
const LOST = '\ufffd';

/** Undefined: it has fields or bytes that we cannot see. */
export function receive(
  request: HttpRequest,
  heads: HeadReader | undefined,
): RequestHead | undefined {
  if (heads === undefined) return withBytes(shown(request));
  switch (heads.look(request)) {
    case HEAD.hidden:
      return undefined;
    case HEAD.aboveAscii: {
      const text = heads.text(request);
      return text === undefined ? undefined : parseRequestHead(text);
    }
    default:
      return shown(request);
  }
}

function shown(request: HttpRequest): RequestHead {
  const lines: FieldLine[] = [];
  request.forEach((name, value) => {
    lines.push([name, value]);
  });
  return {
    method: request.getCaseSensitiveMethod(),
    path: request.getUrl(),
    query: request.getQuery(),
    lines,
  };
}

/** Encodes what uWS has decoded: the bytes it had, where it was UTF-8. */
function withBytes(head: RequestHead): RequestHead | undefined {
  const { lines } = head;
  if (!lines.some(([, value]) => ABOVE_ASCII.test(value))) return head;
  if (lines.some(([, value]) => value.includes(LOST))) return undefined;
  return { ...head, lines: lines.map(([name, value]) => [name, bytesOf(value)]) };
}

function bytesOf(value: string): string {
  return ABOVE_ASCII.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value;
}
