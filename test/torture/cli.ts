/**
 * The torture for as long as it is told to:
 *   npm run torture -- --minutes 30 [--seed S] [--workers N] [--only KIND,…] [--keep-going]
 * Prints its seed, each finding when it comes, and how much of what was judged. Ends with 1 when
 * something was found or a gateway did not end in order. Without --keep-going the first finding
 * ends it and is shrunk: the smallest recipe that still finds it is printed as a command.
 */
import { parseArgs } from 'node:util';
import type { Finding } from './findings.js';
import { ACTIONS, CROWD, fullRecipe, commandOf, type Recipe } from './recipe.js';
import { printFinding, printReport } from './report.js';
import { runRecipe } from './run.js';
import { shrink } from './shrink.js';
import { KINDS } from './kinds.js';

const SHRINK_WITHIN_MS = 150_000;

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string', default: '2' },
    clients: { type: 'string', default: String(CROWD) },
    only: { type: 'string', default: '' },
    actions: { type: 'string', default: '' },
    without: { type: 'string', default: '' },
    'keep-going': { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
  },
});

const recipe = recipeOf();
console.log(commandOf(recipe));
const found: Finding[] = [];
const report = await runRecipe({
  recipe,
  onFinding: (finding) => {
    found.push(finding);
    printFinding(finding);
  },
  enough: () => found.length > 0 && !flags['keep-going'],
});
const inOrder = printReport(report);
if (found.length > 0 || !inOrder) process.exitCode = 1;
const [first] = found;
if (first !== undefined && !flags['keep-going'] && !flags['no-shrink']) {
  console.log('shrinking …');
  const smallest = await shrink({ recipe, finding: first, withinMs: SHRINK_WITHIN_MS, finds });
  console.log(`smallest recipe found:\n  ${commandOf(smallest)}`);
}

function recipeOf(): Recipe {
  const full = fullRecipe(Number(flags.seed), Number(flags.minutes) * 60);
  const listed = <T extends string>(text: string, known: readonly T[]): readonly T[] => {
    const names = text.split(',').filter((name) => name !== '');
    const unknown = names.filter((name) => !known.includes(name as T));
    if (unknown.length > 0) throw new Error(`${unknown.join()}: not among ${known.join(', ')}`);
    return names as T[];
  };
  const kinds = listed(
    flags.only,
    KINDS.map(({ name }) => name),
  );
  const actions = listed(flags.actions, ACTIONS);
  const without = listed(flags.without, ACTIONS);
  return {
    ...full,
    workers: Number(flags.workers),
    clients: Number(flags.clients),
    kinds: kinds.length > 0 ? kinds : full.kinds,
    actions: (actions.length > 0 ? actions : full.actions).filter((one) => !without.includes(one)),
  };
}

async function finds(smaller: Recipe, name: string): Promise<boolean> {
  const has = (counts: ReadonlyMap<string, number>): boolean => counts.has(name);
  const { counts, ranMs } = await runRecipe({
    recipe: smaller,
    enough: (findings) => has(findings.counts),
  });
  const answer = has(counts) ? `found after ${Math.round(ranMs)} ms` : 'not found';
  console.log(`  ${answer}: ${commandOf(smaller)}`);
  return has(counts);
}
