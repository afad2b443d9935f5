/** The clients: each draws what it does next from its own seed, so others may stay away. */
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../support/random.js';
import { RawClient } from '../support/raw-client.js';
import type { Ask } from './ask.js';
import { Client, type Judging, type Manner } from './client.js';
import { isCodable } from './kinds.js';
import type { Action, Recipe } from './recipe.js';
import type { Wishes } from './rules.js';
import type { Site } from './site.js';
import type { ViewerFields } from './viewer.js';
import type { WorldObject } from './world-object.js';

export interface CrowdOptions {
  readonly recipe: Recipe;
  readonly sites: readonly Site[];
  readonly judging: Judging;
  readonly over: () => boolean;
}

/** How often each is done, of those that take part. */
const WEIGHTS: Partial<Record<Action, number>> = {
  ...{ get: 5, head: 1, range: 3, ranges: 1, condition: 2, 'if-range': 2.5, 'if-match': 1 },
  ...{
    'no-cache': 0.5,
    'no-store': 0.5,
    'only-if-cached': 0.3,
    leave: 2,
    slow: 0.4,
    gang: 2.5,
    herd: 0.8,
    deaf: 0.3,
  },
};
const DIRECTIVES: ReadonlySet<Action> = new Set(['no-cache', 'no-store', 'only-if-cached']);
const LANGUAGES = ['de', 'en', 'fr'] as const;
const AGENTS = ['player/1', 'player/2', 'player/3'] as const;
const ACCEPTED = ['gzip', 'gzip, deflate, br', 'br;q=1.0, gzip;q=0.5, *;q=0', 'identity'] as const;
const SLOW_RATES = [300_000, 700_000, 1_500_000] as const;
const SLOW_PATIENCE_MS = 50_000;
const GANG = 4;
const HERD = 8;
const DEAF_BURSTS = 25; // at most, each of up to four requests
const PAUSE_MS = 12;
const GONE_MS = 110; // those who leave do so within this
const POLL_MS = [1_550, 1_700, 1_850] as const; // just longer than half a target duration lasts

const REREAD_STREAM = 300_000;

let serials = 0; // of asks

export async function runCrowd(options: CrowdOptions): Promise<void> {
  const { recipe, sites } = options;
  const members = Array.from({ length: recipe.clients }, (_, n) => new Member(options, n).run());
  const lonely = recipe.actions.includes('alone')
    ? sites.flatMap((site) => [...lone(options, site), ...reread(options, site)])
    : [];
  await Promise.all([...members, ...lonely]);
}

/** Some playlists have one viewer only, who polls as players do. */
function lone({ judging, over }: CrowdOptions, site: Site): Promise<void>[] {
  return site.objects.filter(isLonely).map(async (object) => {
    const client = new Client(site, judging);
    const pollMs = POLL_MS[object.id % POLL_MS.length] ?? POLL_MS[0];
    while (!over()) {
      await client.ask((sentMs) => ask(object, sentMs));
      await delay(pollMs);
    }
    client.close();
  });
}

/** A file that is rewritten all the time is read all the time: the race is short. */
function reread({ judging, over, recipe }: CrowdOptions, site: Site): Promise<void>[] {
  const rewritten = site.objects.filter(({ kind }) => kind.write === 'quick');
  return rewritten.map(async (object) => {
    const client = new Client(site, judging);
    const random = randomOf(recipe.seed, REREAD_STREAM + object.id);
    while (!over()) {
      const query = `?n=${Math.floor(random() * 1e9)}`;
      await client.ask((sentMs) => ask(object, sentMs, { query }));
      await delay(random() * 4);
    }
    client.close();
  });
}

/** All live playlists but the first of each kind. */
export function isLonely({ kind, path }: WorldObject): boolean {
  return kind.trouble === 'live' && !path.includes('/0.');
}

function ask(object: WorldObject, sentMs: number, more: Partial<Ask> = {}): Ask {
  serials += 1;
  const plain = { method: 'GET', object, viewer: {}, query: '' } as const;
  return { ...plain, ...more, serial: serials, sentMs };
}

class Member {
  readonly #options: CrowdOptions;
  readonly #n: number;
  readonly #random: () => number;
  readonly #clients: readonly Client[];

  constructor(options: CrowdOptions, n: number) {
    this.#options = options;
    this.#n = n;
    this.#random = randomOf(options.recipe.seed, n);
    this.#clients = options.sites.map((site) => new Client(site, options.judging));
  }

  async run(): Promise<void> {
    while (!this.#options.over()) {
      await this.#act();
      await delay(this.#random() * PAUSE_MS);
    }
    for (const client of this.#clients) client.close();
  }

  async #act(): Promise<void> {
    const { recipe, sites } = this.#options;
    const actions = recipe.actions.filter((action) => WEIGHTS[action] !== undefined);
    const action = this.#weighted(actions, (one) => WEIGHTS[one] ?? 0) ?? 'get';
    const object = this.#object(action);
    const at = sites.findIndex((site) => site.objects.includes(object));
    const client = this.#clients[at];
    const site = sites[at];
    if (client === undefined || site === undefined) return;
    if (action === 'gang') await this.#gang(site, object);
    else if (action === 'herd') await this.#herd(site, object);
    else if (action === 'deaf') await this.#deaf(site);
    else await this.#single(client, object, action);
  }

  /** Asks on and on without reading, then is gone: nobody else may notice. */
  async #deaf(site: Site): Promise<void> {
    const client = await RawClient.open(site.gateway.port).catch(() => undefined);
    if (client === undefined) return;
    const bursts = this.#random() * DEAF_BURSTS;
    for (let burst = 0; burst < bursts && !client.isClosed; burst += 1) {
      const objects = Array.from({ length: 1 + Math.floor(this.#random() * 4) }, () =>
        this.#random() < 0.5 ? site.objects[0] : this.#any(site.objects),
      ).filter((object) => object !== undefined);
      for (const object of objects) object.clientRequests += 1;
      client.send(objects.map(({ path }) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`).join(''));
      await delay(this.#random() * 3);
    }
    client.reset();
  }

  async #single(client: Client, object: WorldObject, action: Action): Promise<void> {
    const wishes = this.#wishes(action, object);
    const more = {
      ...wishes,
      viewer: this.#viewer(object),
      query: this.#query(object),
      accepts: this.#accepts(object),
      cacheControl: DIRECTIVES.has(action) ? action : undefined,
      method: action === 'head' ? ('HEAD' as const) : ('GET' as const),
    };
    await client.ask((sentMs) => ask(object, sentMs, more), this.#manner(action));
  }

  /** Different people at once at one thing; who came first may not stay. */
  async #gang(site: Site, object: WorldObject): Promise<void> {
    const query = this.#query(object);
    const visits = Array.from({ length: GANG }, (_, i) => ({
      viewer: this.#viewer(object, i),
      waitMs: i === 0 ? 0 : this.#random() * 25,
      leaves: this.#random() < (i === 0 ? 0.8 : 0.2),
      leaveMs: this.#random() * GONE_MS,
    }));
    await Promise.all(
      visits.map(async ({ viewer, waitMs, leaves, leaveMs }) => {
        const client = new Client(site, this.#options.judging);
        await delay(waitMs);
        const manner = leaves ? { leaveMs } : {};
        await client.ask((sentMs) => ask(object, sentMs, { viewer, query }), manner);
        client.close();
      }),
    );
  }

  async #herd(site: Site, object: WorldObject): Promise<void> {
    const query = this.#query(object);
    const accepts = Array.from({ length: HERD }, () => this.#accepts(object));
    const viewers = Array.from({ length: HERD }, (_, i) => this.#viewer(object, i));
    await Promise.all(
      viewers.map(async (viewer, i) => {
        const client = new Client(site, this.#options.judging);
        await client.ask((sentMs) => ask(object, sentMs, { viewer, query, accepts: accepts[i] }));
        client.close();
      }),
    );
  }

  #manner(action: Action): Manner {
    if (action === 'slow') {
      return { rate: this.#one(SLOW_RATES), patienceMs: SLOW_PATIENCE_MS };
    }
    if (action !== 'leave') return {};
    return this.#random() < 0.25 ? { leaveAtHead: true } : { leaveMs: this.#random() * GONE_MS };
  }

  #wishes(action: Action, object: WorldObject): Wishes {
    const { etag, lastModified } = this.#validators(object);
    const date = etag === undefined || this.#random() < 0.3;
    const wishes: Partial<Record<Action, Wishes>> = {
      range: { range: this.#range(object) },
      ranges: { range: `bytes=${[1, 2, 3].map(() => this.#range(object).slice(6)).join(',')}` },
      'if-range': { range: this.#range(object), ifRange: etag ?? lastModified },
      'if-match': { ifMatch: etag ?? '*' },
      condition: date ? { ifModifiedSince: lastModified } : { ifNoneMatch: etag },
    };
    return wishes[action] ?? {};
  }

  /** The newest seen, or one of those before. */
  #validators({ seen }: WorldObject): Partial<WorldObject['seen'][number]> {
    return (this.#random() < 0.5 ? seen.at(-1) : this.#any(seen)) ?? {};
  }

  #range(object: WorldObject): string {
    const { size } = object.current;
    const start = Math.floor(this.#random() * size);
    const how = this.#random();
    if (how < 0.2) return `bytes=-${1 + Math.floor(this.#random() * size)}`;
    if (how < 0.5) return `bytes=${start}-`;
    if (how < 0.55) return `bytes=${size + start}-`;
    return `bytes=${start}-${start + Math.floor(this.#random() * Math.min(size, 200_000))}`;
  }

  #object(action: Action): WorldObject {
    const all = this.#options.sites.flatMap(({ objects }) => objects);
    const objects = all.filter((object) => !isLonely(object));
    const suits = objects.filter((object) => suitsAction(object, action));
    const among = suits.length > 0 ? suits : objects;
    const kinds = [...new Set(among.map(({ kind }) => kind))];
    const kind = this.#weighted(kinds, ({ weight }) => weight);
    const object = this.#any(among.filter((one) => one.kind === kind)) ?? this.#any(all);
    if (object === undefined) throw new Error('no object takes part');
    return object;
  }

  /** One of a few people behind each client, or for `nth` of several at once a different one. */
  #viewer({ kind }: WorldObject, nth = Math.floor(this.#random() * 4)): ViewerFields {
    const name = `${this.#n}-${nth}`;
    const choice = this.#random();
    switch (kind.viewer) {
      case 'nobody':
        return choice < 0.15 ? { cookie: `sid=${name}` } : {};
      case 'language':
        return { language: this.#one(LANGUAGES) };
      case 'agent':
        return { agent: this.#one(AGENTS) };
      case 'authorization':
        return { authorization: `Bearer ${name}` };
      case 'credentials':
        if (choice < 0.2) return {};
        if (choice < 0.4) return { authorization: `Bearer ${name}` };
        return choice < 0.5
          ? { authorization: `Bearer ${name}`, cookie: `sid=${name}` }
          : { cookie: `sid=${name}` };
    }
  }

  /** What makes another key of it: the object is asked for as if for the first time. */
  #query({ kind }: WorldObject): string {
    const fresh = this.#random();
    const share = kind.write === 'quick' || kind.write === 'slow' ? 0.7 : 0.1;
    if (fresh < share) return `?n=${Math.floor(this.#random() * 1e9)}`;
    return fresh > 0.9 ? `?utm_source=${Math.floor(fresh * 1e6)}` : '';
  }

  /** As browsers, as crawlers, as players' own loaders do. */
  #accepts({ kind }: WorldObject): string | undefined {
    return this.#random() < (isCodable(kind) ? 0.6 : 0.1) ? this.#one(ACCEPTED) : undefined;
  }

  #one<T>(list: readonly [T, ...T[]]): T {
    return list[Math.floor(this.#random() * list.length)] ?? list[0];
  }

  #any<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#random() * list.length)];
  }

  #weighted<T>(list: readonly T[], weightOf: (one: T) => number): T | undefined {
    const sum = list.reduce((all, one) => all + weightOf(one), 0);
    let left = this.#random() * sum;
    return list.find((one) => (left -= weightOf(one)) < 0) ?? list[0];
  }
}

/** What an action is really about; the rest would only make it rarer. */
function suitsAction({ kind }: WorldObject, action: Action): boolean {
  if (action === 'gang') return kind.secret || kind.name === 'slow' || kind.anonymousShared;
  if (action === 'slow') return kind.sizes[1] > 100_000;
  // Parts of a playlist do not say of which version they are.
  if (action === 'ranges') return kind.trouble !== 'live';
  if (action === 'if-range' || action === 'if-match') {
    return kind.status === 200 && kind.write !== 'slow';
  }
  return true;
}

/** Apart for each stream of one seed. */
export function randomOf(seed: number, stream: number): () => number {
  return seededRandom(seed ^ Math.imul(stream + 1, 0x9e_37_79_b1));
}
