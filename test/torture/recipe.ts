/** What a run is made of: its seed and what takes part. The same recipe makes the same requests. */
import { KINDS, type Kind } from './kinds.js';

export const ACTIONS = [
  ...(['get', 'head', 'range', 'ranges', 'condition', 'if-range', 'if-match'] as const),
  ...(['no-cache', 'no-store', 'only-if-cached'] as const),
  ...([
    'leave',
    'slow',
    'gang',
    'herd',
    'deaf',
    'purge',
    'soft-purge',
    'unsafe',
    'crash',
    'alone',
  ] as const),
] as const;

export type Action = (typeof ACTIONS)[number];

export interface Recipe {
  readonly seed: number;
  readonly seconds: number;
  readonly workers: number;
  readonly clients: number;
  readonly kinds: readonly string[]; // names
  readonly actions: readonly Action[];
}

/** The HTTP origin speaks TLS in every other seed. */
export function speaksTls({ seed }: Pick<Recipe, 'seed'>): boolean {
  return seed % 2 === 0;
}

export const CROWD = 14;

export function fullRecipe(seed: number, seconds: number): Recipe {
  const kinds = KINDS.map(({ name }) => name);
  return { seed, seconds, workers: 2, clients: CROWD, kinds, actions: ACTIONS };
}

export function kindsOf({ kinds }: Recipe): Kind[] {
  return KINDS.filter(({ name }) => kinds.includes(name));
}

/** The command that repeats it. */
export function commandOf(recipe: Recipe): string {
  const { seed, seconds, workers, clients, kinds, actions } = recipe;
  const flags = [`--minutes ${Math.round((seconds / 60) * 100) / 100}`, `--seed ${seed}`];
  if (workers !== 2) flags.push(`--workers ${workers}`);
  if (clients !== CROWD) flags.push(`--clients ${clients}`);
  if (kinds.length < KINDS.length) flags.push(`--only ${kinds.join(',')}`);
  if (actions.length < ACTIONS.length) flags.push(`--actions ${actions.join(',')}`);
  return `npm run torture -- ${flags.join(' ')}`;
}
