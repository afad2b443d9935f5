/**
 * Fetches what a playlist or manifest names through the gateway, so that the cache has it before
 * viewers come. Bounded: in requests at a time, in objects, in the size of a playlist.
 */
import { parseList } from 'structured-headers';
import { redactUrls } from '../config/faults.js';
import { GatewayError } from '../errors.js';
import { listingOf, type Listing } from './warm-listing.js';

export interface WarmPlan {
  readonly url: string;
  readonly first: number; // segments of each rendition, of a live one the newest; Infinity: all
  readonly concurrency: number;
  readonly timeoutMs: number; // for each object
  readonly onProgress: (done: number, total: number) => void;
}

export interface WarmResult {
  readonly objects: number; // fetched whole, playlists included
  readonly bytes: number;
  readonly hits: number; // of them, in the cache already
  readonly skipped: number; // on other hosts, or beyond the bound
  readonly failures: readonly string[]; // 'url: why'
}

const MAX_OBJECTS = 100_000;
const MAX_PLAYLIST_BYTES = 4 * 2 ** 20;
const MAX_REDIRECTIONS = 5;
/** Those that have a GET ask again elsewhere: RFC 9110 section 15.4. */
const REDIRECTIONS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** @throws GatewayError GW_WARM_FAILED when the first playlist cannot be had or read. */
export async function warm(plan: WarmPlan): Promise<WarmResult> {
  const run = new WarmRun(plan);
  await run.all();
  return run.result();
}

interface Fetched {
  readonly url: string; // after redirections
  readonly text: string; // '' unless it was asked for
}

class WarmRun {
  readonly #plan: WarmPlan;
  readonly #gateway: string; // its origin: what lies elsewhere is not in its cache
  readonly #known = new Set<string>(); // every URL planned, so that none is fetched twice
  readonly #segments: string[] = [];
  readonly #failures: string[] = [];
  #objects = 0;
  #bytes = 0;
  #hits = 0;
  #skipped = 0;
  #done = 0;

  constructor(plan: WarmPlan) {
    this.#plan = plan;
    this.#gateway = new URL(plan.url).origin;
  }

  async all(): Promise<void> {
    const { url } = this.#plan;
    this.#known.add(url);
    const top = await this.#playlist(url).catch((reason: unknown) => {
      throw new GatewayError('GW_WARM_FAILED', failure(url, reason), { cause: reason });
    });
    const renditions = this.#admitAll(top.listing.playlists, top.url);
    this.#noteMedia(top.listing, top.url);
    await this.#each(renditions, async (rendition) => {
      const { listing, url: base } = await this.#playlist(rendition);
      this.#noteMedia(listing, base);
    });
    await this.#each(this.#segments, async (segment) => {
      await this.#fetch(segment, 'drop');
    });
  }

  result(): WarmResult {
    return {
      objects: this.#objects,
      bytes: this.#bytes,
      hits: this.#hits,
      skipped: this.#skipped,
      failures: this.#failures,
    };
  }

  #noteMedia({ media }: Listing, base: string): void {
    for (const url of this.#admitAll(media, base)) this.#segments.push(url);
  }

  #admitAll(uris: readonly string[], base: string): string[] {
    return uris.flatMap((uri) => this.#admit(uri, base) ?? []);
  }

  /** The absolute URL when it is new, at the gateway and within the bound. */
  #admit(uri: string, base: string): string | undefined {
    const url = this.#urlAtGateway(uri, base);
    if (url === undefined || this.#known.size >= MAX_OBJECTS) {
      this.#skipped += 1;
      return undefined;
    }
    url.hash = '';
    if (this.#known.has(url.href)) return undefined;
    this.#known.add(url.href);
    return url.href;
  }

  /** A password makes of it a request of one viewer, whose answer is kept for nobody. */
  #urlAtGateway(uri: string, base: string): URL | undefined {
    const url = URL.canParse(uri, base) ? new URL(uri, base) : undefined;
    return url?.origin === this.#gateway && !hasUser(url) ? url : undefined;
  }

  async #playlist(url: string): Promise<{ listing: Listing; url: string }> {
    const fetched = await this.#fetch(url, 'keep');
    return { listing: listingOf(fetched.text, fetched.url, this.#plan.first), url: fetched.url };
  }

  async #fetch(url: string, body: 'keep' | 'drop'): Promise<Fetched> {
    const { response, url: last } = await this.#follow(url);
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`status ${response.status}`);
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (body === 'drop') continue;
      if (size > MAX_PLAYLIST_BYTES) throw new Error(`more than ${MAX_PLAYLIST_BYTES} bytes`);
      chunks.push(chunk);
    }
    this.#objects += 1;
    this.#bytes += size;
    if (isHit(response.headers.get('cache-status') ?? '')) this.#hits += 1;
    return { url: last, text: Buffer.concat(chunks).toString('utf8') };
  }

  /** The answer at the end of all redirections. @throws Error when they lead away from the gateway */
  async #follow(url: string): Promise<{ readonly response: Response; readonly url: string }> {
    const signal = AbortSignal.timeout(this.#plan.timeoutMs);
    let at = url;
    for (let count = 0; count <= MAX_REDIRECTIONS; count += 1) {
      const response = await fetch(at, { signal, redirect: 'manual' });
      const location = response.headers.get('location');
      if (!REDIRECTIONS.has(response.status) || location === null) return { response, url: at };
      await response.body?.cancel();
      const next = this.#urlAtGateway(location, at);
      if (next === undefined) throw new Error(`redirected away from the gateway, to ${location}`);
      next.hash = '';
      at = next.href;
    }
    throw new Error(`more than ${MAX_REDIRECTIONS} redirections`);
  }

  /** Runs `task` on all URLs, `concurrency` at a time; a failure is noted and stops nothing. */
  async #each(urls: readonly string[], task: (url: string) => Promise<void>): Promise<void> {
    const queue = urls.values();
    const lane = async (): Promise<void> => {
      for (const url of queue) {
        await task(url).catch((reason: unknown) => {
          this.#failures.push(failure(url, reason));
        });
        this.#done += 1;
        this.#plan.onProgress(this.#done, this.#known.size - 1);
      }
    };
    await Promise.all(Array.from({ length: this.#plan.concurrency }, lane));
  }
}

/** Whether a URL says who asks. */
export function hasUser({ username, password }: URL): boolean {
  return username !== '' || password !== '';
}

/** Ours is the last member, behind those of caches nearer to the origin: RFC 9211 section 2. */
function isHit(cacheStatus: string): boolean {
  try {
    return parseList(cacheStatus).at(-1)?.[1].get('hit') === true;
  } catch {
    return false; // not a list: a gateway of ours sends one
  }
}

function failure(url: string, reason: unknown): string {
  return redactUrls(`${url}: ${why(reason)}`);
}

/** fetch() says 'fetch failed', or 'terminated' of a body, and keeps the reason in `cause`. */
function why(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  const { message, cause } = reason;
  if (!(cause instanceof Error) || !/^(?:fetch failed|terminated)$/.test(message)) return message;
  const code = 'code' in cause ? String(cause.code) : message; // of several addresses only that is told
  return cause.message || code;
}
