/** The head of a request as it goes to an origin: RFC 9112 section 3, RFC 9110 sections 7.2 and 7.6.3. */
import { GatewayError } from '../../errors.js';
import {
  type FieldLines,
  fieldValue,
  isFieldName,
  isFieldValue,
  withoutHopByHop,
} from '../../http/fields.js';
import type { OriginRequest } from '../origin.js';

/** What may stand in a request line: no blank, no control byte, no character of more than a byte. */
const TARGET = /^\/[\x21-\x7e\x80-\xff]*$/;

/** An Expect is met hop by hop, at the edge (RFC 9110 section 10.1.1). */
const WRITTEN_HERE = new Set(['host', 'content-length', 'expect']);

/** Methods whose requests have a body, if an empty one. */
const EXPECTS_BODY = new Set(['POST', 'PUT', 'PATCH']);

export interface HeadOptions {
  readonly basePath: string; // before the target; without its last '/'
  readonly host: string; // of the origin
  readonly preserveHost: boolean; // the request's goes in its place
  readonly via: string; // our pseudonym
}

export interface UpstreamHead {
  readonly text: string; // with the empty line, a character a byte
  /** Of the body that follows, in bytes; -1: in chunks. Of a request without one 0. */
  readonly bodyBytes: number;
}

/** @throws GatewayError GW_BAD_REQUEST for what would be another request when it is written */
export function requestHead(request: OriginRequest, options: HeadOptions): UpstreamHead {
  const { method, headers, body } = request;
  const target = options.basePath + request.target;
  if (!isFieldName(method) || !TARGET.test(target)) {
    throw new GatewayError('GW_BAD_REQUEST', 'a request line that cannot be written');
  }
  let text = `${method} ${target} HTTP/1.1\r\nhost: ${hostOf(headers, options)}\r\n`;
  for (const [name, value] of withoutHopByHop(headers)) {
    if (WRITTEN_HERE.has(name)) continue;
    if (!isFieldName(name) || !isFieldValue(value)) {
      throw new GatewayError('GW_BAD_REQUEST', 'a field that cannot be written');
    }
    text += `${name}: ${value}\r\n`;
  }
  text += `via: 1.1 ${options.via}\r\n`;
  if (body === undefined) {
    // Some origins answer 411 to one without (RFC 9110 section 8.6).
    if (EXPECTS_BODY.has(method)) text += 'content-length: 0\r\n';
    return { text: `${text}\r\n`, bodyBytes: 0 };
  }
  const bodyBytes = declaredBytes(headers);
  text += bodyBytes === -1 ? 'transfer-encoding: chunked\r\n' : `content-length: ${bodyBytes}\r\n`;
  return { text: `${text}\r\n`, bodyBytes };
}

function hostOf(headers: FieldLines, { preserveHost, host }: HeadOptions): string {
  const theirs = preserveHost ? fieldValue(headers, 'host') : undefined;
  if (theirs === undefined) return host;
  if (isFieldValue(theirs)) return theirs;
  throw new GatewayError('GW_BAD_REQUEST', 'a Host that cannot be written');
}

/** Without a length a body goes in chunks: -1. */
function declaredBytes(headers: FieldLines): number {
  const value = fieldValue(headers, 'content-length');
  if (value === undefined) return -1;
  if (!/^\d{1,15}$/.test(value)) {
    throw new GatewayError('GW_BAD_REQUEST', 'a Content-Length that is no length');
  }
  return Number(value);
}
