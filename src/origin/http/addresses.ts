/**
 * The addresses of one origin's name. `getaddrinfo` tells no lifetime, so they are asked for again
 * after a short while, and kept for as long as nobody can tell new ones.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** As long as most resolvers' shortest lifetimes; a name server that is asked more often gains nothing. */
const LIFE_MS = 10_000;
/** An address that could not be connected to is tried last for so long. */
const REST_MS = 10_000;

/** All addresses of a name, in the resolver's order. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

export interface AddressOptions {
  readonly now?: () => number; // ms of a clock that never steps
  readonly resolve?: Resolve;
}

export class Addresses {
  readonly #hostname: string; // without the brackets of an IPv6 literal
  readonly #now: () => number; // ms
  readonly #resolve: Resolve;
  #known: readonly string[] = [];
  #until = -Infinity;
  #asking: Promise<readonly string[]> | undefined;
  #turn = 0;
  readonly #failed = new Map<string, number>(); // until when it rests

  constructor(hostname: string, { now = monotonicMs, resolve = resolveAll }: AddressOptions = {}) {
    this.#hostname = withoutBrackets(hostname);
    this.#now = now;
    this.#resolve = resolve;
    if (isIP(this.#hostname) !== 0) {
      this.#known = [this.#hostname];
      this.#until = Infinity;
    }
  }

  /**
   * All of them, to be tried in this order: each connection begins with the next one, and what failed a
   * moment ago comes last.
   * @throws what the resolver throws, when no address was ever known
   */
  async inTurn(): Promise<readonly string[]> {
    const known = this.#now() < this.#until ? this.#known : await this.#ask();
    const start = this.#turn % Math.max(1, known.length);
    this.#turn += 1;
    const turned = [...known.slice(start), ...known.slice(0, start)];
    if (this.#failed.size === 0) return turned;
    const isResting = (address: string): boolean => this.#rests(address);
    return [...turned.filter((one) => !isResting(one)), ...turned.filter(isResting)];
  }

  failed(address: string): void {
    if (this.#known.length > 1) this.#failed.set(address, this.#now() + REST_MS);
  }

  connected(address: string): void {
    this.#failed.delete(address);
  }

  #rests(address: string): boolean {
    const until = this.#failed.get(address);
    if (until === undefined) return false;
    if (this.#now() < until) return true;
    this.#failed.delete(address);
    return false;
  }

  #ask(): Promise<readonly string[]> {
    this.#asking ??= this.#askOnce().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #askOnce(): Promise<readonly string[]> {
    try {
      const addresses = await this.#resolve(this.#hostname);
      this.#known = addresses;
      for (const address of this.#failed.keys()) {
        if (!addresses.includes(address)) this.#failed.delete(address);
      }
    } catch (reason) {
      // A name server that fails takes down no origin whose addresses are known.
      if (this.#known.length === 0) throw reason;
    }
    this.#until = this.#now() + LIFE_MS;
    return this.#known;
  }
}

/** The address of an IPv6 literal in a URL; any other host as it is. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function monotonicMs(): number {
  return performance.now();
}

async function resolveAll(hostname: string): Promise<string[]> {
  const found = await lookup(hostname, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}
