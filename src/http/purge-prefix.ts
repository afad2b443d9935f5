/** The beginning of cache keys that somebody wrote as the beginning of a target. Not on any hot path. */
import {
  normalizeReference,
  normalizeTarget,
  type KeyRules,
  type Target,
  type TargetFailure,
} from './target.js';

/** An escape that the prefix ends in the middle of. */
const CUT_ESCAPE = /%[0-9A-Fa-f]?$/;

/**
 * `prefix` in the normal form of `normalizeTarget`, or why no key begins like it. It may end anywhere: its
 * last segment is taken for an unfinished one, so that `/a/..` is the beginning of `/a/..b` and never `/`.
 * Behind a '?' stands the beginning of the key's query: in its order, without what is no part of it.
 */
export function normalizePrefix(prefix: string, rules: KeyRules): string | TargetFailure {
  if (prefix.length > rules.maxUrl) return { error: 'GW_URL_TOO_LONG' };
  const cut = CUT_ESCAPE.exec(prefix)?.[0] ?? '';
  const whole = prefix.slice(0, prefix.length - cut.length);
  const mark = whole.indexOf('?');
  if (mark >= 0) return withQuery(whole.slice(0, mark), whole.slice(mark + 1) + cut, rules);
  const slash = whole.lastIndexOf('/') + 1;
  const folder = normalizeTarget(whole.slice(0, slash), undefined, rules);
  // Behind a letter no dots are a segment.
  const rest = normalizeTarget(`/x${whole.slice(slash)}`, undefined, {
    ...rules,
    maxUrl: Infinity,
  });
  if ('error' in folder) return folder;
  if ('error' in rest) return rest;
  return folder.path + rest.path.slice('/x'.length) + cut.toUpperCase();
}

function withQuery(path: string, query: string, rules: KeyRules): string | TargetFailure {
  const whole = normalizeTarget(path, undefined, rules);
  if ('error' in whole) return whole;
  const normal: string[] = [];
  for (const parameter of query.split('&')) {
    const cut = CUT_ESCAPE.exec(parameter)?.[0] ?? '';
    const target = parameterAlone(parameter.slice(0, parameter.length - cut.length), rules);
    if ('error' in target) return target;
    normal.push(target.key.slice('/?'.length) + cut.toUpperCase());
  }
  return `${whole.path}?${normal.join('&')}`;
}

function parameterAlone(parameter: string, rules: KeyRules): Target | TargetFailure {
  const all = { ...rules, maxUrl: Infinity, query: 'all', ignore: [], sort: false } as const;
  return normalizeReference(`/?${parameter}`, all);
}
