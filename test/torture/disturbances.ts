/** What happens to the world and the gateways meanwhile: new versions, purges, writes, lost workers. */
import { setTimeout as delay } from 'node:timers/promises';
import { type PurgeOrder, tryPurge } from '../support/gateway.js';
import { rawGet } from '../support/raw-client.js';
import { isLonely, randomOf } from './crowd.js';
import type { WorldFiles } from './files.js';
import type { Recipe } from './recipe.js';
import type { Site } from './site.js';
import { nowMs, type WorldObject } from './world-object.js';

export interface DisturbanceOptions {
  readonly recipe: Recipe;
  readonly sites: readonly Site[];
  readonly files: WorldFiles;
  readonly over: () => boolean;
}

export interface Disturbed {
  versions: number;
  purges: number;
  softPurges: number;
  purgesRefused: number;
  unsafe: number;
  crashes: number;
}

const PURGE_EVERY_MS = 80;
const UNSAFE_EVERY_MS = 60;
const SOFT_SLACK_MS = 500;
const CRASH_EVERY_MS = 7_500; // ten in a minute are more than a gateway takes
const STREAM = 100_000; // of randomness, beyond the clients'

export async function disturb(options: DisturbanceOptions): Promise<Disturbed> {
  const done = { versions: 0, purges: 0, softPurges: 0, purgesRefused: 0, unsafe: 0, crashes: 0 };
  const { recipe, sites } = options;
  const { actions } = recipe;
  const loops: Promise<void>[] = [];
  sites.forEach((site, n) => {
    const random = randomOf(recipe.seed, STREAM + n);
    const disturber = new Disturber({ ...options, site, random, done });
    for (const object of site.objects) loops.push(disturber.change(object));
    if (actions.includes('purge')) loops.push(disturber.purge(false));
    if (actions.includes('soft-purge')) loops.push(disturber.purge(true));
    if (actions.includes('unsafe')) loops.push(disturber.edit());
    if (actions.includes('crash') && recipe.workers > 0) loops.push(disturber.crash(n));
  });
  await Promise.all(loops);
  return done;
}

class Disturber {
  readonly #options: DisturbanceOptions & { site: Site; random: () => number; done: Disturbed };

  constructor(options: DisturbanceOptions & { site: Site; random: () => number; done: Disturbed }) {
    this.#options = options;
  }

  async change(object: WorldObject): Promise<void> {
    const { kind } = object;
    const { files, random, done } = this.#options;
    const [least, most] = kind.everyMs;
    await this.#every(
      () => least + random() * (most - least),
      async () => {
        if (kind.site === 'files') await files.change(object);
        else object.advance();
        done.versions += 1;
      },
    );
  }

  async purge(soft: boolean): Promise<void> {
    const { site, random, done } = this.#options;
    const some = site.objects.filter((object) => !isLonely(object));
    await this.#every(
      () => PURGE_EVERY_MS * (soft ? 4 : 1) * 2 * random(),
      async () => {
        const object = some[Math.floor(random() * some.length)];
        if (object === undefined) return;
        const folder = `/${object.kind.name}/`;
        const wide = random() < 0.1;
        const scope = wide ? 'prefix' : 'exact';
        const order: PurgeOrder = { scope, path: wide ? folder : object.path, soft };
        if (soft) done.softPurges += 1;
        else done.purges += 1;
        const hit = wide ? some.filter(({ path }) => path.startsWith(folder)) : [object];
        if (!(await this.#order(order, hit))) done.purgesRefused += 1;
      },
    );
  }

  /** False: refused, so that it holds for nothing. */
  async #order(order: PurgeOrder, objects: readonly WorldObject[]): Promise<boolean> {
    const least = objects.map((object) => ({ object, version: safeVersion(object) }));
    const purged = await tryPurge(this.#options.site.gateway, order).catch(() => undefined);
    if (purged === undefined) return false;
    const by = order.soft === true ? 'soft-purge' : 'purge';
    for (const { object, version } of least) {
      // Stale from now on, it may be given out while it is asked for again.
      const staleMs = order.soft === true ? object.kind.swrMs + SOFT_SLACK_MS : 0;
      object.raiseFloor({ version, fromMs: nowMs() + staleMs, by });
    }
    return true;
  }

  async edit(): Promise<void> {
    const { site, random, done } = this.#options;
    const edited = site.objects.filter(({ kind }) => kind.trouble === 'edit');
    if (edited.length === 0) return;
    await this.#every(
      () => UNSAFE_EVERY_MS * 2 * random(),
      async () => {
        const object = edited[Math.floor(random() * edited.length)];
        if (object === undefined) return;
        const method = random() < 0.5 ? 'PUT' : 'POST';
        const version = object.current.number + 1; // or a later one, if another edit comes first
        object.clientRequests += 1;
        const lines = ['Content-Length: 0'];
        const answer = await rawGet(site.gateway.port, object.path, lines, { method }).catch(
          () => undefined,
        );
        done.unsafe += 1;
        if (answer === undefined || answer.status < 200 || answer.status > 399) return;
        object.raiseFloor({ version, fromMs: nowMs(), by: 'unsafe' });
      },
    );
  }

  async crash(n: number): Promise<void> {
    const { site, done } = this.#options;
    await this.#every(
      () => CRASH_EVERY_MS + n * 700,
      async () => {
        done.crashes += 1;
        await site.crash();
      },
    );
  }

  async #every(pauseMs: () => number, act: () => Promise<void>): Promise<void> {
    const { over } = this.#options;
    for (;;) {
      const untilMs = nowMs() + pauseMs();
      while (!over() && nowMs() < untilMs) await delay(Math.min(200, untilMs - nowMs()));
      if (over()) return;
      await act();
    }
  }
}

/** What is surely to be had from now on: of a file that is being written, the version before. */
function safeVersion({ kind, current }: WorldObject): number {
  return kind.site === 'files' ? current.number - 1 : current.number;
}
