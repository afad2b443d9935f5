/** Runs one recipe: builds the world and its gateways, lets the crowd in, and reports. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { randomOf, runCrowd } from './crowd.js';
import { disturb, type Disturbed } from './disturbances.js';
import { WorldFiles } from './files.js';
import { type Finding, Findings } from './findings.js';
import { Oracle } from './oracle.js';
import { startWorldOrigin } from './origin.js';
import { kindsOf, type Recipe, speaksTls } from './recipe.js';
import { Site } from './site.js';
import { TEST_CERT } from '../support/tls.js';
import { makeObjects, nowMs } from './world-object.js';

export interface RunOptions {
  readonly recipe: Recipe;
  readonly onFinding?: (finding: Finding) => void;
  /** True: the run is over before its time. */
  readonly enough?: (findings: Findings) => boolean;
}

export interface Report {
  readonly findings: readonly Finding[]; // the first few of each class and kind
  readonly counts: ReadonlyMap<string, number>; // of all, by class and kind
  readonly judged: ReadonlyMap<string, number>; // answers, by kind and by what they were
  readonly bytes: number;
  readonly originRequests: number;
  readonly disturbed: Disturbed;
  readonly exits: readonly { readonly code: number; readonly log: string }[]; // of the gateways
  readonly ranMs: number;
}

const ORIGIN_STREAM = 200_000;
const LOOP_CHECK_MS = 500;
const LOG_END = 1_500; // characters
const TICK_MS = 25;
const LAG_FORGOTTEN_MS = 3_000;

export async function runRecipe(options: RunOptions): Promise<Report> {
  const closing: (() => unknown)[] = [];
  try {
    return await new Run(options, { teardown: (close) => void closing.unshift(close) }).run();
  } finally {
    for (const close of closing) await close();
  }
}

interface Scope {
  teardown(close: () => unknown): unknown;
}

class Run {
  readonly #options: RunOptions;
  readonly #scope: Scope;

  constructor(options: RunOptions, scope: Scope) {
    this.#options = options;
    this.#scope = scope;
  }

  async run(): Promise<Report> {
    const { recipe, onFinding, enough } = this.#options;
    const objects = makeObjects(kindsOf(recipe));
    const root = await mkdtemp(path.join(tmpdir(), 'headgate-torture-'));
    const ca = `${root}-ca.pem`;
    await writeFile(ca, TEST_CERT);
    for (const made of [root, ca]) {
      this.#scope.teardown(() => rm(made, { recursive: true, force: true }));
    }
    const files = new WorldFiles(root);
    await files.begin(objects.filter(({ kind }) => kind.site === 'files'));
    const random = randomOf(recipe.seed, ORIGIN_STREAM);
    const origin = await startWorldOrigin(objects, random, speaksTls(recipe));
    this.#scope.teardown(() => origin.stop());
    const sites: Site[] = [];
    for (const [name, source] of [
      ['http', origin.url],
      ['files', root],
    ] as const) {
      const own = objects.filter(({ kind }) => kind.site === name);
      const { workers } = recipe;
      if (own.length > 0)
        sites.push(await Site.start(this.#scope, { source, workers, objects: own, ca }));
    }

    const startMs = nowMs();
    const findings = new Findings(startMs, onFinding);
    const oracle = new Oracle(findings, startMs);
    const lag = watchLag();
    this.#scope.teardown(lag.stop);
    const endMs = startMs + recipe.seconds * 1_000;
    const gone = (): boolean => sites.some(({ exitCode }) => exitCode !== undefined);
    const over = (): boolean => nowMs() >= endMs || gone() || enough?.(findings) === true;
    const loops = setInterval(() => {
      oracle.countRequests(objects);
    }, LOOP_CHECK_MS);
    this.#scope.teardown(() => {
      clearInterval(loops);
    });
    const judging = { oracle, lagMs: lag.lagMs };
    const [disturbed] = await Promise.all([
      disturb({ recipe, sites, files, over }),
      runCrowd({ recipe, sites, judging, over }),
    ]);
    for (const site of sites) for (const finding of ownFaults(site)) findings.add(finding, nowMs());
    const exits = await Promise.all(
      sites.map(async ({ gateway }) => ({ code: await gateway.stop(), log: gateway.log() })),
    );
    return {
      findings: findings.kept,
      counts: findings.counts,
      judged: oracle.judged,
      bytes: oracle.bytes,
      originRequests: origin.requests(),
      disturbed,
      exits,
      ranMs: nowMs() - startMs,
    };
  }
}

/** What a gateway says of itself, or by its end. */
function ownFaults({ gateway, objects, exitCode }: Site): Omit<Finding, 'atMs'>[] {
  const kind = objects[0]?.kind.site ?? '';
  const log = gateway.log();
  const confessions = log.split('\n').filter((line) => line.includes('"GW_INTERNAL"'));
  const all = confessions.map((what) => ({ class: 'internal' as const, kind, what, trace: [] }));
  if (exitCode === undefined) return all;
  const what = `exit code ${exitCode}: ${log.slice(-LOG_END)}`;
  return [...all, { class: 'gone', kind, what, trace: [] }];
}

/** How late this process's timers were, at the worst of the last seconds. */
function watchLag(): { lagMs: () => number; stop: () => void } {
  const lags: { atMs: number; lagMs: number }[] = [];
  let on = true;
  const tick = async (): Promise<void> => {
    while (on) {
      const dueMs = nowMs() + TICK_MS;
      await delay(TICK_MS);
      const atMs = nowMs();
      lags.push({ atMs, lagMs: atMs - dueMs });
      while ((lags[0]?.atMs ?? atMs) < atMs - LAG_FORGOTTEN_MS) lags.shift();
    }
  };
  void tick();
  return {
    lagMs: () => lags.reduce((most, { lagMs }) => Math.max(most, lagMs), 0),
    stop: () => {
      on = false;
    },
  };
}
