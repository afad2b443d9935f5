/** What of a shard's entries and responses is on the heap now, and an estimate of what it takes there. */
import type { Entry, Stored } from './entry.js';
import type { KeyDigest } from './slot-chains.js';

/** An entry of which something is resident, or that is held. */
export interface Known {
  readonly entry: Entry;
  readonly digest: KeyDigest;
  head: number; // of its chain; NO_SLOT while nothing is stored
  residents: number; // of its responses
}

interface Response {
  readonly stored: Stored;
  readonly bytes: number;
  /** What its metadata says; undefined when there is none. */
  readonly recorded: Stored['descriptor'] | undefined;
  readonly recordedRetryAtMs: number;
}

export class Residents {
  readonly #maxBytes: number;
  readonly #onFull: () => void;
  readonly #entries = new Map<string, Known>();
  /** By the slot of their bodies. */
  readonly #responses = new Map<number, Response>();
  /** Looked at since they were last unloaded. */
  readonly #touched = new Set<Entry>();
  #bytes = 0;
  #fullIsDue = false;

  /** `onFull` is called in a turn of its own when something is looked at while there are `maxBytes` or more. */
  constructor(maxBytes: number, onFull: () => void) {
    this.#maxBytes = maxBytes;
    this.#onFull = onFull;
  }

  get bytes(): number {
    return this.#bytes;
  }

  entry(key: string): Known | undefined {
    return this.#entries.get(key);
  }

  /** What is known of this very entry; undefined when it was forgotten, or another has its key. */
  of(entry: Entry): Known | undefined {
    const known = this.#entries.get(entry.key);
    return known?.entry === entry ? known : undefined;
  }

  entries(): Iterable<Known> {
    return this.#entries.values();
  }

  know(entry: Entry, place: Pick<Known, 'digest' | 'head'>): void {
    this.#entries.set(entry.key, { entry, ...place, residents: 0 });
    this.#bytes += entryBytes(entry);
    this.touch(entry);
  }

  forget(entry: Entry): void {
    this.#touched.delete(entry);
    if (this.#entries.delete(entry.key)) this.#bytes -= entryBytes(entry);
  }

  touch(entry: Entry): void {
    this.#touched.add(entry);
    if (this.#bytes < this.#maxBytes || this.#fullIsDue) return;
    this.#fullIsDue = true;
    setImmediate(() => {
      this.#fullIsDue = false;
      this.#onFull();
    });
  }

  /** As `touch`, but the next sweep will do, however much there is. */
  leaveTouched(entry: Entry): void {
    this.#touched.add(entry);
  }

  untouch(entry: Entry): void {
    this.#touched.delete(entry);
  }

  /** As a list of its own. */
  touched(): Entry[] {
    return [...this.#touched];
  }

  has(slot: number): boolean {
    return this.#responses.has(slot);
  }

  get(slot: number): Stored | undefined {
    return this.#responses.get(slot)?.stored;
  }

  /** `isRecorded`: its metadata says what it is. */
  add(known: Known, stored: Stored, isRecorded: boolean): void {
    const bytes = heapOf(stored);
    const { descriptor, retryAtMs, body } = stored;
    const recorded = isRecorded ? descriptor : undefined;
    this.#responses.set(body.slot, { stored, bytes, recorded, recordedRetryAtMs: retryAtMs });
    this.#bytes += bytes;
    known.residents += 1;
  }

  /** Nothing, when it is not resident. */
  remove(known: Known, slot: number): void {
    const response = this.#responses.get(slot);
    if (response === undefined) return;
    this.#responses.delete(slot);
    this.#bytes -= response.bytes;
    known.residents -= 1;
  }

  /** Whether its metadata says what it is now. */
  isRecorded({ body, descriptor, retryAtMs }: Stored): boolean {
    const response = this.#responses.get(body.slot);
    return response?.recorded === descriptor && response.recordedRetryAtMs === retryAtMs;
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
