/**
 * Readers, fast and slow, of objects that are replaced, purged and evicted under them, against a
 * gateway whose cache is far too small for all of it. Every body is compared with what the origin
 * made for the version it claims, and that version with what a purge allows.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { FAULTY_CLI, type Gateway, metricsOf, type PurgeOrder, tryPurge } from './gateway.js';
import { type RawAnswer, RawClient } from './raw-client.js';
import {
  explainDifference,
  versionedBody,
  versionIn,
  type VersionedObject,
  type VersionedOrigin,
} from './versioned-origin.js';

export interface StressOptions {
  readonly gateway: Gateway;
  readonly origin: VersionedOrigin;
  readonly objects: readonly VersionedObject[];
  readonly random: () => number;
  readonly seconds: number;
}

export interface StressReport {
  /** What must not be: a sentence each, at most a hundred. */
  readonly faults: readonly string[];
  readonly bodies: number; // whole ones, checked
  readonly bytes: number;
  readonly ranges: number; // of the bodies
  readonly slow: number; // of the bodies, read slowly
  readonly cut: number; // ended early by a closed connection
  readonly abandoned: number; // left by the client on purpose
  readonly refused: ReadonlyMap<number, number>; // by status
  readonly hardPurges: number;
  readonly softPurges: number;
  readonly purgesRefused: number; // a worker had no time for them
  readonly slowestPurgeMs: number;
  readonly replaced: number; // versions made
  readonly seen: number; // objects of which more than one version was seen
  readonly stalledMost: number; // slow readers at once
  readonly checkedAfterPurge: number; // bodies that a purge had set a least version for
}

const FAST_READERS = 10;
const SLOW_READERS = 8;
const MAX_FAULTS = 100;
const REPLACE_EVERY_MS = 10;
const PURGE_EVERY_MS = 40;
const HERD_EVERY_MS = 400;
const HERD = 8;
const PATIENCE_MS = 25_000; // for one answer; the slowest reader needs ten seconds
const SLOW_RATES = [150_000, 300_000, 700_000] as const; // bytes per second

export async function runStress(options: StressOptions): Promise<StressReport> {
  const stress = new Stress(options);
  await stress.run();
  return stress.report;
}

interface Floor {
  version: number; // requests that start from now on must not see an older one
}

class Stress {
  readonly #options: StressOptions;
  readonly #endMs: number;
  readonly #floors: Map<VersionedObject, Floor>;
  readonly #seen = new Map<VersionedObject, number>();
  readonly report = {
    faults: [] as string[],
    bodies: 0,
    bytes: 0,
    ranges: 0,
    slow: 0,
    cut: 0,
    abandoned: 0,
    refused: new Map<number, number>(),
    hardPurges: 0,
    softPurges: 0,
    purgesRefused: 0,
    slowestPurgeMs: 0,
    replaced: 0,
    seen: 0,
    stalledMost: 0,
    checkedAfterPurge: 0,
  };

  constructor(options: StressOptions) {
    this.#options = options;
    this.#endMs = Date.now() + options.seconds * 1_000;
    this.#floors = new Map(options.objects.map((object) => [object, { version: 0 }]));
  }

  async run(): Promise<void> {
    await Promise.all([
      ...Array.from({ length: FAST_READERS }, () => this.#readerLoop(this.#readFast)),
      ...Array.from({ length: SLOW_READERS }, () => this.#readerLoop(this.#readSlow)),
      this.#every(REPLACE_EVERY_MS, () => {
        this.#pick().version += 1;
        this.report.replaced += 1;
      }),
      this.#every(PURGE_EVERY_MS, () => this.#purge()),
      this.#every(HERD_EVERY_MS, () => this.#herd()),
      this.#every(500, () => this.#watch()),
    ]);
  }

  #over(): boolean {
    return Date.now() >= this.#endMs || this.report.faults.length >= MAX_FAULTS;
  }

  async #every(ms: number, act: () => unknown): Promise<void> {
    while (!this.#over()) {
      await act();
      await delay(ms);
    }
  }

  /** Zipf-like: a few are asked for all the time, the rest now and then. */
  #pick(): VersionedObject {
    const { objects, random } = this.#options;
    const at = Math.floor(objects.length * random() ** 2.5);
    return objects[at] ?? (objects[0] as VersionedObject);
  }

  async #readerLoop(read: (client: RawClient) => Promise<boolean>): Promise<void> {
    while (!this.#over()) {
      const client = await RawClient.open(this.#options.gateway.port);
      // A connection is kept while its answers are whole.
      while (!this.#over() && (await read(client)));
      client.close();
    }
  }

  readonly #readFast = async (client: RawClient): Promise<boolean> => {
    const { random } = this.#options;
    const object = this.#pick();
    const what = random();
    if (what < 0.03) {
      this.report.abandoned += 1;
      client.send(`GET ${object.path} HTTP/1.1\r\nHost: test\r\n\r\n`);
      await delay(random() * 30);
      client.reset();
      return false;
    }
    // A query that is no part of the key keeps a request off the shortest way of a hit.
    const path = what < 0.3 ? `${object.path}?utm_x=${Math.floor(random() * 1e6)}` : object.path;
    if (what < 0.6) return this.#read(client, object, { path });
    const start = Math.floor(random() * object.size);
    const end = Math.min(object.size - 1, start + Math.floor(random() * 300_000));
    return this.#read(client, object, { path, range: [start, end] });
  };

  readonly #readSlow = async (client: RawClient): Promise<boolean> => {
    const { random, objects } = this.#options;
    const large = objects.filter(({ size }) => size > (random() < 0.5 ? 5_000_000 : 500_000));
    const object = large[Math.floor(random() * large.length)] ?? this.#pick();
    const rate = SLOW_RATES[Math.floor(random() * SLOW_RATES.length)] ?? SLOW_RATES[0];
    // The kernel takes some 4 MB off a slow reader's hands: only the largest hold a lease for long.
    return this.#read(client, object, {
      path: object.path,
      rate: object.size > 5_000_000 ? rate * 4 : rate,
    });
  };

  /** Many clients at once for one object that has just been purged. */
  async #herd(): Promise<void> {
    const object = this.#pick();
    object.version += 1;
    await this.#purgeHard([object], { scope: 'exact', path: object.path });
    await Promise.all(
      Array.from({ length: HERD }, async () => {
        const client = await RawClient.open(this.#options.gateway.port);
        await this.#read(client, object, { path: object.path });
        client.close();
      }),
    );
  }

  async #purge(): Promise<void> {
    const { objects, random } = this.#options;
    const object = this.#pick();
    const what = random();
    const folder = object.path.slice(0, object.path.lastIndexOf('/') + 1);
    if (what < 0.3) {
      this.report.softPurges += 1;
      const scope = what < 0.15 ? 'exact' : 'prefix';
      await this.#order({ scope, path: scope === 'exact' ? object.path : folder, soft: true });
    } else if (what < 0.9) {
      await this.#purgeHard([object], { scope: 'exact', path: object.path });
    } else {
      const under = objects.filter(({ path }) => path.startsWith(folder));
      await this.#purgeHard(under, { scope: 'prefix', path: folder });
    }
  }

  /** Replaced first, as it is in life: the purge is there to make the new version seen. */
  async #purgeHard(
    objects: readonly VersionedObject[],
    order: { scope: 'exact' | 'prefix'; path: string },
  ): Promise<void> {
    if (objects.length === 1) for (const object of objects) object.version += 1;
    const current = objects.map(({ version }) => version);
    if (!(await this.#order(order))) return;
    this.report.hardPurges += 1;
    objects.forEach((object, i) => {
      const floor = this.#floors.get(object);
      if (floor !== undefined) floor.version = Math.max(floor.version, current[i] ?? 0);
    });
  }

  /** False: refused, so that it holds for nothing. */
  async #order(order: PurgeOrder): Promise<boolean> {
    const startMs = Date.now();
    const count = await tryPurge(this.#options.gateway, order);
    this.report.slowestPurgeMs = Math.max(this.report.slowestPurgeMs, Date.now() - startMs);
    if (count === undefined) this.report.purgesRefused += 1;
    return count !== undefined;
  }

  async #watch(): Promise<void> {
    const metric = await metricsOf(this.#options.gateway);
    this.report.stalledMost = Math.max(this.report.stalledMost, metric('stalled_writers'));
  }

  /** True: whole and right, so the connection may be used again. */
  async #read(
    client: RawClient,
    object: VersionedObject,
    how: { path: string; range?: readonly [number, number]; rate?: number },
  ): Promise<boolean> {
    const { range, rate } = how;
    const least = this.#floors.get(object)?.version ?? 0;
    const lines = range === undefined ? [] : [`Range: bytes=${range[0]}-${range[1]}`];
    const answer = await this.#inTime(
      client,
      object,
      client.get(how.path, lines, rate === undefined ? {} : { rate }),
    );
    if (answer.status === 0) {
      // Closed before any answer: only an answer that was cut may end a connection.
      this.#fault(`${object.path}: closed without an answer`);
      return false;
    }
    if (answer.status !== 200 && answer.status !== 206) {
      this.#refusal(object, answer);
      return answer.whole;
    }
    if (!answer.whole) {
      this.report.cut += 1;
      if (!client.isClosed) this.#fault(`${object.path}: cut, and the connection still open`);
      this.#checkStart(object, answer);
      return false;
    }
    this.#check(object, answer, least);
    if (rate !== undefined) this.report.slow += 1;
    return true;
  }

  async #inTime(
    client: RawClient,
    { path }: VersionedObject,
    answer: Promise<RawAnswer>,
  ): Promise<RawAnswer> {
    const timer = setTimeout(() => {
      this.#fault(`${path}: not answered in ${PATIENCE_MS} ms`);
      client.close();
    }, PATIENCE_MS);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  #refusal(object: VersionedObject, { status, body }: RawAnswer): void {
    this.report.refused.set(status, (this.report.refused.get(status) ?? 0) + 1);
    const text = body.toString('latin1');
    const known = /^GW_(?:ORIGIN_BODY_SHORT|ORIGIN_CONNECT|ORIGIN_BREAKER_OPEN|ARENA_FULL)/;
    if (!known.test(text)) this.#fault(`${object.path}: ${status} ${text.trim()}`);
  }

  #check(object: VersionedObject, answer: RawAnswer, least: number): void {
    const { body } = answer;
    const firstByte = firstByteOf(answer);
    const version = versionOf(answer);
    this.report.bodies += 1;
    this.report.bytes += body.length;
    if (answer.status === 206) this.report.ranges += 1;
    if (least > 0) this.report.checkedAfterPurge += 1;
    const claimed = versionIn(body, firstByte);
    if (claimed >= 0 && claimed !== version) {
      this.#fault(`${object.path}: ETag of version ${version}, bytes of ${claimed}`);
    }
    if (version < least) {
      this.#fault(`${object.path}: version ${version} after a purge at ${least}`);
    }
    if (version > object.version) this.#fault(`${object.path}: version ${version} is not made yet`);
    const before = this.#seen.get(object);
    if (before !== undefined && before !== version) this.report.seen += 1;
    this.#seen.set(object, version);
    this.#compare(object, answer, version);
  }

  /** Whole bodies by digest, ranges and what differs byte by byte. */
  #compare(object: VersionedObject, { status, body, fields }: RawAnswer, version: number): void {
    if (status === 200) {
      const digest = createHash('sha256').update(body).digest('hex');
      if (digest === this.#options.origin.digestOf(object, version)) return;
    }
    const firstByte = firstByteOf({ status, fields });
    const whole = versionedBody(object, version);
    const expected = status === 200 ? whole : whole.subarray(firstByte, firstByte + body.length);
    const told = Number(fields.get('content-length') ?? body.length);
    if (!body.equals(expected)) {
      this.#fault(`${object.path}: ${explainDifference(body, expected, firstByte)}`);
    } else if (told !== body.length || (status === 200 && body.length !== object.size)) {
      this.#fault(`${object.path}: ${body.length} bytes, told ${told}, made ${object.size}`);
    }
  }

  /** What came before the end must be right, too. */
  #checkStart(object: VersionedObject, answer: RawAnswer): void {
    const firstByte = firstByteOf(answer);
    const { body } = answer;
    const expected = versionedBody(object, versionOf(answer)).subarray(
      firstByte,
      firstByte + body.length,
    );
    if (!body.equals(expected)) {
      this.#fault(`${object.path}: cut, ${explainDifference(body, expected, firstByte)}`);
    }
  }

  #fault(what: string): void {
    if (this.report.faults.length < MAX_FAULTS) this.report.faults.push(what);
  }
}

function firstByteOf({ status, fields }: Pick<RawAnswer, 'status' | 'fields'>): number {
  if (status !== 206) return 0;
  return Number(/^bytes (\d+)-/.exec(fields.get('content-range') ?? '')?.[1] ?? NaN);
}

function versionOf({ fields }: RawAnswer): number {
  return Number(/-(\d+)"$/.exec(fields.get('etag') ?? '')?.[1] ?? NaN);
}

/** A cache of a sixth of what is asked of it, in pieces that just hold its largest objects. */
export const STRESS_ARGS = [
  ...['--cache-memory', '16MiB', '--shards', '2', '--log-level', 'error'],
  ...['--set', 'cache.maxObject=6MiB', '--set', 'origin.connections=256'],
  ...['--set', 'origin.breaker.failures=1000'],
] as const;

/** Small send buffers: slow readers stall their writers, which hold leases, instead of the kernel. */
export const STRESS_GATEWAY = { entry: FAULTY_CLI, env: { SEND_BUFFER: '32768' } } as const;

/** Objects of 1 KB to 1.5 MB, 70 MB in all, and six of 5.5 MB, of every manner. */
export function stressObjects(): VersionedObject[] {
  const sizes = [1_000, 9_000, 50_000, 65_536, 180_000, 400_001, 700_000, 1_000_000, 1_500_000];
  const manners = ['plain', 'late', 'slow', 'plain', 'chunked', 'plain', 'broken'] as const;
  return Array.from({ length: 168 }, (_, id) => ({
    id,
    path: `/stream-${id % 12}/object-${id}.m4s`,
    size: id < 162 ? (sizes[id % sizes.length] ?? 1_000) : 5_500_000,
    maxAgeS: [1, 2, 3_600][id % 3] ?? 1,
    manner: manners[id % manners.length] ?? 'plain',
    version: 1,
  }));
}
