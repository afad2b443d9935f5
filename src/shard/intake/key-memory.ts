/**
 * What a shard remembers of keys beside what it stores: that answers cannot be shared, that a body is
 * too large, when a client last had it refreshed, where it ends. A fixed number of keys, each by its
 * digest: what is forgotten costs the origin a request, never a viewer a wrong answer.
 */
import { digestOf } from '../../runtime/digest.js';

/** After an answer that nobody else could share: that long, one leads and the others do not wait. */
const UNSHARED_MS = 5_000;
/** A body that was too large is not tried again before this; twice as long each time, up to a day. */
const FIRST_PASS_MS = 300_000;
const LONGEST_PASS_MS = 86_400_000;
/** What says by its length that it is too large. */
const LARGE_MS = 60_000;
/** On clients' word alone, an object is fetched anew once in this time. */
const REFRESH_MS = 1_000;
/** How long the origin's word counts that there is nothing behind a length. */
const END_MS = 1_000;

interface Facts {
  unsharedUntilMs: number; // for anybody
  boundUntilMs: number; // for requests with credentials
  passUntilMs: number;
  passMs: number; // the last such time
  refreshedMs: number;
  endBytes: number; // -1 not known
  endUntilMs: number;
}

export class KeyMemory {
  readonly #limit: number;
  /** By digest, the longest unchanged first. */
  readonly #facts = new Map<string, Facts>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#facts.size;
  }

  /** True: the last answer to such a request was its leader's alone, so waiting for one is in vain. */
  isUnshared(key: string, credentialed: boolean, nowMs: number): boolean {
    const facts = this.#find(key);
    if (facts === undefined) return false;
    return facts.unsharedUntilMs > nowMs || (credentialed && facts.boundUntilMs > nowMs);
  }

  /** An answer could not be shared: for nobody, or only for those with credentials. */
  noteUnshared(key: string, who: 'everybody' | 'credentialed', nowMs: number): void {
    const facts = this.#change(key);
    if (who === 'everybody') facts.unsharedUntilMs = nowMs + UNSHARED_MS;
    facts.boundUntilMs = nowMs + UNSHARED_MS;
  }

  /** An answer could be shared after all. */
  noteShared(key: string): void {
    const facts = this.#find(key);
    if (facts === undefined) return;
    facts.unsharedUntilMs = 0;
    facts.boundUntilMs = 0;
  }

  /** True: the whole is larger than what may be kept. */
  isPassing(key: string, nowMs: number): boolean {
    const facts = this.#find(key);
    return facts !== undefined && facts.passUntilMs > nowMs;
  }

  /** Its length says that it is too large: cheap to look at again. */
  noteLarge(key: string, nowMs: number): void {
    const facts = this.#change(key);
    facts.passUntilMs = Math.max(facts.passUntilMs, nowMs + LARGE_MS);
  }

  /** It proved to be too large only after it had taken that much room. */
  notePassing(key: string, nowMs: number): void {
    const facts = this.#change(key);
    facts.passMs = Math.min(LONGEST_PASS_MS, facts.passMs === 0 ? FIRST_PASS_MS : facts.passMs * 2);
    facts.passUntilMs = nowMs + facts.passMs;
  }

  /** True: nobody had it refreshed within the last second, and from now on somebody has. */
  takeRefresh(key: string, nowMs: number): boolean {
    const facts = this.#find(key);
    if (facts !== undefined && nowMs - facts.refreshedMs < REFRESH_MS) return false;
    this.#change(key).refreshedMs = nowMs;
    return true;
  }

  /** Bytes behind which the origin has just said there is nothing; undefined: ask it. */
  endOf(key: string, nowMs: number): number | undefined {
    const facts = this.#find(key);
    if (facts === undefined || facts.endBytes < 0 || facts.endUntilMs <= nowMs) return undefined;
    return facts.endBytes;
  }

  noteEnd(key: string, bytes: number, nowMs: number): void {
    const facts = this.#change(key);
    facts.endBytes = bytes;
    facts.endUntilMs = nowMs + END_MS;
  }

  /** All of it: a purge wants a fresh look, and digests know no prefixes. */
  clear(): void {
    this.#facts.clear();
  }

  #find(key: string): Facts | undefined {
    // Most shards remember nothing: then no digest is made.
    return this.#facts.size === 0 ? undefined : this.#facts.get(digestOf(key));
  }

  #change(key: string): Facts {
    const digest = digestOf(key);
    const facts = this.#facts.get(digest) ?? {
      unsharedUntilMs: 0,
      boundUntilMs: 0,
      passUntilMs: 0,
      passMs: 0,
      refreshedMs: -Infinity,
      endBytes: -1,
      endUntilMs: 0,
    };
    this.#facts.delete(digest);
    this.#facts.set(digest, facts);
    if (this.#facts.size > this.#limit) {
      const [oldest] = this.#facts.keys();
      if (oldest !== undefined) this.#facts.delete(oldest);
    }
    return facts;
  }
}
