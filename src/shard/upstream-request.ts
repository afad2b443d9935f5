/** What a fill sends to the origin: the triggering request's fields, less what is between it and us. */
import { upstreamAcceptEncoding } from '../cache/vary.js';
import { conditionalFields } from '../cache/validate.js';
import type { AskRequest } from '../cache/messages.js';
import { fieldValue, type FieldLine, type FieldLines } from '../http/fields.js';
import { isCompressible, mediaKind, contentTypeOf } from '../media/kind.js';
import type { OriginRequest } from '../origin/origin.js';
import { pathOf } from './describe.js';

/** Conditions and ranges are between the client and us: the fill wants the object (RFC 9111 4.3.1). */
const OURS = new Set([
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
  'range',
  'accept-encoding',
  'expect',
  'cmcd-object',
  'cmcd-request',
  'cmcd-session',
  'cmcd-status',
]);

export interface FillShape {
  readonly request: AskRequest;
  readonly range: string; // '' = whole
  readonly storedFields: FieldLines | undefined; // validate these
  readonly ifRange: string; // strong validator of the parts we hold; ''
}

export function upstreamRequest(
  shape: FillShape,
  onInformational: OriginRequest['onInformational'],
): OriginRequest {
  const { request, range, storedFields, ifRange } = shape;
  const headers: FieldLine[] = request.headers.filter(([name]) => !OURS.has(name));
  headers.push(['accept-encoding', acceptEncoding(request)]);
  if (range !== '') headers.push(['range', range]);
  if (ifRange !== '') headers.push(['if-range', ifRange]);
  if (storedFields !== undefined) headers.push(...conditionalFields(storedFields));
  return {
    method: 'GET',
    target: request.target,
    headers,
    ...(onInformational === undefined ? {} : { onInformational }),
  };
}

/** Media is asked for as it is; text in the one coding that its Vary bucket stands for. */
function acceptEncoding(request: AskRequest): string {
  const path = pathOf(request.key);
  const kind = mediaKind(path);
  if (kind === 'segment' || kind === 'init' || kind === 'key') return 'identity';
  if (kind !== 'other' && !isCompressible(contentTypeOf(path))) return 'identity';
  return upstreamAcceptEncoding(fieldValue(request.headers, 'accept-encoding'));
}
