/** A store and its texts, each of which needs the other. */
import { ObjectStore, type ObjectStoreOptions } from './object-store.js';
import { StoredTexts } from './stored-texts.js';

/** A store and the texts of what it holds, which take their pieces from it. */
export function openStore(
  options: Omit<ObjectStoreOptions, 'texts'> & { readonly shard: number },
): { readonly store: ObjectStore; readonly texts: StoredTexts } {
  const { arena, shard } = options;
  const texts: StoredTexts = new StoredTexts({
    arena,
    shard,
    pieces: {
      takePiece: (bytes, butNot) => store.takePiece(bytes, butNot),
      givePiece: (piece) => {
        store.givePiece(piece);
      },
    },
  });
  const store: ObjectStore = new ObjectStore({ texts, ...options });
  return { store, texts };
}
