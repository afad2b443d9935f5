/**
 * Whom an answer is for that may not be kept. It was made for one request, its leader's, and goes to
 * nobody else; this says what it teaches about the resource and about those who waited beside him. Pure.
 */
import type { Aftermath } from '../../protocol/messages.js';

export interface Unshared {
  readonly status: number;
  readonly credentialed: boolean; // the leader's request
  readonly large: boolean; // more than may be kept, or no room for it now
}

export interface Lesson {
  /** What those do who waited and sent credentials; those who sent none. */
  readonly credentialed: Aftermath;
  readonly anonymous: Aftermath;
  /** Who is not to wait for a leader for a while. */
  readonly remember: 'everybody' | 'credentialed' | 'nobody';
  /** What is stored under the key is no longer what the resource is. */
  readonly outdates: boolean;
}

/** Says that the resource is gone or may not be shown, whoever asks. */
const ABOUT_THE_RESOURCE = new Set([404, 410, 451]);

/** So many leaders may a request wait for in vain. */
const MAX_ELECTIONS = 2;

export function lessonOf({ status, credentialed, large }: Unshared): Lesson {
  // 401, 403, 407, 429 and the other 4xx depend on what was sent; 304, 412, 416 on fields that no key
  // has; a 5xx may have been this leader's doing: each is his alone, and none touches what is stored.
  if (status >= 500) return forAll('elect-or-refuse', 'nobody', false);
  if (status < 200 || status === 304) return forAll('elect', 'nobody', false);
  if (status >= 400 && !ABOUT_THE_RESOURCE.has(status)) return forAll('elect', 'nobody', false);
  if (large) return forAll('bypass', 'nobody', true);
  if (!credentialed) return forAll('bypass', 'everybody', true);
  // Made for somebody: who is nobody may find that his can be shared.
  return {
    credentialed: 'bypass',
    anonymous: 'elect',
    remember: 'credentialed',
    outdates: false,
  };
}

/** What a waiter does that has waited for so many leaders before this one. */
export function aftermathOf(
  lesson: Pick<Lesson, 'credentialed' | 'anonymous'>,
  waiter: { readonly credentialed: boolean; readonly elections: number },
): Aftermath {
  const what = waiter.credentialed ? lesson.credentialed : lesson.anonymous;
  if (waiter.elections < MAX_ELECTIONS) return what;
  if (what === 'elect') return 'bypass';
  return what === 'elect-or-refuse' ? 'refused' : what;
}

/** His own doing: nobody else's request fails for it. */
export const LEADERS_FAULT: Pick<Lesson, 'credentialed' | 'anonymous'> = {
  credentialed: 'elect-or-refuse',
  anonymous: 'elect-or-refuse',
};

function forAll(what: Aftermath, remember: Lesson['remember'], outdates: boolean): Lesson {
  return { credentialed: what, anonymous: what, remember, outdates };
}
