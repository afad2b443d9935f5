/** The asks of one worker that are unanswered: by number, by what may join them, by who waits. */
import type { AskRequest } from '../../protocol/messages.js';
import { fieldValue } from '../../http/fields.js';

export interface Ask<H> {
  readonly id: number;
  readonly shard: number;
  readonly request: AskRequest;
  readonly sinceMs: number;
  /** Whose request it is: answers to his fields go to nobody else. */
  readonly leader: H;
  readonly joinKey: string; // '': nobody joins it
  readonly members: Set<H>;
  /** Its body comes through the shard, for the leader alone. */
  isRelaying: boolean;
}

export class OpenAsks<H> {
  readonly #asks = new Map<number, Ask<H>>();
  readonly #joinable = new Map<string, Ask<H>>();
  readonly #byHandler = new Map<H, Ask<H>>();
  #nextId = 1;

  get size(): number {
    return this.#asks.size;
  }

  find(id: number): Ask<H> | undefined {
    return this.#asks.get(id);
  }

  of(handler: H): Ask<H> | undefined {
    return this.#byHandler.get(handler);
  }

  /** As a list of its own: what is done with one may end it. */
  all(): Ask<H>[] {
    return [...this.#asks.values()];
  }

  /** True: an equal ask is open, and the handler waits for it, too. */
  join(joinKey: string, handler: H): boolean {
    const open = this.#joinable.get(joinKey);
    if (open === undefined) return false;
    open.members.add(handler);
    this.#byHandler.set(handler, open);
    return true;
  }

  begin(facts: Pick<Ask<H>, 'shard' | 'request' | 'sinceMs' | 'leader' | 'joinKey'>): Ask<H> {
    const { leader, joinKey } = facts;
    const id = this.#nextId++;
    const ask: Ask<H> = { id, members: new Set([leader]), isRelaying: false, ...facts };
    this.#asks.set(id, ask);
    this.#byHandler.set(leader, ask);
    if (joinKey !== '') this.#joinable.set(joinKey, ask);
    return ask;
  }

  /** The ask that the handler has left. */
  leave(handler: H): Ask<H> | undefined {
    const ask = this.#byHandler.get(handler);
    if (ask !== undefined) this.#forget(ask, handler);
    return ask;
  }

  /** The ask is its leader's from now on: nobody joins it, and the others, who are given, have left it. */
  relay(ask: Ask<H>): H[] {
    this.#unlist(ask);
    ask.isRelaying = true;
    const others = [...ask.members].filter((member) => member !== ask.leader);
    for (const member of others) this.#forget(ask, member);
    return others;
  }

  /** It is over. Gives who waited. */
  end(ask: Ask<H>): H[] {
    this.#asks.delete(ask.id);
    this.#unlist(ask);
    for (const member of ask.members) this.#byHandler.delete(member);
    return [...ask.members];
  }

  /** Who asks from now on joins none of them. */
  joinNoMore(): void {
    this.#joinable.clear();
  }

  clear(): void {
    this.#asks.clear();
    this.#joinable.clear();
    this.#byHandler.clear();
  }

  #forget(ask: Ask<H>, member: H): void {
    ask.members.delete(member);
    this.#byHandler.delete(member);
  }

  #unlist(ask: Ask<H>): void {
    if (this.#joinable.get(ask.joinKey) === ask) this.#joinable.delete(ask.joinKey);
  }
}

/** Of asks that may join: whoever differs in one of these may not get the same answer; what Vary names shows only later. */
export function joinKeyOf(request: AskRequest): string {
  const { key, headers, range, credentialed, beyond } = request;
  const encoding = fieldValue(headers, 'accept-encoding') ?? '';
  return `${key}\n${encoding}\n${range}\n${credentialed}\n${beyond}`;
}
