/** From a recipe that found something to the smallest one found, within a time, that still does. */
import { nameOf, type Finding } from './findings.js';
import { ACTIONS, type Action, type Recipe } from './recipe.js';
import { nowMs } from './world-object.js';

export interface ShrinkOptions {
  readonly recipe: Recipe;
  readonly finding: Finding;
  readonly withinMs: number;
  /** Whether this recipe finds it, too; resolves early when it does. */
  readonly finds: (recipe: Recipe, name: string) => Promise<boolean>;
}

const LEAST_SECONDS = 4;
const MOST_SECONDS = 20;

export async function shrink({ recipe, finding, withinMs, finds }: ShrinkOptions): Promise<Recipe> {
  const endMs = nowMs() + withinMs;
  const name = nameOf(finding);
  // What took long to come with all may still be rare alone: a chance of the same length.
  const seconds = Math.min(
    MOST_SECONDS,
    Math.max(LEAST_SECONDS, Math.ceil((finding.atMs / 1_000) * 2)),
  );
  let smallest = recipe;
  const attempt = async (smaller: Recipe): Promise<boolean> => {
    if (nowMs() + seconds * 1_000 > endMs || !(await finds(smaller, name))) return false;
    smallest = smaller;
    return true;
  };
  await attempt({ ...recipe, seconds, kinds: [finding.kind] });
  for (const actions of fewerActions(recipe.actions)) {
    await attempt({ ...smallest, seconds, actions: smallest.actions.filter(actions) });
  }
  while (smallest.clients > 1) {
    if (!(await attempt({ ...smallest, seconds, clients: Math.ceil(smallest.clients / 2) }))) break;
  }
  for (const action of smallest.actions) {
    const actions = smallest.actions.filter((one) => one !== action);
    if (actions.length > 0) await attempt({ ...smallest, seconds, actions });
  }
  return smallest;
}

/** Whole groups first: most findings need none of what disturbs. */
function fewerActions(actions: readonly Action[]): ((action: Action) => boolean)[] {
  const groups: readonly (readonly Action[])[] = [
    ['crash', 'purge', 'soft-purge', 'unsafe', 'slow', 'alone'],
    ['leave', 'gang', 'herd'],
    ['head', 'range', 'ranges', 'condition', 'if-range', 'if-match', 'no-cache'],
  ];
  return groups
    .filter((group) => actions.some((action) => group.includes(action)))
    .map((group) => (action) => ACTIONS.includes(action) && !group.includes(action));
}
