/**
 * What a fill sends to the origin: the triggering request's fields, less what is between it and us and
 * what would make the answer about one viewer, his address above all, or about a body that is not sent.
 */
import { upstreamAcceptEncoding } from '../../rules/vary.js';
import { conditionalFields } from '../../rules/validate.js';
import type { AskRequest } from '../../protocol/messages.js';
import { RANGE_AND_CONDITIONS } from '../../http/conditions.js';
import { forwardingLines, type Scheme } from '../../http/forwarding.js';
import { fieldValue, type FieldLine, type FieldLines } from '../../http/fields.js';
import { guessTypeOf, isCompressible, mediaKind } from '../../media/kind.js';
import type { OriginRequest } from '../../origin/origin.js';
import { pathOf } from '../../protocol/describe.js';

/** Conditions and ranges are between the client and us: the fill wants the object (RFC 9111 4.3.1). */
const OURS = new Set([
  ...RANGE_AND_CONDITIONS,
  'accept-encoding',
  'expect',
  'content-encoding',
  'content-language',
  'content-length',
  'content-type',
  'upgrade-insecure-requests',
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
  readonly scheme: Scheme; // what viewers speak
}

export function upstreamRequest(
  shape: FillShape,
  onInformational: OriginRequest['onInformational'],
): OriginRequest {
  const { request, range, storedFields, ifRange, scheme } = shape;
  const headers: FieldLine[] = request.headers.filter(([name]) => !OURS.has(name));
  headers.push(['accept-encoding', acceptEncoding(request)]);
  if (range !== '') headers.push(['range', range]);
  if (ifRange !== '') headers.push(['if-range', ifRange]);
  if (storedFields !== undefined) headers.push(...conditionalFields(storedFields));
  const host = fieldValue(request.headers, 'host') ?? '';
  headers.push(...forwardingLines({ scheme, host }));
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
  if (kind !== 'other' && !isCompressible(guessTypeOf(path))) return 'identity';
  return upstreamAcceptEncoding(fieldValue(request.headers, 'accept-encoding'));
}
