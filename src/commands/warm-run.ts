/**
 * Fetches what a playlist or manifest names through the gateway, so that the cache has it before
 * viewers come. Bounded: in requests at a time, in objects, in the size of a playlist.
 */
import { GatewayError } from '../errors.js';
import { listingOf, type Listing } from './warm-listing.js';

export interface WarmPlan {
  readonly url: string;
  readonly first: number; // segments of each rendition; Infinity: all
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
  }

  async all(): Promise<void> {
    const { url } = this.#plan;
    this.#known.add(url);
    const top = await this.#playlist(url).catch((reason: unknown) => {
      throw new GatewayError('GW_WARM_FAILED', `${url}: ${why(reason)}`, { cause: reason });
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

  /** The absolute URL when it is new, on the same host and within the bound. */
  #admit(uri: string, base: string): string | undefined {
    const url = URL.canParse(uri, base) ? new URL(uri, base) : undefined;
    if (url?.origin !== new URL(base).origin || this.#known.size >= MAX_OBJECTS) {
      this.#skipped += 1;
      return undefined;
    }
    url.hash = '';
    if (this.#known.has(url.href)) return undefined;
    this.#known.add(url.href);
    return url.href;
  }

  async #playlist(url: string): Promise<{ listing: Listing; url: string }> {
    const fetched = await this.#fetch(url, 'keep');
    return { listing: listingOf(fetched.text, fetched.url, this.#plan.first), url: fetched.url };
  }

  async #fetch(url: string, body: 'keep' | 'drop'): Promise<Fetched> {
    const response = await fetch(url, { signal: AbortSignal.timeout(this.#plan.timeoutMs) });
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
    if (/;\s*hit\b/.test(response.headers.get('cache-status') ?? '')) this.#hits += 1;
    return { url: response.url, text: Buffer.concat(chunks).toString('utf8') };
  }

  /** Runs `task` on all URLs, `concurrency` at a time; a failure is noted and stops nothing. */
  async #each(urls: readonly string[], task: (url: string) => Promise<void>): Promise<void> {
    const queue = urls.values();
    const lane = async (): Promise<void> => {
      for (const url of queue) {
        await task(url).catch((reason: unknown) => {
          this.#failures.push(`${url}: ${why(reason)}`);
        });
        this.#done += 1;
        this.#plan.onProgress(this.#done, this.#known.size - 1);
      }
    };
    await Promise.all(Array.from({ length: this.#plan.concurrency }, lane));
  }
}

/** fetch() says 'fetch failed' and keeps the reason in `cause`. */
function why(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  return reason.cause instanceof Error ? reason.cause.message : reason.message;
}
