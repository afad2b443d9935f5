/** A store and its metadata, each of which needs the other. */
import { ObjectStore, type ObjectStoreOptions } from './object-store.js';
import { MetadataStore } from './metadata-store.js';

/** A store and the metadata of what it holds, which takes its pieces from it. */
export function openStore(
  options: Omit<ObjectStoreOptions, 'metadata'> & { readonly shard: number },
): { readonly store: ObjectStore; readonly metadata: MetadataStore } {
  const { arena, shard } = options;
  const metadata: MetadataStore = new MetadataStore({
    arena,
    shard,
    pieces: {
      takePiece: (bytes, butNot) => store.takePiece(bytes, butNot),
      givePiece: (piece) => {
        store.givePiece(piece);
      },
    },
  });
  const store: ObjectStore = new ObjectStore({ metadata, ...options });
  return { store, metadata };
}
