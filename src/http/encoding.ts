/** Proactive negotiation of the content coding (RFC 9110 section 12.5.3). */
import { listMembers } from './fields.js';

export type ContentCoding = 'br' | 'gzip';

/** The codings we can make, the better one first. */
export const CODINGS: readonly ContentCoding[] = ['br', 'gzip'];

const WEIGHTED = /^([^\s;]+)(?:[ \t]*;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/i;

/**
 * The coding to answer in. Of what the client accepts, the one it weighs highest; among equals the
 * order of `available`. Identity when nothing else is accepted, when the client ranks it above the
 * rest by name, and also when it is refused but nothing else is left: a body that cannot be
 * decoded helps nobody. A member that is malformed counts as not accepted.
 */
export function negotiateEncoding(
  acceptEncoding: string | undefined,
  available: readonly ContentCoding[],
): ContentCoding | 'identity' {
  if (acceptEncoding === undefined || available.length === 0) return 'identity';
  const weights = parseWeights(acceptEncoding);
  let best: ContentCoding | 'identity' = 'identity';
  let bestWeight = weights.get('identity') ?? 0;
  for (const coding of available) {
    const weight = weights.get(coding) ?? weights.get('*') ?? 0;
    if (weight > bestWeight || (weight === bestWeight && weight > 0 && best === 'identity')) {
      best = coding;
      bestWeight = weight;
    }
  }
  return best;
}

/** All codings of ours that the client takes rather than identity, the best first. */
export function preferredCodings(acceptEncoding: string | undefined): readonly ContentCoding[] {
  const preferred: ContentCoding[] = [];
  for (let left = CODINGS; left.length > 0;) {
    const best = negotiateEncoding(acceptEncoding, left);
    if (best === 'identity') break;
    preferred.push(best);
    left = left.filter((coding) => coding !== best);
  }
  return preferred;
}

/** Of a coding named twice the lower weight counts. */
function parseWeights(acceptEncoding: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const member of listMembers(acceptEncoding)) {
    const parts = WEIGHTED.exec(member);
    const name = codingName(parts?.[1] ?? member.split(';', 1)[0] ?? '');
    const weight = parts === null ? 0 : Number(parts[2] ?? 1);
    weights.set(name, Math.min(weights.get(name) ?? 1, weight));
  }
  return weights;
}

/** Lower case, and `x-gzip` as the `gzip` it equals (RFC 9110 section 8.4.1.3). */
function codingName(text: string): string {
  const name = text.trim().toLowerCase();
  return name === 'x-gzip' ? 'gzip' : name;
}
