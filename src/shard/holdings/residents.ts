/** What of a shard's entries and responses is on the heap now, and an estimate of what it takes there. */
import type { Entry, Stored } from './entry.js';

interface Response {
  readonly stored: Stored;
  readonly bytes: number;
  /** What its metadata says; undefined when there is none. */
  readonly recorded: Stored['descriptor'] | undefined;
  readonly recordedRetryAtMs: number;
}

export class Residents {
  /** By the slot of their bodies. */
  readonly #responses = new Map<number, Response>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  has(slot: number): boolean {
    return this.#responses.has(slot);
  }

  get(slot: number): Stored | undefined {
    return this.#responses.get(slot)?.stored;
  }

  /** `isRecorded`: its metadata says what it is. */
  add(stored: Stored, isRecorded: boolean): void {
    const bytes = heapOf(stored);
    const { descriptor, retryAtMs, body } = stored;
    const recorded = isRecorded ? descriptor : undefined;
    this.#responses.set(body.slot, { stored, bytes, recorded, recordedRetryAtMs: retryAtMs });
    this.#bytes += bytes;
  }

  /** False: it was not resident. */
  remove(slot: number): boolean {
    this.#bytes -= this.#responses.get(slot)?.bytes ?? 0;
    return this.#responses.delete(slot);
  }

  /** Whether its metadata says what it is now. */
  isRecorded({ body, descriptor, retryAtMs }: Stored): boolean {
    const response = this.#responses.get(body.slot);
    return response?.recorded === descriptor && response.recordedRetryAtMs === retryAtMs;
  }

  addEntry(entry: Entry): void {
    this.#bytes += entryBytes(entry);
  }

  removeEntry(entry: Entry): void {
    this.#bytes -= entryBytes(entry);
  }
}

/** Measured, as the other; their test says how near they are. An entry, and what the index knows of it. */
function entryBytes({ key }: Entry): number {
  return 900 + key.length;
}

/** One response: its objects, and the lines that are its own. */
function heapOf({ originFields, secondary }: Stored): number {
  let bytes = 1_700 + secondary.length;
  for (const [name, value] of originFields) bytes += 130 + name.length + value.length;
  return bytes;
}
