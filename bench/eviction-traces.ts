/**
 * Request traces shaped like segment traffic, for bench/eviction.ts: the same seed gives the same
 * trace. An object is a number; sizes are in whole blocks of 4 KiB, the smallest that the arena had when
 * the figures were taken.
 */

/** In order of time: `objects[i]` is asked for; `sizes[object]` bytes; `times[i]` seconds. */
export interface Trace {
  readonly name: string;
  readonly objects: Int32Array;
  readonly sizes: Float64Array;
  readonly times: Float64Array;
}

type Random = () => number;

const CELL = 4_096;
const SEGMENT_S = 4;
const LADDER_BPS = [400_000, 900_000, 1_800_000, 3_500_000, 6_000_000]; // 200 KB to 3 MB a segment
const LADDER_SHARE = [0.08, 0.12, 0.2, 0.3, 0.3];
const AUDIO_BPS = 128_000;
const AUDIO = LADDER_BPS.length;
const TRACKS = LADDER_BPS.length + 1;

/** Mulberry32: small, and good enough to draw traffic with. */
export function random(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws ranks 0 to n-1 with weight 1 / (rank + 1) ** exponent. */
export function zipf(n: number, exponent: number, rnd: Random): () => number {
  const cumulative = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i++) cumulative[i] = sum += 1 / (i + 1) ** exponent;
  return () => {
    const at = rnd() * sum;
    let low = 0;
    let high = n - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function pick(shares: readonly number[], rnd: Random): number {
  let left = rnd();
  const at = shares.findIndex((share) => (left -= share) < 0);
  return at < 0 ? shares.length - 1 : at;
}

/** Collects requests in any order; `trace` sorts them by time and numbers the objects. */
class Recorder {
  readonly #keys: string[] = [];
  readonly #times: number[] = [];
  readonly #rnd: Random;
  constructor(rnd: Random) {
    this.#rnd = rnd;
  }

  ask(timeS: number, key: string): void {
    this.#times.push(timeS);
    this.#keys.push(key);
  }

  /** `key` starts with its kind: v (video), a (audio), i (init segment), p (playlist). */
  trace(name: string): Trace {
    const order = Uint32Array.from(this.#times.keys());
    order.sort((a, b) => (this.#times[a] ?? 0) - (this.#times[b] ?? 0));
    const ids = new Map<string, number>();
    const sizes: number[] = [];
    const objects = Int32Array.from(order, (i) => {
      const key = this.#keys[i] ?? '';
      let id = ids.get(key);
      if (id === undefined) {
        id = ids.size;
        ids.set(key, id);
        sizes.push(Math.ceil(sizeOf(key, this.#rnd) / CELL) * CELL);
      }
      return id;
    });
    const times = Float64Array.from(order, (i) => this.#times[i] ?? 0);
    return { name, objects, sizes: Float64Array.from(sizes), times };
  }
}

function sizeOf(key: string, rnd: Random): number {
  if (key.startsWith('i')) return 1_200;
  if (key.startsWith('p')) return 9_000;
  const bps = key.startsWith('a') ? AUDIO_BPS : (LADDER_BPS[Number(key[1])] ?? 0);
  // Variable bit rate: log-normal with sigma 0.35, by the sum of twelve uniforms.
  let normal = -6;
  for (let i = 0; i < 12; i++) normal += rnd();
  return ((bps * SEGMENT_S) / 8) * Math.exp(0.35 * normal);
}

function startUp(to: Recorder, atS: number, title: string, rung: number): void {
  to.ask(atS, `p${rung}/${title}`);
  to.ask(atS + 0.05, `i${rung}/${title}`);
  to.ask(atS + 0.06, `i${AUDIO}/${title}`);
}

function segment(to: Recorder, atS: number, title: string, [rung, index]: [number, number]): void {
  to.ask(atS, `v${rung}/${title}/${index}`);
  to.ask(atS + 0.02, `a/${title}/${index}`);
}

/**
 * Channels by Zipf; 95 of 100 viewers follow the edge a few seconds behind, the others watch from
 * somewhere in the last half hour. Sessions last eight minutes on average.
 */
function live(to: Recorder, rnd: Random, o: { seconds: number; sessions: number }): void {
  const channel = zipf(24, 1, rnd);
  for (let i = 0; i < o.sessions; i++) {
    const rung = pick(LADDER_SHARE, rnd);
    const title = `live${channel()}`;
    const startS = rnd() * o.seconds;
    const behindS = rnd() < 0.95 ? 2 + 10 * rnd() : rnd() * 1_800;
    const lengthS = Math.min(-Math.log(1 - rnd()) * 480, o.seconds - startS);
    const first = Math.floor((startS - behindS) / SEGMENT_S);
    to.ask(startS, `i${rung}/${title}`);
    for (let n = 0; n < lengthS / SEGMENT_S; n++) {
      if (first + n >= 0) segment(to, startS + n * SEGMENT_S, title, [rung, first + n]);
    }
  }
}

const TITLES = 1_500;
const TITLE_SEGMENTS = 300; // twenty minutes

/**
 * Titles by Zipf (0.9); two of ten viewers leave within the first segments, the others after a
 * geometric time; one of five starts in the middle (resumes). Every tenth of the time three new
 * titles enter on top.
 */
function vod(to: Recorder, rnd: Random, o: { seconds: number; sessions: number }): void {
  const rank = zipf(TITLES, 0.9, rnd);
  for (let i = 0; i < o.sessions; i++) {
    const startS = rnd() * o.seconds;
    const entered = 3 * Math.floor((10 * startS) / o.seconds);
    const title = `vod${rank() - entered}`;
    const rung = pick(LADDER_SHARE, rnd);
    const mean = rnd() < 0.2 ? 2 : 60;
    const watched = 1 + Math.floor(-Math.log(1 - rnd()) * mean);
    const first = rnd() < 0.2 ? Math.floor(rnd() * TITLE_SEGMENTS) : 0;
    startUp(to, startS, title, rung);
    for (let n = 0; n < watched && first + n < TITLE_SEGMENTS; n++) {
      // Players fill a buffer of 30 s at once, then follow the clock.
      const atS = startS + Math.max(0.5 * n, (n - 7) * SEGMENT_S);
      if (atS < o.seconds) segment(to, atS, title, [rung, first + n]);
    }
  }
}

/** Reads every rung of title after title once, evenly over the middle half of the time. */
function scan(to: Recorder, o: { seconds: number; titles: number }): void {
  const reads = o.titles * TITLE_SEGMENTS * TRACKS;
  for (let n = 0; n < reads; n++) {
    const atS = o.seconds * (0.25 + (0.5 * n) / reads);
    const track = n % TRACKS;
    const at = `vod${TITLES - 1 - Math.floor(n / (TITLE_SEGMENTS * TRACKS))}`;
    const index = Math.floor(n / TRACKS) % TITLE_SEGMENTS;
    to.ask(atS, track === AUDIO ? `a/${at}/${index}` : `v${track}/${at}/${index}`);
  }
}

/** A crawler of thumbnails and documents: small objects, each asked for once. */
function flood(to: Recorder, o: { seconds: number; pages: number }): void {
  for (let n = 0; n < o.pages; n++) {
    to.ask(o.seconds * (0.25 + (0.5 * n) / o.pages), `p/page${n}`);
  }
}

/** The five traces; `scale` 1 gives about half a million requests each. */
export function traces(seed: number, scale: number): Trace[] {
  const seconds = 7_200;
  const make = (name: string, fill: (to: Recorder, rnd: Random) => void): Trace => {
    const rnd = random(seed);
    const to = new Recorder(rnd);
    fill(to, rnd);
    return to.trace(name);
  };
  const n = (sessions: number): number => Math.round(sessions * scale);
  return [
    make('live', (to, rnd) => {
      live(to, rnd, { seconds, sessions: n(2_500) });
    }),
    make('vod', (to, rnd) => {
      vod(to, rnd, { seconds, sessions: n(5_000) });
    }),
    make('vod+scan', (to, rnd) => {
      vod(to, rnd, { seconds, sessions: n(5_000) });
      scan(to, { seconds, titles: n(80) });
    }),
    make('vod+flood', (to, rnd) => {
      vod(to, rnd, { seconds, sessions: n(5_000) });
      flood(to, { seconds, pages: n(150_000) });
    }),
    make('mix', (to, rnd) => {
      live(to, rnd, { seconds, sessions: n(1_200) });
      vod(to, rnd, { seconds, sessions: n(2_500) });
      scan(to, { seconds, titles: n(25) });
    }),
  ];
}
