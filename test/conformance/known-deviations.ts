/**
 * Cases of the public caching test suite that we fail, each with the reason. A listed case that
 * passes fails the test, as an unlisted one that does not. `check` cases have no right answer.
 */
import type { Suite } from './suite.js';

interface Deviation {
  readonly reason: string;
  readonly ids: readonly string[];
  /** Where it applies; both when absent. */
  readonly edition?: Suite['edition'];
  readonly target?: 'headgate' | 'model';
}

const DEVIATIONS: readonly Deviation[] = [
  {
    reason:
      'a cookie goes to every viewer only when the origin names shared caches (public, s-maxage); RFC 9111 section 7.3 leaves that to the cache',
    ids: ['headers-store-Set-Cookie', 'other-set-cookie'],
  },
  {
    reason: 'as above; the case was made optional by RFC 9111',
    ids: ['304-etag-update-response-Set-Cookie'],
    edition: 'npm',
  },
  {
    reason:
      'of languages that are liked equally some servers give the first (RFC 9110 section 12.5.4), so their order is kept',
    ids: ['vary-normalise-lang-order'],
  },
  {
    reason:
      'RFC 9111 section 5.1: the first member of Age counts, and what is no number is ignored; the newer edition of the case says so too',
    ids: [
      'age-parse-nonnumeric',
      'age-parse-negative',
      'age-parse-float',
      'age-parse-prefix-twoline',
      'age-parse-dup-0',
      'age-parse-dup-0-twoline',
      'age-parse-dup-old',
      'age-parse-parameter',
      'age-parse-numeric-parameter',
    ],
    edition: 'npm',
  },
  {
    reason:
      'the case wants an answer from an origin that hung up, where only an error is left; the newer edition takes the error',
    ids: [
      'stale-close-must-revalidate',
      'stale-close-proxy-revalidate',
      'stale-close-no-cache',
      'stale-close-s-maxage=2',
    ],
    edition: 'npm',
  },
  {
    reason: 'answers to POST are never kept, not even for their Content-Location',
    ids: ['method-POST'],
  },
  {
    reason: 'we compare selecting fields, we do not choose between languages',
    ids: ['vary-normalise-lang-select'],
  },
  {
    reason:
      'RFC 9111 section 4.3.2: without Last-Modified the Date counts, and that is later than the If-Modified-Since of the case',
    ids: ['conditional-lm-fresh-no-lm'],
  },
  {
    reason: 'the 206 of the case announces six bytes and has five, so it is incomplete',
    ids: [
      'partial-store-partial-reuse-partial',
      'partial-store-partial-reuse-partial-byterange',
      'partial-store-partial-reuse-partial-absent',
      'partial-store-partial-reuse-partial-suffix',
    ],
  },
  {
    reason: 'RFC 9111 section 3.4: parts are combined by a strong validator, the case has none',
    ids: ['partial-store-partial-complete'],
  },
  {
    reason:
      'an unknown transfer coding leaves the length of a body to guesswork, so the answer is 502',
    ids: ['headers-store-Transfer-Encoding'],
    target: 'headgate',
  },
  {
    reason:
      'RFC 9111 section 4.3.4: a 304 with another strong entity tag updates nothing, and the model asks again at once',
    ids: ['304-etag-update-response-ETag'],
    edition: 'npm',
    target: 'model',
  },
];

/** Case id to reason, for one edition of the suite and one cache under test. */
export function knownDeviations(
  edition: Suite['edition'],
  target: string,
): ReadonlyMap<string, string> {
  const applying = DEVIATIONS.filter(
    (one) =>
      (one.edition === undefined || one.edition === edition) &&
      (one.target === undefined || one.target === target),
  );
  return new Map(applying.flatMap(({ ids, reason }) => ids.map((id) => [id, reason] as const)));
}
