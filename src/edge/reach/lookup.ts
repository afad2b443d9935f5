/**
 * Finds what this worker may serve without asking: one look into the directory of the key's shard. What takes
 * more than its metadata is made ready for it, an object of JavaScript; some of these are kept for the next request,
 * each in the place its slot has by hash, so that they are bounded and no index of their own.
 */
import type { ArenaView } from '../../arena/arena.js';
import type { Directory } from '../../arena/directory.js';
import { type MetadataView, METADATA_FLAGS } from '../../arena/metadata.js';
import { decodeMetadata } from '../../protocol/metadata-codec.js';
import { isSelectedBy, secondaryKey } from '../../rules/vary.js';
import type { FieldLines } from '../../http/fields.js';
import { hash32, shardOf, spread } from '../../runtime/hash.js';
import { LocalObject } from './local-object.js';

const PLACE_BITS = 11;
/** Larger ones are made anew: all together are at most 32 MiB of heap. */
const MAX_KEPT_BYTES = 16_384;

export interface LookupOptions {
  /** By shard. */
  readonly directories: readonly Directory[];
  readonly arena: ArenaView;
  readonly cacheName: string;
}

interface Ready {
  readonly object: LocalObject;
  /** Of the metadata that it was made of: one of the same slot and generation may say more. */
  readonly edition: number;
}

export class Lookup {
  readonly #options: LookupOptions;
  readonly #ready: (Ready | undefined)[] = Array.from({ length: 2 ** PLACE_BITS }, () => undefined);
  #bytes = 0;

  constructor(options: LookupOptions) {
    this.#options = options;
  }

  /** Estimate of the heap that objects kept ready take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The directory that a key with that hash is found in, if it is. */
  directoryOf(hash: number): Directory | undefined {
    const { directories } = this.#options;
    return directories[shardOf(hash, directories.length)];
  }

  /**
   * The whole response that the fields select, or the head of one in slices; their shard knows of parts. Nothing
   * keeps it in place: acquire its slot under its generation.
   */
  find(key: string, fields: FieldLines): LocalObject | undefined {
    const directory = this.#protect(key, fields);
    if (directory === undefined) return undefined;
    const { metadata, view } = directory;
    try {
      const object = this.ready(metadata, key);
      // A hash has led here.
      return isSelectedBy(fields, object.descriptor) ? object : undefined;
    } finally {
      view.unprotect();
    }
  }

  /** Whether there is something to find, as far as hashes tell; nothing is made ready. */
  has(key: string, fields: FieldLines): boolean {
    const directory = this.#protect(key, fields);
    directory?.view.unprotect();
    return directory !== undefined;
  }

  /** The directory with the metadata of the one that the fields select, guarded. */
  #protect(key: string, fields: FieldLines): Directory | undefined {
    const hash = hash32(key);
    const directory = this.directoryOf(hash);
    if (directory === undefined) return undefined;
    const { metadata } = directory;
    let selected: number | undefined; // of one key all vary by the same fields
    const isWanted = (): boolean => {
      if ((metadata.flags & METADATA_FLAGS.part) !== 0) return false;
      if (!metadata.varies) return true;
      selected ??= hash32(secondaryKey(metadata.names, fields)) | 0;
      return selected === metadata.secondary;
    };
    return directory.protect(key, hash, isWanted) ? directory : undefined;
  }

  /** The object of that key whose metadata is guarded. */
  ready(metadata: MetadataView, key: string): LocalObject {
    const { slot, edition } = metadata;
    const place = spread(slot) >>> (32 - PLACE_BITS);
    const known = this.#ready[place];
    if (known?.edition === edition && isOf(known.object, slot, metadata.generation)) {
      return known.object;
    }
    const object = this.#make(metadata, key);
    this.#keep(place, object.bytes > MAX_KEPT_BYTES ? undefined : { object, edition });
    return object;
  }

  #make(metadata: MetadataView, key: string): LocalObject {
    const { directories, arena, cacheName } = this.#options;
    const { names, bornMs, fields, pack } = metadata;
    const shard = shardOf(hash32(key), directories.length);
    const places = metadata.places();
    const { descriptor } = decodeMetadata({ key, shard, names, bornMs, fields, pack, places });
    return new LocalObject(descriptor, arena, cacheName);
  }

  #keep(place: number, ready: Ready | undefined): void {
    this.#bytes += (ready?.object.bytes ?? 0) - (this.#ready[place]?.object.bytes ?? 0);
    this.#ready[place] = ready;
  }
}

function isOf({ descriptor }: LocalObject, slot: number, generation: number): boolean {
  return descriptor.slot === slot && descriptor.generation === generation;
}
