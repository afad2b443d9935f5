/** Placing with real holdings, and what it told: what it kept, and whom it sent on. */
import type { FieldLines } from '../../src/http/fields.js';
import type { ObjectFacts } from '../../src/media/defaults.js';
import type { Stored } from '../../src/shard/holdings/entry.js';
import type { Fill } from '../../src/shard/intake/fill.js';
import type { Arrival } from '../../src/shard/intake/fill-plan.js';
import { Placing } from '../../src/shard/intake/placing.js';
import { readBody } from '../../src/shard/intake/read-body.js';
import { IntakeBench } from './intake.js';

export class PlacingBench extends IntakeBench {
  readonly stored: Stored[] = [];
  readonly redecided: number[] = [];
  facts: Partial<ObjectFacts> = {};
  readonly placing = new Placing(this.context, this.answers, {
    redecide: ({ id }) => this.redecided.push(id),
    onStored: (stored) => this.stored.push(stored),
    factsOf: (_, status) => ({ status, ...this.facts }),
  });

  accept(fill: Fill, arrival: Arrival): string | undefined {
    return this.placing.accept(fill, arrival, this.plan(fill, arrival));
  }

  /** Takes an answer in, and its body. */
  take(fill: Fill, headers: FieldLines, text: string): Arrival {
    const arrival = this.arrival(200, headers);
    const refusal = this.accept(fill, arrival);
    if (refusal !== undefined || fill.body === undefined) throw new Error(`refused: ${refusal}`);
    this.context.holdings.store.arena.write(fill.body.extents, 0, Buffer.from(text));
    fill.written = text.length;
    return arrival;
  }

  storeHead(fill: Fill, headers: FieldLines, status = 200): boolean {
    const arrival = this.arrival(status, headers);
    return this.placing.storeHead(fill, arrival, this.plan(fill, arrival));
  }

  /** The bytes as they lie in the arena. */
  text({ descriptor }: Stored): string {
    const { arena } = this.context.holdings.store;
    const bytes = readBody(arena, descriptor.extents, descriptor.storedBytes);
    return Buffer.from(bytes as Uint8Array).toString();
  }

  get takenBytes(): number {
    return this.context.holdings.store.takenBytes;
  }
}
